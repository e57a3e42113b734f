"""What the clinic owns: models, units, what each may still deliver, and what its screen said."""

from datetime import datetime
from functools import cache
from typing import Self

import pghistory
import pgtrigger
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from config.models import Clinic, User
from devices.fields import DeviceTimeField


@pghistory.track()
class DeviceModel(models.Model):
    """A type of device. Capacity differs by model and market, so it is data; unknown is a value."""

    class CapacityHolder(models.TextChoices):
        UNIT = "unit", pgettext_lazy("what holds the treatments", "Unit")
        CARD = "card", pgettext_lazy("what holds the treatments", "Card")

    maker = models.CharField(max_length=80, blank=True)
    name = models.CharField(max_length=120)
    part_number = models.CharField(max_length=40, unique=True)
    gtin = models.CharField("GTIN", max_length=14, blank=True)
    nominal_treatments = models.PositiveIntegerField(null=True, blank=True)
    minutes_per_treatment = models.PositiveSmallIntegerField(default=20, validators=[MinValueValidator(1)])
    capacity_holder = models.CharField(max_length=4, choices=CapacityHolder, default=CapacityHolder.UNIT)
    turnaround_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Days needed after the due day; the clinic's own number when empty."
    )
    reuse_signed_off_by = models.CharField(max_length=120, blank=True)
    reuse_signed_off_at = models.DateTimeField(null=True, blank=True)
    reuse_text = models.TextField(blank=True, help_text="The text under which reuse was signed off.")

    class Meta:
        ordering = ("name", "part_number")
        constraints = [
            models.CheckConstraint(
                condition=Q(reuse_signed_off_at__isnull=True, reuse_signed_off_by="", reuse_text="")
                | (Q(reuse_signed_off_at__isnull=False) & ~Q(reuse_signed_off_by="") & ~Q(reuse_text="")),
                name="device_model_sign_off_complete",
            ),
            models.CheckConstraint(
                condition=Q(capacity_holder__in=["unit", "card"]), name="device_model_capacity_holder_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def reuse_permitted(self) -> bool:
        """Without a sign-off a unit goes to one patient only, ever (I3)."""
        return self.reuse_signed_off_at is not None


@cache
def used_treatments(device: str) -> Subquery:
    """Treatments used of the current allowance of the device that the outer column `device` names."""
    return of_current_allowance(device, used_of_allowance())


@cache
def remaining_treatments(device: str) -> Subquery:
    """Nominal less used of that allowance: null where the nominal number is unknown, and negative past it."""
    return of_current_allowance(device, F("nominal_treatments") - used_of_allowance())


def used_of_allowance() -> Combinable:
    """Used = carried over + counter since the allowance began, by trusted readings only (I5)."""
    latest_counter = (
        Reading.objects.filter(allowance=OuterRef("pk"), trusted=True).order_by("-read_at", "-pk").values("counter")
    )
    counted = Coalesce(Subquery(latest_counter[:1]), F("counter_at_start")) - F("counter_at_start")
    return F("carried_over") + counted


def of_current_allowance(device: str, value: Combinable) -> Subquery:
    """`value` of the current allowance of the device that the outer column `device` names, read at one go."""
    allowances = Allowance.objects.filter(device=OuterRef(device)).order_by("-number")
    return Subquery(allowances.annotate(value=value).values("value")[:1])


@cache  # what is asked for anew with every list takes longer to put together than to answer
def counters() -> dict[str, Combinable]:
    """What `DeviceQuerySet.with_counters` adds."""
    reading = Reading.objects.filter(device=OuterRef("pk"), trusted=True).order_by("-read_at", "-pk")
    allowance = Allowance.objects.filter(device=OuterRef("pk")).order_by("-number")
    return {
        "counter": Coalesce(
            Subquery(reading.values("counter")[:1]), Subquery(allowance.values("counter_at_start")[:1])
        ),
        "last_reading_at": Subquery(reading.values("read_at")[:1]),
        "used_treatments": used_treatments("pk"),
        "remaining_treatments": remaining_treatments("pk"),
    }


class DeviceQuerySet(models.QuerySet["Device"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(clinic__in=user.visible_clinics())

    def with_counters(self) -> Self:
        """Adds `counter`, `last_reading_at`, `used_treatments` and `remaining_treatments`."""
        return self.annotate(**counters())


@pghistory.track()
class Device(models.Model):
    """One unit. Serial numbers restart, so part number and serial together identify it."""

    class Condition(models.TextChoices):
        READY = "ready", _("Ready")
        QUARANTINE = "quarantine", _("Quarantine")
        REPAIR = "repair", _("Repair")
        RECALLED = "recalled", _("Recalled")
        LOST = "lost", _("Lost")
        SOLD = "sold", _("Sold")
        RETIRED = "retired", _("Retired")

    serial = models.CharField(max_length=40)
    model = models.ForeignKey(DeviceModel, on_delete=models.PROTECT, related_name="devices")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="devices", db_index=False)
    condition = models.CharField(max_length=10, choices=Condition, default=Condition.READY)
    shelf_until = models.DateField(null=True, blank=True, help_text="Last day of its shelf life.")
    service_due_on = models.DateField(null=True, blank=True, help_text="Day by which it must be serviced.")
    created_at = models.DateTimeField()

    # Added by `with_counters`.
    counter: int
    last_reading_at: datetime | None
    used_treatments: int
    remaining_treatments: int | None

    objects = DeviceQuerySet.as_manager()

    class Meta:
        ordering = ("serial", "pk")
        indexes = [models.Index(fields=["clinic", "condition"], name="device_clinic_condition")]
        constraints = [
            models.UniqueConstraint(fields=["serial", "model"], name="device_serial_once_a_model"),
            models.CheckConstraint(condition=~Q(serial=""), name="device_serial_given"),
            models.CheckConstraint(
                condition=Q(condition__in=["ready", "quarantine", "repair", "recalled", "lost", "sold", "retired"]),
                name="device_condition_known",
            ),
        ]

    def __str__(self) -> str:
        return self.serial


class Allowance(models.Model):
    """The treatments one unit or one card may deliver, and where its counting began.

    Only a new card or a replaced unit renews capacity; a counter that starts again carries the used
    number on, and is provisional until a person has looked at it (I5).
    """

    class Cause(models.TextChoices):
        FIRST = "first", pgettext_lazy("a reading or an allowance", "First")
        CARD = "card", _("Card")
        REPLACED_UNIT = "replaced_unit", _("Replaced Unit")
        RESET = "reset", pgettext_lazy("of a counter", "Reset")

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="allowances")
    number = models.PositiveSmallIntegerField()
    cause = models.CharField(max_length=13, choices=Cause, default=Cause.FIRST)
    began_at = models.DateTimeField()
    nominal_treatments = models.PositiveIntegerField(null=True)
    carried_over = models.IntegerField(default=0, help_text="Treatments used before this counting began.")
    counter_at_start = models.PositiveIntegerField(default=0)
    provisional = models.BooleanField(default=False)

    class Meta:
        ordering = ("device", "number")
        constraints = [
            models.UniqueConstraint(fields=["device", "number"], name="allowance_number_once_a_device"),
            models.CheckConstraint(
                condition=Q(cause__in=["first", "card", "replaced_unit", "reset"]),
                name="allowance_cause_known",
            ),
        ]
        triggers = [
            # Treatments refer to it without a foreign key; what a person has confirmed stays for ever.
            pgtrigger.Protect(
                name="allowance_never_dropped",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__provisional=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device} allowance {self.number}"


class ReadOut(models.Model):
    """One transfer of data: the true time and the device's clock seen together."""

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="read_outs")
    read_out_at = models.DateTimeField()
    device_clock = DeviceTimeField(null=True)
    counter = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ("read_out_at", "pk")
        constraints = [
            models.UniqueConstraint(
                fields=["device", "read_out_at", "device_clock", "counter"],
                nulls_distinct=False,
                name="read_out_once",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="read_out_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.read_out_at}"


class Reading(models.Model):
    """A counter value seen at a moment. Never edited or dropped; only whether it is trusted may change (I5)."""

    class Source(models.TextChoices):
        FIRST = "first", pgettext_lazy("a reading or an allowance", "First")
        DESK = "desk", pgettext_lazy("where something is done", "Desk")
        HAND_OVER = "hand_over", _("Hand Over")
        RETURN = "return", pgettext_lazy("of a device", "Return")
        READ_OUT = "read_out", _("Read Out")

    class Flag(models.TextChoices):
        COUNTER_DOWN = "counter_down", _("Counter Down")
        COUNTER_JUMP = "counter_jump", _("Counter Jump")
        WRONG_DEVICE = "wrong_device", _("Wrong Device")  # read off another unit, as a manager found

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="readings")
    allowance = models.ForeignKey(Allowance, on_delete=models.PROTECT, related_name="readings")
    counter = models.PositiveIntegerField()
    read_at = models.DateTimeField()
    source = models.CharField(max_length=9, choices=Source)
    trusted = models.BooleanField(default=True)
    flag = models.CharField(max_length=12, choices=Flag, blank=True)
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ("read_at", "pk")
        indexes = [
            models.Index(fields=["device", "read_at", "id"], name="reading_device_trusted", condition=Q(trusted=True)),
            models.Index(
                fields=["allowance", "read_at", "id"],
                name="reading_allowance_trusted",
                condition=Q(trusted=True),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["device", "read_at", "counter", "source"], name="reading_once"),
            models.CheckConstraint(condition=Q(trusted=True) | ~Q(flag=""), name="reading_distrust_has_reason"),
        ]
        triggers = [
            pgtrigger.Protect(name="reading_never_dropped", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="reading_never_edited",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("device", "counter", "read_at", "source", "recorded_at", "recorded_by"),
            ),
            # A manager may find out later that it was read off another unit; nothing else changes a flag.
            pgtrigger.Protect(
                name="reading_flag_fixed",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__flag__df=pgtrigger.F("new__flag"))
                & ~pgtrigger.Q(old__flag="", new__flag="wrong_device"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.counter}"
