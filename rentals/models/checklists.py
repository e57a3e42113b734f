"""Hand-over, return and inspection step by step: what was answered so far, and the photos taken on the way."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from config.keys import new_key
from config.models import User
from devices.models import Device
from rentals.models.rental import Rental


class Checklist(models.Model):
    """One round at the desk, kept at every step so that it can be interrupted. Nothing has happened to the rental
    until its verb was called, which `finished_at` says.

    Of a rental, or of a device that no rental waits for (an inspection).
    """

    class Kind(models.TextChoices):
        HAND_OVER = "hand_over", _("Hand-over")
        TAKE_BACK = "take_back", pgettext_lazy("of a device", "Return")
        INSPECTION = "inspection", _("Inspection")

    kind = models.CharField(max_length=10, choices=Kind)
    rental = models.ForeignKey(Rental, on_delete=models.PROTECT, null=True, related_name="checklists")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, null=True, related_name="checklists")
    answers = models.JSONField(default=dict, help_text="By the names of the fields, as they were sent.")
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("started_at", "pk")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["hand_over", "take_back", "inspection"]), name="checklist_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(rental__isnull=False, device__isnull=True)
                | Q(rental__isnull=True, device__isnull=False, kind="inspection"),
                name="checklist_is_of_one",
            ),
            models.UniqueConstraint(
                fields=["rental", "kind"], condition=Q(finished_at__isnull=True), name="checklist_open_once_a_rental"
            ),
            models.UniqueConstraint(
                fields=["device"],
                condition=Q(finished_at__isnull=True, rental__isnull=True),
                name="checklist_open_once_a_device",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="checklist_finished_stays",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__finished_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.rental or self.device}"


class Photo(models.Model):
    """A picture of a device in somebody's hands: made small, stripped of where and when it was taken, as JPEG."""

    key = models.CharField(max_length=43, unique=True, default=new_key, help_text="Its random name in addresses.")
    checklist = models.ForeignKey(Checklist, on_delete=models.PROTECT, related_name="photos")
    content = models.BinaryField()
    width = models.PositiveSmallIntegerField(help_text="Pixels.")
    height = models.PositiveSmallIntegerField(help_text="Pixels.")
    taken_at = models.DateTimeField()
    taken_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("taken_at", "pk")
        triggers = [
            # One may be taken out again while its checklist is open, which the verb looks after.
            pgtrigger.Protect(name="photo_never_edited", operation=pgtrigger.Update),
        ]

    def __str__(self) -> str:
        return f"photo of {self.checklist}"
