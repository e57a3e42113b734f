"""A rental was recorded for another patient than the one who has the device (I3, I4, I8, I10)."""

from datetime import datetime

import pgtrigger
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal, invalid
from patients.access import record_access
from patients.models import Access, Injury, Patient, Screening
from rentals.deciding import deciding, lock_rental
from rentals.lifecycle import move, require
from rentals.models import Holding, PatientLink, Rental
from rentals.reminders.readdress import readdress
from rentals.staff_tasks import hand_tasks_over

VERB = "correct_patient"


def correct_patient_of(rental: Rental, *, patient: Patient, reason: str, at: datetime, actor: User) -> Rental:
    """Give the rental to `patient`, whose it was in truth, with all that belongs to it: devices, treatments, money.

    The person at the desk was the right one, so what they said goes along: the injury, which belongs to one rental,
    changes hands, and the history of the rental tells whose it was; the answers to the label's warnings may not be
    changed, so the right patient gets a copy and the old ones stay where they were written, with no rental. What was
    not yet told, or did not arrive, is told to the right patient; links that were mailed to the other open nothing
    any more, and what the other asked for on them is closed. Raises `wrong_state`, `invalid` (400),
    `reuse_not_permitted`.
    """
    require(rental, VERB)
    if not reason.strip():
        raise invalid("reason", _("Write the reason; it stays in the rental's history."))
    if patient.clinic_id != rental.clinic_id:
        raise invalid("patient", _("This patient belongs to another clinic; register the patient here first."))
    with deciding():
        rental = lock_rental(rental, *held_by(rental).values_list("device", flat=True))[0]
        require(rental, VERB)
        wrong = rental.patient
        if patient == wrong:
            raise invalid("patient", _("The rental is recorded for this patient; choose the right one."))
        refuse_second_patient(rental, patient)
        words = f"Not {wrong} but {patient}: {reason}"
        screening = rental.screening and copy_for(patient, rental.screening)
        with pgtrigger.ignore("rentals.Rental:rental_patient_fixed"):
            move(
                rental,
                VERB,
                at=at,
                now=at,
                actor=actor,
                reason=words,
                patient=patient,
                screening=screening,
                payer=None,
            )
        Injury.objects.filter(rentals=rental).update(patient=patient)
        PatientLink.objects.filter(rental=rental, revoked_at=None).update(revoked_at=at)
        readdress(rental, at=at, actor=actor)
        hand_tasks_over(rental, wrong, at)
        record_access(actor, [wrong.pk, patient.pk], Access.Action.CHANGED, at)
    return rental


def held_by(rental: Rental) -> QuerySet[Holding]:
    """What the rental holds or held of devices: promised to it now, or gone out with it."""
    return Holding.objects.filter(Q(live=True) | Q(out__isnull=False), rental=rental, device__isnull=False)


def refuse_second_patient(rental: Rental, patient: Patient) -> None:
    """A unit without sign-off for reuse went to one patient only, and is promised to no other (I3)."""
    single = held_by(rental).filter(device__model__reuse_signed_off_at=None).values("device")
    others = Holding.objects.filter(Q(live=True) | Q(out__isnull=False), device__in=single)
    other = others.exclude(rental=rental).exclude(rental__patient=patient).select_related("device", "rental").first()
    if other:
        raise Refusal(
            "reuse_not_permitted",
            _(
                "Device %(device)s is for one patient only and rental %(reference)s of another patient names "
                "it too; find out which of the two is wrong."
            )
            % {"device": other.device, "reference": other.rental.reference},
            field="patient",
            conflict={"reference": other.rental.reference},
        )


def copy_for(patient: Patient, given: Screening) -> Screening:
    """The same answers, given when and taken down by whom they were, as those of `patient`."""
    return Screening.objects.create(
        patient=patient, answers=given.answers, recorded_at=given.recorded_at, recorded_by=given.recorded_by
    )
