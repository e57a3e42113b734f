"""Counting what is really there: every device of a site held in a hand and scanned."""

from typing import Self

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from config.models import Clinic, User
from devices.models import Device


class StockTakeQuerySet(models.QuerySet["StockTake"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(clinic__in=user.visible_clinics())


class StockTake(models.Model):
    """One count of one site. Ended, its findings stand as they were, whatever happens to the devices later."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="stock_takes")
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    objects = StockTakeQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at", "-pk")
        constraints = [
            models.UniqueConstraint(
                fields=["clinic"], condition=Q(ended_at__isnull=True), name="stock_take_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
                name="stock_take_ended_by_somebody",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="stock_take_ended_stays",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__ended_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.clinic} {self.started_at}"


class StockScan(models.Model):
    """One thing scanned: a device, or a code that belongs to none that Callus knows."""

    stock_take = models.ForeignKey(StockTake, on_delete=models.PROTECT, related_name="scans")
    code = models.CharField(max_length=120, help_text="As it was scanned or typed.")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, null=True, related_name="stock_scans")
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("-at", "-pk")
        constraints = [
            models.UniqueConstraint(fields=["stock_take", "device"], name="stock_scan_once_a_device"),
            models.UniqueConstraint(
                fields=["stock_take", "code"], condition=Q(device__isnull=True), name="stock_scan_once_a_code"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stock_take} {self.code}"


class StockFinding(models.Model):
    """What one count said of one device or code when it ended, and what was done about it."""

    class Kind(models.TextChoices):
        FOUND = "found", _("Found")
        MISSING = "missing", _("Missing")
        UNEXPECTED = "unexpected", _("Unexpected")

    stock_take = models.ForeignKey(StockTake, on_delete=models.PROTECT, related_name="findings")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, null=True, related_name="stock_findings")
    code = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind)
    why = models.TextField(blank=True, help_text="What the books said of it when the count ended.")
    settled_at = models.DateTimeField(null=True)
    settled_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    note = models.TextField(blank=True)

    class Meta:
        ordering = ("kind", "code")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["found", "missing", "unexpected"]), name="stock_finding_known"
            ),
            models.UniqueConstraint(fields=["stock_take", "device"], name="stock_finding_once_a_device"),
        ]
        triggers = [
            pgtrigger.Protect(name="stock_finding_never_dropped", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="stock_finding_stays",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("stock_take", "device", "code", "kind", "why"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.code}"
