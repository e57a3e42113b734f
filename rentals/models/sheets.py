"""A clinic's own spreadsheet on its way in."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from config.models import Clinic, User


class SheetQuerySet(models.QuerySet["Sheet"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(clinic__in=user.visible_clinics())


class Sheet(models.Model):
    """One uploaded CSV or XLSX file with the columns as somebody matched them: looked at first, then taken as a whole.

    The file itself is kept no longer than it is needed: it holds patients.
    """

    class Kind(models.TextChoices):
        DEVICES = "devices", _("Devices")
        PATIENTS = "patients", _("Patients")
        RENTALS = "rentals", _("Current rentals")

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind)
    name = models.CharField(max_length=200, help_text="Of the file.")
    content = models.BinaryField(help_text="Empty once it was taken or dropped.")
    columns = models.JSONField(default=dict, help_text="Which column of the file says what: number from 0, by field.")
    uploaded_at = models.DateTimeField()
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    taken_at = models.DateTimeField(null=True)
    taken_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    counts = models.JSONField(default=dict, help_text="How many were made and how many were there already.")

    objects = SheetQuerySet.as_manager()

    class Meta:
        ordering = ("-uploaded_at", "-pk")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["devices", "patients", "rentals"]), name="sheet_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.uploaded_at}"
