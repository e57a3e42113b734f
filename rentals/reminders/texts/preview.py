"""How words will look, on a real rental and without a key or a mail."""

from dataclasses import dataclass
from datetime import datetime

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


@dataclass(frozen=True)
class Letter:
    """A mail as its reader sees it."""

    subject: str
    text: str
    html: str


def preview(rental: Rental, kind: str, words: Words, *, at: datetime) -> Letter:
    """The letter to the patient of `rental` if `kind` were told at the moment `at` in `words`."""
    told = kind if kind != LETTER else Kind.DUE_SOON.value
    reminder = Reminder(rental=rental, kind=told, due_at=at)
    message = Message(patient=rental.patient)
    others = words_for(rental.clinic, {LETTER, told}, words.language)
    return Letter(*compose(message, [reminder], {**others, kind: words}, at))


def rental_to_show(clinic: Clinic, kind: str, reference: str = "") -> Rental | None:
    """The rental of `clinic` with that reference; without one the newest that fits the kind, or the newest of all."""
    rentals = Rental.objects.filter(clinic=clinic).select_related("clinic", "patient", "payer", "terms")
    if reference:
        return rentals.filter(reference__iexact=reference).first()
    fits = Q(state=STATES.get(Kind(kind), State.ACTIVE) if kind != LETTER else State.ACTIVE)
    return rentals.filter(fits).first() or rentals.first()
