"""Whether a reminder may still be sent: asked when it is planned and again when its message is claimed (I8)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from patients.models import Patient
from rentals.models import Message, Reminder
from rentals.models.states import State
from rentals.reminders.addressees import address, addressees_of
from rentals.reminders.by_phone import phone_instead
from rentals.reminders.conditions import FINDERS
from rentals.reminders.known import Known, known_of
from rentals.reminders.occasions import anchor_and_days, is_about, number_in
from rentals.reminders.rules import ADVICE_KINDS, TREATING_KINDS, Kind, rules_of
from rentals.reminders.schedule import is_too_late, offer_occasion
from rentals.reminders.series import SERIES_OF_KIND, Series

Why = Reminder.Why

WHY_OF_STATE = {
    State.ACTIVE: Why.COLLECTED,
    State.RETURNED: Why.RETURNED,
    State.CANCELLED: Why.CANCELLED,
    State.ENQUIRY: Why.CANCELLED,
}
WHY_OF_PATIENT_STATE = {Patient.State.WITHDRAWN: Why.WITHDRAWN, Patient.State.DECEASED: Why.DECEASED}
WHY_OF_ADDRESS = {"bounced": Why.BOUNCED, "complained": Why.COMPLAINED}
WHYS_OF_PATIENT = (
    *WHY_OF_PATIENT_STATE.values(),
    *WHY_OF_ADDRESS.values(),
    Why.OPTED_OUT,
    Why.NO_ADVICE,
    Why.NO_EMAIL,
)
WHY_OF_CONDITION = {
    Kind.DAYS_MISSED: Why.TREATED,
    Kind.TREATMENTS_LOW: Why.RENEWED,
    Kind.GEL_LOW: Why.RENEWED,
}
# What is said where the occasion names another day (or version of the terms) than there is now.
WHY_OF_OTHER_ANCHOR = {Kind.IMAGING_DUE: Why.IMAGED, Kind.AGREEMENT_TO_SIGN: Why.SUPERSEDED}


def sort_out(reminders: Iterable[Reminder], at: datetime) -> tuple[list[Reminder], int]:
    """Void those that must not be sent, and have staff phone where only the mail cannot be; return those that may be
    sent now, and how many became void. Those to somebody who is not told any more are neither, and wait."""
    reminders = list(reminders)
    ready, void = [], defaultdict(list)
    known = known_of(reminders, at)
    for reminder in reminders:
        if why := why_not(reminder, at, known):
            void[why].append(reminder)
        elif not reminder.at_risk and reminder.recipient in addressees_of(reminder):
            ready.append(reminder)
    for why, ones in void.items():
        make_void(ones, why)
        phone_instead(ones, why, at)
    return ready, sum(map(len, void.values()))


def make_void(reminders: Sequence[Reminder], why: Reminder.Why) -> None:
    """Write down that the reminders will not be sent."""
    Reminder.objects.filter(pk__in=[reminder.pk for reminder in reminders]).update(void=True, why=why)
    for reminder in reminders:
        reminder.void, reminder.why = True, why


def why_not(reminder: Reminder, at: datetime, known: Known | None = None) -> Reminder.Why | None:
    """Why `reminder` must not be sent at the moment `at`, ever; None when it may. Many share what is `known`."""
    known = known or known_of([reminder], at)
    return why_not_rental(reminder, at, known) or why_not_recipient(reminder, known)


def why_not_rental(reminder: Reminder, at: datetime, known: Known) -> Reminder.Why | None:
    """Why there is nothing to tell any more, whoever would be told and how."""
    kind, rental = reminder.kind, reminder.rental
    rules = rules_of(rental.clinic)
    if rental.patient.state != Patient.State.ACTIVE:
        return WHY_OF_PATIENT_STATE[Patient.State(rental.patient.state)]
    if not rules[kind].enabled:
        return Why.SWITCHED_OFF
    if kind == Kind.OFFER:
        return None if is_open(reminder, at) else Why.OFFER_OVER
    if kind in TREATING_KINDS and (rental.healed_on or rental.pk in known.recalled):
        return Why.PAUSED
    if kind in FINDERS:
        return why_not_condition(reminder, known)
    series = SERIES_OF_KIND.get(kind)
    return why_not_series(reminder, series, at, known) if series else why_not_entry(reminder, known)


def why_not_condition(reminder: Reminder, known: Known) -> Reminder.Why | None:
    if reminder.rental.state != State.ACTIVE:
        return WHY_OF_STATE.get(State(reminder.rental.state), Why.ENDED)
    return None if reminder.pk in known.standing else WHY_OF_CONDITION[Kind(reminder.kind)]


def why_not_entry(reminder: Reminder, known: Known) -> Reminder.Why | None:
    """A payment that was reversed is not told of: the right one has a receipt of its own."""
    if number_in(reminder) in known.reversed:
        return Why.SUPERSEDED
    _, days = anchor_and_days(reminder.occasion)
    return None if days in rules_of(reminder.rental.clinic)[reminder.kind].days else Why.SWITCHED_OFF


def why_not_series(reminder: Reminder, series: Series, at: datetime, known: Known) -> Reminder.Why | None:
    rental, clinic = reminder.rental, reminder.rental.clinic
    if rental.state not in series.states:
        return WHY_OF_STATE.get(State(rental.state), Why.ENDED)
    if reminder.kind == Kind.AGREEMENT_TO_SIGN and (why := why_not_agreement(reminder, at, known)):
        return why
    anchor = series.anchor_of(rental)
    key = anchor and series.key_of(rental, anchor)
    if not anchor or not key or not is_about(reminder, key) or (series.treating and rental.healed_on):
        return WHY_OF_OTHER_ANCHOR.get(Kind(reminder.kind), Why.DATE_CHANGED)
    steps, latest = known.steps(series, clinic, anchor)
    named = (reminder.kind, reminder.occasion)
    step = next((step for step in steps if named == (step.kind, step.occasion(key))), None)
    if step is None:
        return Why.SWITCHED_OFF
    if is_too_late(step, anchor, clinic, at):
        return Why.IMAGED if reminder.kind == Kind.IMAGING_DUE else Why.TOO_LATE
    return Why.SUPERSEDED if latest and latest.days > step.days else None


def why_not_agreement(reminder: Reminder, at: datetime, known: Known) -> Reminder.Why | None:
    if reminder.rental_id in known.signed:
        return Why.SIGNED
    if reminder.rental.offer_expires_at:
        return Why.CANCELLED
    return Why.TOO_LATE if reminder.rental.starts_on < reminder.rental.clinic.day_of(at) else None


def is_open(offer: Reminder, at: datetime) -> bool:
    """Whether the offer that the reminder tells of still waits for its answer."""
    expires_at = offer.rental.offer_expires_at
    return expires_at is not None and at < expires_at and offer.occasion == offer_occasion(expires_at)


def why_not_patient(patient: Patient) -> Reminder.Why | None:
    """Why the patient gets no mail at all."""
    if patient.state != Patient.State.ACTIVE:
        return WHY_OF_PATIENT_STATE[Patient.State(patient.state)]
    if not patient.email_reminders:
        return Why.OPTED_OUT
    return None if is_usable(patient.email) else Why.NO_EMAIL


def why_not_recipient(reminder: Reminder, known: Known) -> Reminder.Why | None:
    """Why its recipient gets no mail of this kind. A payer's receipt is no reminder to the patient."""
    patient = reminder.rental.patient
    if reminder.recipient != Message.Recipient.PAYER:
        if not patient.email_reminders:
            return Why.OPTED_OUT
        if reminder.kind in ADVICE_KINDS and not patient.wants_advice:
            return Why.NO_ADVICE
    email = address(reminder)
    if not is_usable(email):
        return Why.NO_EMAIL
    return WHY_OF_ADDRESS.get(known.suppressed.get(email, ""))


def is_usable(email: str) -> bool:
    """Whether this can be an e-mail address; old records brought in may hold anything."""
    try:
        validate_email(email)
    except ValidationError:
        return False
    return True


def worth_telling(reminders: Sequence[Reminder], at: datetime) -> list[tuple[Reminder, Reminder.Why | None]]:
    """Each reminder with why there is nothing to tell any more, by whatever way."""
    known = known_of(reminders, at)
    return [(reminder, why_not_rental(reminder, at, known)) for reminder in reminders]
