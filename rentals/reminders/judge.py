"""Whether a reminder may still be sent: asked when it is planned and again when its message is claimed (I8)."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from patients.models import Patient
from rentals.models import Reminder
from rentals.models.states import State
from rentals.reminders.schedule import SERIES_OF_KIND, is_too_late, latest_step, offer_occasion

Why = Reminder.Why

WHY_OF_STATE = {
    State.ACTIVE: Why.COLLECTED,
    State.RETURNED: Why.RETURNED,
    State.CANCELLED: Why.CANCELLED,
    State.ENQUIRY: Why.CANCELLED,
}
WHY_OF_PATIENT_STATE = {Patient.State.WITHDRAWN: Why.WITHDRAWN, Patient.State.DECEASED: Why.DECEASED}
WHYS_OF_PATIENT = (*WHY_OF_PATIENT_STATE.values(), Why.OPTED_OUT, Why.NO_EMAIL)


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
    if reminder.kind == Reminder.Kind.OFFER:
        return None if is_open(reminder, at) else Why.OFFER_OVER
    series, rental = SERIES_OF_KIND[reminder.kind], reminder.rental
    anchor, clinic = series.anchor_of(rental), rental.clinic
    if rental.state != series.state:
        return WHY_OF_STATE.get(State(rental.state), Why.ENDED)
    step = series.step_of(reminder, anchor)
    if step is None:
        return Why.DATE_CHANGED
    if step != latest_step(series, anchor, clinic, at):
        return Why.SUPERSEDED
    return Why.TOO_LATE if is_too_late(step, anchor, clinic, at) else None


def is_open(offer: Reminder, at: datetime) -> bool:
    """Whether the offer that the reminder tells of still waits for its answer."""
    expires_at = offer.rental.offer_expires_at
    return expires_at is not None and at < expires_at and offer.occasion == offer_occasion(expires_at)


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
