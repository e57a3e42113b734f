"""Where the devices' own records and the desk disagree."""

from typing import Self

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from config.models import Clinic, User
from devices.models import Device
from rentals.models.rental import Rental


class DiscrepancyQuerySet(models.QuerySet["Discrepancy"]):
    def visible_to(self, user: User) -> Self:
        """Those of the user's clinics, and those of a device that no clinic knows."""
        return self.filter(Q(clinic__in=user.visible_clinics()) | Q(clinic__isnull=True))


@pghistory.track()
class Discrepancy(models.Model):
    """One disagreement, opened once: `subject` names what it is about among those of its kind."""

    class Kind(models.TextChoices):
        COUNTER_DOWN = "counter_down", _("Counter Down")
        COUNTER_JUMP = "counter_jump", _("Counter Jump")
        COUNTER_LOG_MISMATCH = "counter_log_mismatch", _("Counter Log Mismatch")
        LOG_MISSING = "log_missing", _("Log Missing")
        USAGE_OUTSIDE_RENTAL = "usage_outside_rental", _("Usage Outside Rental")
        OVER_PRESCRIBED = "over_prescribed", _("Over Prescribed")
        CLOCK_IN_DOUBT = "clock_in_doubt", _("Clock In Doubt")
        CONFLICTING_DUPLICATE = "conflicting_duplicate", _("Conflicting Duplicate")
        UNKNOWN_DEVICE = "unknown_device", _("Unknown Device")
        PAST_NOMINAL = "past_nominal", _("Past Nominal")
        SILENT_DEVICE = "silent_device", _("Silent Device")

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("a discrepancy", "Open")
        CLOSED = "closed", pgettext_lazy("a discrepancy", "Closed")

    class ClosedAs(models.TextChoices):
        EXPLAINED = "explained", _("Explained")  # by later data, without a person
        CORRECTED = "corrected", _("Corrected")  # what was wrong has been put right
        ACCEPTED = "accepted", pgettext_lazy("a discrepancy", "Accepted")  # it is so, and there is nothing to put right
        MISTAKEN = "mistaken", _("Mistaken")  # it was not so

    kind = models.CharField(max_length=24, choices=Kind)
    subject = models.CharField(max_length=120)
    state = models.CharField(max_length=6, choices=State, default=State.OPEN)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, null=True, related_name="+")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, null=True, related_name="discrepancies")
    rental = models.ForeignKey(Rental, on_delete=models.PROTECT, null=True, related_name="discrepancies")
    why = models.TextField(help_text="What happened, in one sentence.")
    action = models.TextField(help_text="What to do about it, in one sentence.")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    closed_as = models.CharField(max_length=9, choices=ClosedAs, blank=True)
    note = models.TextField(blank=True)
    owner = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", help_text="Who has taken it on."
    )

    objects = DiscrepancyQuerySet.as_manager()

    class Meta:
        ordering = ("-opened_at", "-pk")
        verbose_name_plural = "discrepancies"
        indexes = [
            models.Index(fields=["clinic", "state", "-opened_at"], name="discrepancy_clinic_state"),
            models.Index(fields=["device", "state"], name="discrepancy_device"),
            models.Index(fields=["rental", "state"], name="discrepancy_rental"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject"], name="discrepancy_opened_once"),
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True, closed_as="")
                | (Q(state="closed", closed_at__isnull=False) & ~Q(closed_as="")),
                name="discrepancy_closed_when_state_says_so",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
