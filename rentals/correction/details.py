"""A patient's name or date of birth was written down wrongly: who signed under it signs anew. Or the e-mail address:
what did not reach it is mailed to the right one."""

from datetime import date, datetime
from typing import Any

from config.models import User
from patients.models import Patient
from patients.register import correct_patient
from rentals.correction.address import CORRECTED, is_another, mail_again
from rentals.deciding import deciding
from rentals.lifecycle import record
from rentals.models import Rental
from rentals.models.states import State

VERB = "correct_details"
SIGNED_FOR = (State.RESERVED, State.ACTIVE)


def correct_details(patient: Patient, *, at: datetime, actor: User, **details: Any) -> Patient:
    """Correct what is written of `patient` (`patients.register.correct_patient`, with its refusals).

    Another name or date of birth is written down in the rentals that are booked or running: it is how a signature
    that names no paper is known to be for something else (`rentals.agreement`).
    """
    with deciding():
        before = Patient.objects.select_for_update(no_key=True).get(pk=patient.pk)
        patient = correct_patient(patient, **details, at=at, actor=actor)
        if signs_as(patient) != signs_as(before):
            for rental in Rental.objects.filter(patient=patient, state__in=SIGNED_FOR).order_by("pk"):
                record(rental, VERB, old=rental.state, at=at, now=at, actor=actor)
        if is_another(patient.email, before.email):
            mail_again(patient, CORRECTED, at=at, actor=actor)
    return patient


def signs_as(patient: Patient) -> tuple[str, date]:
    return patient.name, patient.date_of_birth
