"""Whether a reminder may still be sent: asked when it is planned and again when its message is claimed (I8)."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from patients.models import Patient
from rentals.models import Reminder
from rentals.models.states import State
from rentals.reminders.schedule import SERIES, is_too_late, latest_occasion, occasion

Why = Reminder.Why

WHY_OF_STATE = {
    State.ACTIVE: Why.COLLECTED,
    State.RETURNED: Why.RETURNED,
    State.CANCELLED: Why.CANCELLED,
    State.ENQUIRY: Why.CANCELLED,
}
WHY_OF_PATIENT_STATE = {Patient.State.WITHDRAWN: Why.WITHDRAWN, Patient.State.DECEASED: Why.DECEASED}


def sort_out(reminders: Iterable[Reminder], at: datetime) -> tuple[list[Reminder], int]:
    """Void those that must not be sent; return those that may be sent now, and how many became void."""
    ready, void = [], defaultdict(list)
    for reminder in reminders:
        if why := why_not(reminder, at):
            void[why].append(reminder.pk)
        elif not reminder.at_risk:
            ready.append(reminder)
    for why, ids in void.items():
        Reminder.objects.filter(pk__in=ids).update(void=True, why=why)
    return ready, sum(map(len, void.values()))


def why_not(reminder: Reminder, at: datetime) -> Reminder.Why | None:
    """Why `reminder` must not be sent at the moment `at`, ever; None when it may."""
    return why_not_rental(reminder, at) or why_not_patient(reminder.rental.patient)


def why_not_rental(reminder: Reminder, at: datetime) -> Reminder.Why | None:
    series, rental = SERIES[reminder.kind], reminder.rental
    anchor, clinic = series.anchor_of(rental), rental.clinic
    if rental.state != series.state:
        return WHY_OF_STATE.get(State(rental.state), Why.ENDED)
    if reminder.occasion not in {occasion(anchor, days) for days in series.days}:
        return Why.DATE_CHANGED
    if is_too_late(series, anchor, clinic, at):
        return Why.TOO_LATE
    return None if reminder.occasion == latest_occasion(series, anchor, clinic, at) else Why.SUPERSEDED


def why_not_patient(patient: Patient) -> Reminder.Why | None:
    if patient.state != Patient.State.ACTIVE:
        return WHY_OF_PATIENT_STATE[Patient.State(patient.state)]
    if not patient.email_reminders:
        return Why.OPTED_OUT
    return None if is_usable(patient.email) else Why.NO_EMAIL


def is_usable(email: str) -> bool:
    """Whether this can be an e-mail address; old records brought in may hold anything."""
    try:
        validate_email(email)
    except ValidationError:
        return False
    return True
