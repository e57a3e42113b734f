"""What waits for a member of staff: a call to make, a wish of a patient, a decision."""

from typing import Self

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from config.models import Clinic, User
from patients.models import Patient
from rentals.models.reminders import Reminder
from rentals.models.rental import Rental


class StaffTaskQuerySet(models.QuerySet["StaffTask"]):
    def visible_to(self, user: User) -> Self:
        """Those of the user's clinics."""
        return self.filter(clinic__in=user.visible_clinics())

    def open(self) -> Self:
        """Those that nobody has done yet; the one that is due first comes first."""
        return self.filter(done_at__isnull=True).order_by("due_at", "pk")


@pghistory.track()
class StaffTask(models.Model):
    """One thing for staff to do, asked for once: `subject` names what it is about among those of its kind."""

    class Kind(models.TextChoices):
        PHONE = "phone", _("Phone instead of a mail")
        ADDRESS = "address", _("E-mail address to ask for")
        CHASE = "chase", _("Overdue: get in touch")
        DEEMED_KEPT = "deemed_kept", _("Overdue for long: propose a purchase")
        EXTENSION = "extension", _("Extension asked for")
        PROBLEM = "problem", _("Problem reported")
        HEALED = "healed", _("Patient reports being healed")
        LOCKED_OUT = "locked_out", _("Link locked after wrong dates of birth")
        GEL = "gel", _("Gel to hand out")

    class For(models.TextChoices):
        RECEPTION = "reception", _("Reception")
        CLINICIAN = "clinician", _("Clinician")
        MANAGER = "manager", _("Manager")

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="staff_tasks", db_index=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="staff_tasks")
    rental = models.ForeignKey(Rental, on_delete=models.PROTECT, null=True, related_name="staff_tasks")
    reminder = models.OneToOneField(
        Reminder, on_delete=models.PROTECT, null=True, related_name="staff_task", help_text="What is told by phone."
    )
    kind = models.CharField(max_length=12, choices=Kind)
    subject = models.CharField(max_length=120)
    for_role = models.CharField(max_length=9, choices=For, default=For.RECEPTION)
    words = models.TextField(help_text="What to do or say; or what the patient wrote.")
    asked = models.JSONField(default=dict, blank=True, help_text="What the patient asked for, as values.")
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    note = models.TextField(blank=True)

    objects = StaffTaskQuerySet.as_manager()

    class Meta:
        ordering = ("due_at", "pk")
        indexes = [
            models.Index(fields=["clinic", "due_at"], condition=Q(done_at__isnull=True), name="staff_task_open"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject"], name="staff_task_asked_once"),
            models.CheckConstraint(
                condition=Q(
                    kind__in=[
                        "phone",
                        "address",
                        "chase",
                        "deemed_kept",
                        "extension",
                        "problem",
                        "healed",
                        "locked_out",
                        "gel",
                    ]
                ),
                name="staff_task_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(for_role__in=["reception", "clinician", "manager"]), name="staff_task_role_known"
            ),
            models.CheckConstraint(
                condition=Q(done_at__isnull=False) | Q(done_by__isnull=True, note=""), name="staff_task_done_has_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
