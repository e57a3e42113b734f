"""What the devices logged: imports, treatments, pauses.

Treatments stand here rather than in `devices` because each carries the rental it counts for (I6).
"""

from typing import Self

import pgtrigger
from django.contrib.postgres.fields import DateRangeField
from django.db import models
from django.db.models import Q
from django.utils.translation import pgettext_lazy

from config.models import User
from devices.fields import DeviceTimeField
from devices.models import Allowance, Device, ReadOut
from rentals.models.rental import Rental


class UsageImportQuerySet(models.QuerySet["UsageImport"]):
    def visible_to(self, user: User) -> Self:
        """What the user, or somebody of the same clinics, has brought in; all for one who sees every clinic."""
        if not user.clinics.exists():
            return self.all()
        colleagues = User.objects.filter(Q(clinics__in=user.visible_clinics()) | Q(pk=user.pk))
        return self.filter(uploaded_by__in=colleagues)


class UsageImport(models.Model):
    """One delivery of usage data and what became of it. The row is the truth; a task is only a poke."""

    class Status(models.TextChoices):
        QUEUED = "queued", pgettext_lazy("an import", "Queued")
        RUNNING = "running", pgettext_lazy("an import", "Running")
        DONE = "done", pgettext_lazy("an import", "Done")
        FAILED = "failed", pgettext_lazy("an import", "Failed")

    class Route(models.TextChoices):
        UPLOAD = "upload", pgettext_lazy("how data came", "Upload")  # at the desk or over the API
        FOLDER = "folder", pgettext_lazy("how data came", "Folder")
        GATEWAY = "gateway", pgettext_lazy("how data came", "Gateway")

    route = models.CharField(max_length=7, choices=Route, default=Route.UPLOAD)
    file = models.FileField(upload_to="usage/")
    name = models.CharField(max_length=200, blank=True, help_text="As the uploader called the file.")
    status = models.CharField(max_length=7, choices=Status, default=Status.QUEUED)
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    accepted = models.PositiveIntegerField(default=0, help_text="Treatments and pauses that were new.")
    duplicate = models.PositiveIntegerField(default=0, help_text="Treatments and pauses already known.")
    rejected = models.JSONField(default=list, help_text="One {line, reason} for each record not taken.")
    failure = models.TextField(blank=True, help_text="Why nothing was taken, for the person at the desk.")
    progress = models.PositiveSmallIntegerField(default=0, help_text="Percent of the work done, while it runs.")
    cancelled_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    late_for = models.ManyToManyField(
        Rental, related_name="late_imports", help_text="Rentals that had ended when this brought treatments of theirs."
    )

    objects = UsageImportQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        indexes = [
            models.Index(
                fields=["created_at"], condition=Q(status__in=["queued", "running"]), name="usage_import_open"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running", "done", "failed"]),
                name="usage_import_status_known",
            ),
        ]

    def __str__(self) -> str:
        return f"usage import {self.pk}"


class UsageRoute(models.Model):
    """How far an outside source has been read, and when it may be asked again; one row a source."""

    name = models.CharField(max_length=20, unique=True)
    cursor = models.TextField(blank=True, help_text="Where the source said to go on; empty: from its beginning.")
    lease_until = models.DateTimeField(null=True, help_text="Until when one run has the source to itself.")
    next_try_at = models.DateTimeField(null=True, help_text="Not to be asked before, after it failed.")
    failures = models.PositiveSmallIntegerField(default=0, help_text="Failed runs since the last one that went well.")
    failure = models.TextField(blank=True, help_text="Why the last run failed, for the person at the desk.")
    succeeded_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class TreatmentQuerySet(models.QuerySet["Treatment"]):
    def sessions(self) -> Self:
        """Without the records of 0 seconds: those are kept, but never count."""
        return self.filter(seconds__gt=0)


def references_exist(operation: pgtrigger.Operation) -> pgtrigger.Trigger:
    """Refuse treatments whose read-out, allowance or rental is not there; one look a statement."""
    return pgtrigger.Trigger(
        name=f"treatment_references_on_{str(operation).lower()}",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(new="changed"),
        func=pgtrigger.Func(
            """
            IF EXISTS (
                SELECT FROM (SELECT DISTINCT device_id, read_out_id, allowance_id, rental_id FROM changed) c
                LEFT JOIN devices_readout o ON (o.id, o.device_id) = (c.read_out_id, c.device_id)
                LEFT JOIN devices_allowance a ON (a.id, a.device_id) = (c.allowance_id, c.device_id)
                LEFT JOIN rentals_rental r ON r.id = c.rental_id
                WHERE o.id IS NULL OR a.id IS NULL OR (c.rental_id IS NOT NULL AND r.id IS NULL)
            ) THEN
                RAISE EXCEPTION 'a treatment names what is not there: read-out, allowance or rental'
                    USING ERRCODE = 'foreign_key_violation';
            END IF;
            RETURN NULL;
            """
        ),
    )


class Treatment(models.Model):
    """One logged session. The raw columns never change; the derived ones are rewritten by reconcile (I6).

    A million rows arrive in one statement, so references are checked once a statement, by a trigger: a
    foreign key would look up each row (13 microseconds a row, more than all the rest). What they name
    cannot be deleted: rentals, read-outs and allowances by triggers of their own, a device while it
    has a read-out.
    """

    class Outcome(models.TextChoices):
        COMPLETED = "completed", pgettext_lazy("a treatment", "Completed")
        STOPPED = "stopped", pgettext_lazy("a treatment", "Stopped")
        FAULT = "fault", pgettext_lazy("a treatment", "Fault")

    class Method(models.TextChoices):
        # The clock was not seen; the device's time is taken for the clinic's.
        NONE = "none", pgettext_lazy("how a clock was corrected", "None")
        # As far off as at its read-out.
        CONSTANT = "constant", pgettext_lazy("how a clock was corrected", "Constant")
        # Between two read-outs, spread evenly.
        DRIFT = "drift", pgettext_lazy("how a clock was corrected", "Drift")
        # The clock was set between two read-outs, and its log shows where.
        STEP = "step", pgettext_lazy("how a clock was corrected", "Step")
        # A person said by how much.
        RULED = "ruled", pgettext_lazy("how a clock was corrected", "Ruled")

    device = models.ForeignKey(
        Device, on_delete=models.PROTECT, related_name="treatments", db_index=False, db_constraint=False
    )
    read_out = models.ForeignKey(
        ReadOut, on_delete=models.PROTECT, related_name="treatments", db_index=False, db_constraint=False
    )
    n = models.PositiveIntegerField(help_text="The device's own treatment number.")
    started_device = DeviceTimeField()
    seconds = models.PositiveIntegerField()
    outcome = models.CharField(max_length=9, choices=Outcome)
    code = models.CharField(max_length=20, blank=True)

    allowance = models.ForeignKey(
        Allowance, on_delete=models.PROTECT, related_name="treatments", db_index=False, db_constraint=False
    )
    started_corrected = models.DateTimeField()
    offset_seconds = models.IntegerField(help_text="Added to the device time to get the corrected time in UTC.")
    method = models.CharField(max_length=10, choices=Method)
    rental = models.ForeignKey(
        Rental,
        on_delete=models.PROTECT,
        null=True,
        related_name="treatments",
        db_index=False,
        db_constraint=False,
    )

    objects = TreatmentQuerySet.as_manager()

    class Meta:
        ordering = ("device", "started_corrected")
        indexes = [
            models.Index(fields=["device", "started_corrected"], name="treatment_device_start"),
            models.Index(
                fields=["rental", "started_corrected"],
                condition=Q(rental__isnull=False),
                name="treatment_rental_start",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["allowance", "n"], condition=Q(seconds__gt=0), name="treatment_once_an_allowance"
            ),
            models.UniqueConstraint(
                fields=["device", "n", "started_device"],
                condition=Q(seconds=0),
                name="treatment_empty_record_once",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["completed", "stopped", "fault"]), name="treatment_outcome_known"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="treatment_never_dropped", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="treatment_raw_never_edited",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(
                    "device", "read_out", "n", "started_device", "seconds", "outcome", "code"
                ),
            ),
            *(references_exist(operation) for operation in (pgtrigger.Insert, pgtrigger.Update)),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} treatment {self.n}"


class Pause(models.Model):
    """Days of the device's own calendar, both included in the file, on which treatment was paused."""

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="pauses")
    read_out = models.ForeignKey(ReadOut, on_delete=models.PROTECT, related_name="pauses", db_index=False)
    device_days = DateRangeField()
    days = DateRangeField(help_text="The same days by the corrected clock.")

    class Meta:
        ordering = ("device", "device_days")
        constraints = [
            models.UniqueConstraint(fields=["device", "device_days"], name="pause_once"),
            models.CheckConstraint(condition=Q(device_days__isempty=False), name="pause_has_days"),
        ]
        triggers = [
            pgtrigger.Protect(name="pause_never_dropped", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="pause_raw_never_edited",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("device", "read_out", "device_days"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} pause"


class ClockRuling(models.Model):
    """A person's word on how far the clock of a device was off for one read-out; the latest one holds."""

    read_out = models.ForeignKey(ReadOut, on_delete=models.PROTECT, related_name="rulings")
    offset_seconds = models.IntegerField(
        null=True, help_text="Added to the device time to get UTC; empty: worked out by Callus again."
    )
    note = models.TextField()
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("at", "pk")
        constraints = [models.CheckConstraint(condition=~Q(note=""), name="clock_ruling_says_why")]
        triggers = [
            pgtrigger.Protect(name="clock_ruling_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.read_out} ruled"
