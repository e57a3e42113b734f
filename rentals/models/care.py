"""What a patient uses up, and what a patient says: beside what devices and desk record."""

import pghistory
from django.db import models
from django.db.models import Q

from config.models import User
from rentals.models.rental import Rental


class GelSupply(models.Model):
    """Gel given to a patient: about 140 treatments a bottle of 200 ml (domain facts), with its own expiry date."""

    rental = models.ForeignKey(Rental, on_delete=models.PROTECT, related_name="gel")
    given_at = models.DateTimeField()
    millilitres = models.PositiveSmallIntegerField(default=200)
    expires_on = models.DateField(null=True, blank=True)
    given_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ("given_at", "pk")
        verbose_name_plural = "gel supplies"
        constraints = [
            models.CheckConstraint(condition=Q(millilitres__gte=1), name="gel_supply_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.rental} gel"


@pghistory.track()
class PatientDay(models.Model):
    """A day on which the patient says to have treated; kept beside the device's record, never counted as its own."""

    rental = models.ForeignKey(Rental, on_delete=models.PROTECT, related_name="patient_days")
    day = models.DateField()
    treated = models.BooleanField()
    said_at = models.DateTimeField()

    class Meta:
        ordering = ("day",)
        constraints = [
            models.UniqueConstraint(fields=["rental", "day"], name="patient_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.rental} {self.day}"
