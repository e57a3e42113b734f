"""The words of a mail: one letter for all reminders it carries, as text and as HTML.

Each kind has three files under `templates/rentals/reminders/<kind>/`: subject, text, HTML. Subjects carry
nothing of the patient, the injury, the device or its treatments (I10); nothing promises healing (I12).
"""

from datetime import datetime
from email.utils import formataddr, parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.text import get_text_list

from rentals.links import address_of, address_without_key, make_link
from rentals.models import Holding, Message, Reminder, Rental
from rentals.models.holdings import Part

FOLDER = "rentals/reminders"
# The others touch the skin or are used up: they stay with the patient.
RETURNABLE = (Part.MAIN_UNIT, Part.TRANSDUCER, Part.CHARGER, Part.CARD, Part.CASE)


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


def add_keys(mail: EmailMultiAlternatives, reminders: list[Reminder], at: datetime) -> None:
    """Make the links to the offers that the mail tells of, and put them into it: into what is sent, not what is kept.

    The caller holds the transaction.
    """
    for reminder in reminders:
        rental = reminder.rental
        if rental.offer_expires_at and reminder.kind == Reminder.Kind.OFFER:
            key = make_link(rental, expires_at=rental.offer_expires_at, at=at)
            replace(mail, address_without_key(rental), address_of(key))


def replace(mail: EmailMultiAlternatives, old: str, new: str) -> None:
    """Put `new` in the place of `old` in every part of the mail."""
    mail.body = str(mail.body).replace(old, new)
    [(html, kind)] = mail.alternatives
    mail.alternatives = []
    mail.attach_alternative(str(html).replace(old, new), str(kind))


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
    return_day = clinic.next_open_day(rental.due_on)
    return {
        "clinic": clinic,
        "reference": rental.reference,
        "starts_on": rental.starts_on,
        "is_today": rental.starts_on == today,
        "hours": clinic.hours_on(rental.starts_on),
        "due_on": rental.due_on,
        "days_left": (rental.due_on - today).days,
        "days_overdue": (today - rental.due_on).days,
        "return_day": return_day,
        "return_hours": return_day and clinic.hours_on(return_day),
        "parts": parts_to_return(rental),
        "until": rental.offer_expires_at and timezone.make_naive(rental.offer_expires_at, clinic.zone),
        "link": address_without_key(rental),
    }


def parts_to_return(rental: Rental) -> str:
    """The parts that went out with the rental and come back, as in "main unit, charger and case"; "" if none is noted.

    A swapped unit leaves its parts with the patient, so those of every holding count.
    """
    lists = Holding.objects.filter(rental=rental).values_list("parts_out", flat=True)
    given = {part for parts in lists for part in parts}
    return get_text_list([part.label.lower() for part in RETURNABLE if part in given], "and")


def one_line(text: str) -> str:
    """`text` without line breaks, which would forge a header or a paragraph."""
    return " ".join(text.split())
