"""A rental, its moves and its signed agreement."""

from typing import Self

import pghistory
import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from config.models import Clinic, Terms, User
from devices.models import Inspection
from patients.models import Injury, Patient, Payer, Screening
from rentals.models.states import FIRST, MOVES, State

WAITING_ORDER = ("priority", "created_at", "pk")


class RentalQuerySet(models.QuerySet["Rental"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(clinic__in=user.visible_clinics())

    def waiting(self) -> Self:
        """The waiting list: those that hold nothing, whoever is next first (by priority, then age)."""
        return self.filter(state=State.ENQUIRY).order_by(*WAITING_ORDER)

    def offered(self) -> Self:
        """Those whose device is offered to the patient; the offer that runs out first comes first."""
        return self.filter(offer_expires_at__isnull=False).order_by("offer_expires_at", "pk")


class Priority(models.IntegerChoices):
    """How soon a waiting patient needs a device, as a clinician sees it; the waiting list goes by it, then by age."""

    URGENT = 1, _("Urgent")
    SOON = 2, _("Soon")
    ROUTINE = 3, _("Routine")


@pghistory.track()
class Rental(models.Model):
    """One hire of one patient, from the booking to the settled end. Days are the clinic's local days."""

    reference = models.CharField(max_length=12, unique=True)
    external_reference = models.CharField(max_length=120, blank=True)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="rentals", db_index=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="rentals", db_index=False)
    injury = models.ForeignKey(Injury, on_delete=models.PROTECT, null=True, related_name="rentals")
    screening = models.ForeignKey(Screening, on_delete=models.PROTECT, null=True, related_name="rentals")
    terms = models.ForeignKey(Terms, on_delete=models.PROTECT, related_name="rentals")
    state = models.CharField(max_length=9, choices=State, default=State.RESERVED)
    starts_on = models.DateField()
    due_on = models.DateField()
    planned_treatments = models.PositiveIntegerField(help_text="Treatments promised for the whole course.")
    prescribed_per_day = models.PositiveSmallIntegerField(default=1)
    pinned = models.BooleanField(default=False, help_text="The planner leaves it on its device.")
    accepts_unknown_capacity = models.BooleanField(default=False)
    capacity_override = models.TextField(blank=True, help_text="A manager's reason to promise more than is left.")
    pathological_override = models.TextField(blank=True, help_text="A clinician's reason for a pathological fracture.")
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.ROUTINE)
    offer_expires_at = models.DateTimeField(
        null=True, blank=True, help_text="Until then the reservation is an offer to a waiting patient."
    )
    passed_at = models.DateTimeField(
        null=True, blank=True, help_text="When an offer was declined or ran out; no more are made by themselves."
    )
    handed_over_at = models.DateTimeField(null=True, blank=True)
    healed_on = models.DateField(null=True, blank=True)
    healed_imaging = models.CharField(max_length=120, blank=True)
    imaging_due_on = models.DateField(null=True, blank=True, help_text="When follow-up imaging is planned.")
    return_expected_at = models.DateTimeField(
        null=True, blank=True, help_text="When the patient means to bring it back: a slot chosen, or told to staff."
    )
    payer = models.ForeignKey(
        Payer, on_delete=models.PROTECT, null=True, blank=True, related_name="rentals", help_text="Empty: the patient."
    )
    returned_at = models.DateTimeField(null=True, blank=True)
    inspection = models.OneToOneField(
        Inspection, on_delete=models.PROTECT, null=True, blank=True, related_name="rental"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    recorded_from_history = models.BooleanField(default=False)

    objects = RentalQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        indexes = [
            models.Index(fields=["clinic", "-created_at", "-id"], name="rental_newest"),
            models.Index(fields=["clinic", "state", "due_on"], name="rental_clinic_state_due"),
            models.Index(fields=["clinic", "state", "starts_on"], name="rental_clinic_state_start"),
            models.Index(fields=["patient", "state"], name="rental_patient_state"),
            models.Index(
                fields=["clinic", "priority", "created_at"], condition=Q(state="enquiry"), name="rental_waiting"
            ),
            models.Index(
                fields=["clinic", "imaging_due_on"],
                condition=Q(imaging_due_on__isnull=False),
                name="rental_imaging_due",
            ),
            models.Index(
                fields=["clinic", "return_expected_at"],
                condition=Q(return_expected_at__isnull=False),
                name="rental_return_expected",
            ),
            models.Index(
                fields=["offer_expires_at"], condition=Q(offer_expires_at__isnull=False), name="rental_offered"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "external_reference"],
                condition=~Q(external_reference=""),
                name="rental_external_reference_once",
            ),
            models.CheckConstraint(condition=Q(state__in=list(State)), name="rental_state_known"),
            models.CheckConstraint(condition=Q(due_on__gt=F("starts_on")), name="rental_due_after_start"),
            models.CheckConstraint(condition=Q(prescribed_per_day__gte=1), name="rental_prescription_positive"),
            models.CheckConstraint(
                condition=Q(planned_treatments__gte=1) | Q(recorded_from_history=True),
                name="rental_plan_positive",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["enquiry", "reserved", "cancelled"], handed_over_at__isnull=True)
                | (~Q(state__in=["enquiry", "reserved", "cancelled"]) & Q(handed_over_at__isnull=False)),
                name="rental_handed_over_when_state_says_so",
            ),
            models.CheckConstraint(
                condition=Q(state="returned", returned_at__isnull=False)
                | Q(state="closed")
                | (~Q(state__in=["returned", "closed"]) & Q(returned_at__isnull=True)),
                name="rental_returned_when_state_says_so",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["cancelled", "lost", "kept", "closed"], ended_at__isnull=False)
                | (~Q(state__in=["cancelled", "lost", "kept", "closed"]) & Q(ended_at__isnull=True)),
                name="rental_ended_when_state_says_so",
            ),
            models.CheckConstraint(
                condition=Q(offer_expires_at__isnull=True) | Q(state="reserved"), name="rental_offer_is_reserved"
            ),
            models.CheckConstraint(condition=Q(priority__in=[1, 2, 3]), name="rental_priority_known"),
            models.CheckConstraint(
                condition=Q(returned_at__isnull=True) | Q(returned_at__gte=F("handed_over_at")),
                name="rental_returned_after_hand_over",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="rental_moves_along_the_table",
                field="state",
                transitions=[(old.value, new.value) for old, news in MOVES.items() for new in sorted(news)],
            ),
            pgtrigger.Protect(
                name="rental_begins_at_the_beginning",
                operation=pgtrigger.Insert,
                condition=~pgtrigger.Q(new__state__in=sorted(FIRST)),
            ),
            pgtrigger.Protect(name="rental_never_deleted", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="rental_identity_fixed",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("reference", "clinic", "created_at", "created_by"),
            ),
            # Its own, so that the one verb that corrects a wrong patient can set it aside.
            pgtrigger.Protect(
                name="rental_patient_fixed", operation=pgtrigger.Update, condition=pgtrigger.AnyChange("patient")
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class Move(models.Model):
    """What was done to a rental, by whom and when: every verb, also those that leave the state alone (I4)."""

    rental = models.ForeignKey(Rental, on_delete=models.PROTECT, related_name="moves")
    verb = models.CharField(max_length=20)
    old_state = models.CharField(max_length=9, blank=True)
    new_state = models.CharField(max_length=9, choices=State)
    at = models.DateTimeField(help_text="When it happened; up to the moment of recording.")
    recorded_at = models.DateTimeField()
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ("pk",)
        indexes = [models.Index(fields=["new_state", "at"], name="move_state_at")]
        triggers = [
            pgtrigger.Protect(name="move_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.rental} {self.verb}"
