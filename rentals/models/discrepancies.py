"""Where the devices' own records and the desk disagree."""

from typing import Self

import pghistory
from django.db import models
from django.db.models import Q

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
        COUNTER_DOWN = "counter_down"
        COUNTER_JUMP = "counter_jump"
        COUNTER_LOG_MISMATCH = "counter_log_mismatch"
        LOG_MISSING = "log_missing"
        USAGE_OUTSIDE_RENTAL = "usage_outside_rental"
        OVER_PRESCRIBED = "over_prescribed"
        CLOCK_IN_DOUBT = "clock_in_doubt"
        CONFLICTING_DUPLICATE = "conflicting_duplicate"
        UNKNOWN_DEVICE = "unknown_device"
        PAST_NOMINAL = "past_nominal"
        SILENT_DEVICE = "silent_device"

    class State(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"

    class ClosedAs(models.TextChoices):
        EXPLAINED = "explained"  # by later data, without a person
        CORRECTED = "corrected"  # what was wrong has been put right
        ACCEPTED = "accepted"  # it is so, and there is nothing to put right
        MISTAKEN = "mistaken"  # it was not so

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
