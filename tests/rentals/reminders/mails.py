"""Mails written for a test without planning them: what a reader would get, parsed as a mail program does."""

import re
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

from config.models import Clinic
from rentals.models import Message, Reminder, Rental
from rentals.reminders.texts import add_keys, write_mail
from tests import make

Kind = Reminder.Kind


def site() -> Clinic:
    clinic = make.clinic("Harbour Sports Medicine")
    Clinic.objects.filter(pk=clinic.pk).update(
        phone="02 5550 1000", email="desk@harbour.example", address="1 Quay St\nSydney NSW 2000"
    )
    clinic.refresh_from_db()
    return clinic


def reminder_of(rental: Rental, kind: str, message: Message | None = None) -> Reminder:
    """One that nobody has planned, about the rental as the database has it now."""
    fresh = Rental.objects.select_related("clinic", "patient", "payer", "terms").get(pk=rental.pk)
    return Reminder(rental=fresh, kind=kind, occasion="", message=message, due_at=make.NOW)


def mail_about(rental: Rental, *kinds: str, at: datetime = make.NOW, recipient: str = "patient") -> EmailMessage:
    """What the recipient reads about `kinds`, with its keys."""
    return mail_of([(rental, kind) for kind in kinds], at=at, recipient=recipient)


def mail_of(parts: list[tuple[Rental, str]], *, at: datetime = make.NOW, recipient: str = "patient") -> EmailMessage:
    patient = parts[0][0].patient
    message = Message.objects.create(patient_id=patient.pk, recipient=recipient, created_at=at, next_attempt_at=at)
    message = Message.objects.select_related("patient__clinic", "patient__contact").get(pk=message.pk)
    reminders = [reminder_of(rental, kind, message) for rental, kind in parts]
    Reminder.objects.filter(rental__patient=patient).delete()
    Reminder.objects.bulk_create(reminders)
    mail = write_mail(message, reminders, at)
    add_keys(mail, reminders, at)
    parsed = message_from_bytes(mail.message().as_bytes(), policy=SMTP)
    assert isinstance(parsed, EmailMessage)
    return parsed


def text_of(mail: EmailMessage) -> str:
    return mail.get_body(("plain",)).get_content().replace("\r\n", "\n")


def html_of(mail: EmailMessage) -> str:
    return mail.get_body(("html",)).get_content().replace("\r\n", "\n")


def paragraphs_of(mail: EmailMessage) -> list[str]:
    return text_of(mail).strip().split("\n\n")


def calendars_of(mail: EmailMessage) -> list[str]:
    return [part.get_content() for part in mail.iter_attachments() if part.get_content_type() == "text/calendar"]


def words_in(body: str) -> list[str]:
    """The words of a body without its markup, its title and its addresses."""
    body = re.sub(r"<head>.*</head>|<[^>]*>", " ", body, flags=re.DOTALL)
    return re.sub(r":? ?http\S+", "", body).replace(" .", ".").replace(" ,", ",").replace("- ", "").split()
