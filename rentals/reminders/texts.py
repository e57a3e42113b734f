"""The words of a mail: one letter for all reminders it carries, as text and as HTML.

Each kind has three files under `templates/rentals/reminders/<kind>/`: subject, text, HTML. Subjects carry
nothing of the patient, the injury, the device or its treatments (I10); nothing promises healing (I12).
"""

from datetime import date, datetime
from email.utils import formataddr, parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from config.models import Clinic, OpeningHours
from rentals.models import Message, Reminder

FOLDER = "rentals/reminders"


def write_mail(message: Message, reminders: list[Reminder], at: datetime) -> EmailMultiAlternatives:
    """The mail that tells the patient all of `reminders` (at least one), true at the moment `at`."""
    patient, clinic = message.patient, message.patient.clinic
    title = subject(reminders)
    letter = {"greeting": one_line(patient.given_name), "clinic": clinic, "subject": title}
    parts = [{"kind": reminder.kind, **facts(reminder, at)} for reminder in reminders]
    mail = EmailMultiAlternatives(
        subject=title,
        body=render_to_string(f"{FOLDER}/letter.txt", {**letter, "parts": written(parts, "text.txt")}),
        from_email=formataddr((one_line(clinic.name), parseaddr(settings.DEFAULT_FROM_EMAIL)[1])),
        to=[patient.email],
        reply_to=[clinic.email] if clinic.email else None,
        headers={"Message-ID": message.message_id, "Auto-Submitted": "auto-generated"},
    )
    html = render_to_string(f"{FOLDER}/letter.html", {**letter, "parts": written(parts, "html.html")})
    mail.attach_alternative(html, "text/html")
    return mail


def subject(reminders: list[Reminder]) -> str:
    """The subject of the one kind that the mail carries, or one that fits several."""
    kinds = {reminder.kind for reminder in reminders}
    name = f"{kinds.pop()}/subject.txt" if len(kinds) == 1 else "several.txt"
    return one_line(render_to_string(f"{FOLDER}/{name}"))


def written(parts: list[dict[str, Any]], name: str) -> list[str]:
    """Each part of the letter in its kind's own words."""
    return [render_to_string(f"{FOLDER}/{part['kind']}/{name}", part).strip() for part in parts]


def facts(reminder: Reminder, at: datetime) -> dict[str, Any]:
    """What the templates may say about one reminder; days are the clinic's local days."""
    rental, clinic = reminder.rental, reminder.rental.clinic
    today = clinic.day_of(at)
    return {
        "clinic": clinic,
        "reference": rental.reference,
        "starts_on": rental.starts_on,
        "is_today": rental.starts_on == today,
        "hours": opening_hours(clinic, rental.starts_on),
        "due_on": rental.due_on,
        "days_overdue": (today - rental.due_on).days,
    }


def opening_hours(clinic: Clinic, day: date) -> OpeningHours | None:
    return clinic.opening_hours.filter(weekday=day.weekday()).first() if clinic.is_open(day) else None


def one_line(text: str) -> str:
    """`text` without line breaks, which would forge a header or a paragraph."""
    return " ".join(text.split())
