"""What to say on the phone, where a reminder cannot be mailed."""

from collections.abc import Sequence
from datetime import datetime

from django.utils import translation

from rentals.models import Reminder
from rentals.reminders.texts.defaults import LANGUAGE
from rentals.reminders.texts.filling import fill_text, placeholders_in
from rentals.reminders.texts.occasion import Occasion
from rentals.reminders.texts.placeholders import PLACEHOLDERS, values_of
from rentals.reminders.texts.reading import read_at_once
from rentals.reminders.texts.templates import words_for

LINKS = {name for name, entry in PLACEHOLDERS.items() if entry.is_link}


def words_of(calls: Sequence[Reminder], at: datetime) -> list[str]:
    """The plain words of each reminder for a phone call, true at the moment `at`: the site's, in English, without a
    greeting and without what is about a link. Those of one site share its hours, its closures and its words."""
    read_at_once(calls)
    clinics = {call.rental.clinic_id: call.rental.clinic for call in calls}
    for call in calls:
        call.rental.clinic = clinics[call.rental.clinic_id]
    kinds = {call.kind for call in calls}
    words = {pk: words_for(clinic, kinds, LANGUAGE) for pk, clinic in clinics.items()}
    return [spoken(call, words[call.rental.clinic_id][call.kind].text, at) for call in calls]


def spoken(call: Reminder, text: str, at: datetime) -> str:
    paragraphs = [part for part in text.split("\n\n") if not placeholders_in(part) & LINKS]
    with translation.override(LANGUAGE):
        return fill_text("\n\n".join(paragraphs), values_of(Occasion(call, at, spoken=True)))
