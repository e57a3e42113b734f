"""What to say on the phone, where a reminder cannot be mailed."""

from datetime import datetime

from django.utils import translation

from rentals.models import Reminder
from rentals.reminders.texts.defaults import LANGUAGE
from rentals.reminders.texts.filling import fill_text, placeholders_in
from rentals.reminders.texts.occasion import Occasion
from rentals.reminders.texts.placeholders import PLACEHOLDERS, values_of
from rentals.reminders.texts.templates import words_for

LINKS = {name for name, entry in PLACEHOLDERS.items() if entry.is_link}


def words_of(reminder: Reminder, at: datetime) -> str:
    """The plain words of one reminder for a phone call, true at the moment `at`: the site's, in English, without
    a greeting and without what is about a link."""
    clinic = reminder.rental.clinic
    text = words_for(clinic, [reminder.kind], LANGUAGE)[reminder.kind].text
    paragraphs = [part for part in text.split("\n\n") if not placeholders_in(part) & LINKS]
    with translation.override(LANGUAGE):
        return fill_text("\n\n".join(paragraphs), values_of(Occasion(reminder, at, spoken=True)))
