"""How words will look, on a real rental and without a key or a mail."""

import operator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.db.models import Q

from config.models import Clinic
from rentals.models import Message, Reminder, Rental
from rentals.models.states import State
from rentals.reminders.texts.defaults import Words
from rentals.reminders.texts.placeholders import LETTER
from rentals.reminders.texts.templates import words_for
from rentals.reminders.texts.writing import compose

Kind = Reminder.Kind
STATES = {
    Kind.OFFER: State.RESERVED,
    Kind.AGREEMENT_TO_SIGN: State.RESERVED,
    Kind.COLLECT_TOMORROW: State.RESERVED,
    Kind.RETURNED_THANKS: State.RETURNED,
    Kind.BOND_REFUNDED: State.CLOSED,
}
# What else a rental has of which the kind is told.
HAS = {
    Kind.OFFER: Q(offer_expires_at__isnull=False),
    Kind.AGREEMENT_TO_SIGN: Q(offer_expires_at=None),
    Kind.HOW_TO_RETURN: Q(healed_on__isnull=False),
}


class Told(NamedTuple):
    """That a kind is true while the day `anchor` of the rental is before (`lt`), on or after (`gt`, `gte`) today; shown
    on another day, it is one so many `days` after the anchor."""

    anchor: str
    is_so: str
    days: int


WHEN = {
    Kind.AGREEMENT_TO_SIGN: Told("starts_on", "gte", -3),
    Kind.COLLECT_TOMORROW: Told("starts_on", "gt", -1),
    Kind.OFFER: Told("starts_on", "gte", -3),
    Kind.IMAGING_DUE: Told("imaging_due_on", "gte", -7),
    Kind.DUE_SOON: Told("due_on", "gt", -3),
    Kind.DUE_TODAY: Told("due_on", "exact", 0),
    Kind.OVERDUE: Told("due_on", "lt", 3),
}
COMPARE = {"lt": operator.lt, "exact": operator.eq, "gt": operator.gt, "gte": operator.ge}
MORNING = time(9)


@dataclass(frozen=True)
class Letter:
    """A mail as its reader sees it at the moment `at`."""

    subject: str
    text: str
    html: str
    at: datetime


def preview(rental: Rental, kind: str, words: Words, *, at: datetime) -> Letter:
    """The letter to the patient of `rental` if `kind` were told in `words`: at the moment `at`, or on the morning on
    which it would be, where it is not true now."""
    told = Kind(kind) if kind != LETTER else Kind.DUE_SOON
    shown_at = moment_to_show(rental, told, at)
    reminder = Reminder(rental=rental, kind=told, due_at=shown_at)
    message = Message(patient=rental.patient)
    others = words_for(rental.clinic, {LETTER, told}, words.language)
    return Letter(*compose(message, [reminder], {**others, kind: words}, shown_at), at=shown_at)


def moment_to_show(rental: Rental, kind: Kind, at: datetime) -> datetime:
    when = WHEN.get(kind)
    anchor: date | None = when and getattr(rental, when.anchor)
    if when is None or anchor is None or COMPARE[when.is_so](anchor, rental.clinic.day_of(at)):
        return at
    return rental.clinic.moment(anchor + timedelta(days=when.days), MORNING)


def rental_to_show(clinic: Clinic, kind: str, reference: str = "", *, at: datetime) -> Rental | None:
    """The rental of `clinic` with that reference; without one the newest of which the kind is true at the moment `at`,
    or else might be, or the newest of all."""
    rentals = Rental.objects.filter(clinic=clinic).select_related("clinic", "patient", "payer", "terms")
    if reference:
        return rentals.filter(reference__iexact=reference).first()
    told = Kind(kind) if kind != LETTER else Kind.DUE_SOON
    might_be = rentals.filter(state=STATES.get(told, State.ACTIVE))
    true = might_be.filter(HAS.get(told, Q()), is_so(told, clinic.day_of(at)))
    return true.first() or might_be.first() or rentals.first()


def is_so(kind: Kind, today: date) -> Q:
    """That the day of a rental that `kind` tells of lies as the kind says."""
    when = WHEN.get(kind)
    return Q((f"{when.anchor}__{when.is_so}", today)) if when else Q()
