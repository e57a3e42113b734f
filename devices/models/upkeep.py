"""What is done with a device beside renting it: inspections, ways between sites, recalls, money spent, ends."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField, DateRangeField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from config.models import Clinic, User
from devices.models.units import Device, DeviceModel


class Inspection(models.Model):
    """What was found when a returned device was looked at, before it may go out again."""

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="inspections")
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    passed = models.BooleanField()
    checks = models.JSONField(default=dict)

    class Meta:
        ordering = ("-at",)
        triggers = [
            pgtrigger.Protect(name="inspection_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.at}"


class Transfer(models.Model):
    """A device on its way from one site to another: it belongs to the new one, and nobody can have it meanwhile.

    `away`: local days of the new site, the day of arrival included.
    """

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="transfers")
    from_clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    to_clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    away = DateRangeField()
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("-at",)
        constraints = [
            models.CheckConstraint(condition=~Q(from_clinic=F("to_clinic")), name="transfer_goes_elsewhere"),
            models.CheckConstraint(condition=Q(away__isempty=False), name="transfer_takes_some_day"),
        ]
        triggers = [
            pgtrigger.Protect(name="transfer_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.device} to {self.to_clinic}"


class Recall(models.Model):
    """A notice that units of one part number must not be used."""

    model = models.ForeignKey(DeviceModel, on_delete=models.PROTECT, related_name="recalls")
    serials = ArrayField(models.CharField(max_length=40), help_text="As named in the notice; empty means all.")
    devices = models.ManyToManyField(Device, related_name="recalls")
    reason = models.TextField()
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("-at",)

    def __str__(self) -> str:
        return f"{self.model} {self.at}"


class ConditionChange(models.Model):
    """A manager's word on a device that no rental speaks of: lost, found again, retired; with the reason."""

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="condition_changes")
    before = models.CharField(max_length=10, choices=Device.Condition)
    after = models.CharField(max_length=10, choices=Device.Condition)
    reason = models.TextField()
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("-at", "-pk")
        constraints = [
            models.CheckConstraint(condition=~Q(before=F("after")), name="condition_change_changes"),
            models.CheckConstraint(condition=~Q(reason=""), name="condition_change_has_reason"),
        ]
        triggers = [
            pgtrigger.Protect(name="condition_change_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.after}"


class Expense(models.Model):
    """Money spent on a device, AUD, taxes included. Never changed or dropped; corrected by a reversal, as in I9."""

    class Kind(models.TextChoices):
        PURCHASE = "purchase", _("Purchase")
        CARD = "card", _("Treatment card")
        REPAIR = "repair", _("Repair")
        SERVICE = "service", _("Service")

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="expenses")
    kind = models.CharField(max_length=8, choices=Kind)
    amount = models.DecimalField(max_digits=9, decimal_places=2)
    spent_on = models.DateField(help_text="Local day of the clinic.")
    note = models.CharField(max_length=200, blank=True)
    reverses = models.OneToOneField("self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversed_by")
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("spent_on", "pk")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["purchase", "card", "repair", "service"]), name="expense_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(reverses__isnull=True, amount__gt=0) | Q(reverses__isnull=False, amount__lt=0),
                name="expense_sign_fits",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="expense_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.kind} {self.amount}"
