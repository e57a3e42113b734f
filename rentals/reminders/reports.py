"""What is heard of a message after the mail server took it: delivered, put off, come back, called unwanted (I8).

Mailbox, command and webhooks all call `take_report`. It keeps each report once, and only those about mails of
ours: whoever reports knows the token that the mail carried, or is the mail service that named the mail.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from patients.models import Patient, SuppressedAddress
from rentals.deciding import deciding
from rentals.models import Message, MessageReport, Rental, StaffTask
from rentals.reminders.recipients import mail_address
from rentals.reminders.return_path import is_for, message_behind
from rentals.reminders.suppression import stop_advice, suppress
from rentals.staff_tasks import ask_staff

logger = logging.getLogger(__name__)

Kind = MessageReport.Kind
Why = SuppressedAddress.Why

READ_ADVICE = {Message.Recipient.PATIENT, Message.Recipient.CONTACT}
# What the mail said is a task of its own where an address takes no more mail (`by_phone.py`).
NO_SUCH_ADDRESS = "Mail to {} came back: the address does not take mail. Ask for an address that works."
UNWANTED = "Mail to {} was called unwanted, so none goes to this address any more. Ask what they want."
CAME_BACK = (
    "Mail to {} came back, though the address may be right. Phone instead, and say what the message says, or send it "
    "again."
)


@dataclass(frozen=True)
class Report:
    """What somebody says became of a mail. `tokens` say of which, or a mail service's `provider_id` and `recipient`.

    `key` names the report where its sender does; `why` holds reply codes only. `permanent`: of a bounce, that no
    other mail will get to this address either.
    """

    kind: MessageReport.Kind
    at: datetime
    permanent: bool = False
    why: str = ""
    key: str = ""
    tokens: tuple[str, ...] = ()
    provider_id: str = ""
    recipient: str = ""


def take_report(report: Report, *, source: str, heard_at: datetime) -> MessageReport | None:
    """Keep the report and do what it asks for; None when it was taken before, or is about no mail of ours.

    After a bounce or a complaint staff are asked to phone, once a message; one that is about the address itself
    also stops all mail to it, unless it was corrected since. Who wants out by the mail program's or mail service's own
    button gets no more advice, as by our link.
    """
    with deciding():
        found = message_of(report)
        if found is None:
            logger.warning("a report by %s is about no message of ours", source)
            return None
        message, same_address = found
        kept, is_new = MessageReport.objects.get_or_create(
            key=report.key or f"{message.pk} {report.kind} {report.why}",
            defaults={
                "message": message,
                "kind": report.kind,
                "permanent": report.permanent,
                "at": min(report.at, heard_at),
                "heard_at": heard_at,
                "source": source,
                "why": report.why,
            },
        )
        if is_new and report.kind in {Kind.BOUNCED, Kind.COMPLAINED}:
            see_to(message, report, mail_address(message) if same_address else "", heard_at)
        if is_new and report.kind == Kind.UNSUBSCRIBED and same_address and message.recipient in READ_ADVICE:
            stop_advice(message)
    return kept if is_new else None


def message_of(report: Report) -> tuple[Message, bool] | None:
    """The message that the report is about, and whether its recipient still has the address that it went to."""
    for token in report.tokens:
        if message := message_behind(token):
            return message, is_for(token, mail_address(message))
    named = Message.objects.select_related("patient").filter(provider_id=report.provider_id).exclude(provider_id="")
    if message := named.order_by("pk").last():
        return message, report.recipient.lower() == mail_address(message).lower()
    return None


def see_to(message: Message, report: Report, address: str, at: datetime) -> None:
    """What a bounce or a complaint asks for; `address` is "" where the mail went to another one than today's."""
    if report.kind == Kind.COMPLAINED and address:
        stop_mail(message, address, Why.COMPLAINED, at)
    elif report.permanent and address:
        stop_mail(message, address, Why.BOUNCED, at)
    else:
        ask_to_phone(message, StaffTask.Kind.PHONE, CAME_BACK, at)


def stop_mail(message: Message, address: str, why: SuppressedAddress.Why, at: datetime) -> None:
    """Send nothing more to the `address` that the message went to, and ask staff to phone. The caller holds the
    transaction."""
    suppress(address, why, sent_at=message.sent_at or message.created_at, at=at)
    ask_to_phone(message, StaffTask.Kind.ADDRESS, UNWANTED if why == Why.COMPLAINED else NO_SUCH_ADDRESS, at)


def ask_to_phone(message: Message, kind: StaffTask.Kind, words: str, at: datetime) -> None:
    """Ask staff once a message; not about patients who hear nothing from us any more."""
    subject = f"message {message.pk}"
    asked = StaffTask.objects.filter(subject=subject, kind__in=[StaffTask.Kind.PHONE, StaffTask.Kind.ADDRESS])
    rental = rental_of(message)
    if rental and message.patient.state == Patient.State.ACTIVE and not asked.exists():
        ask_staff(kind, subject, rental=rental, words=words.format(RECIPIENTS[message.recipient]), at=at)


RECIPIENTS: dict[str, str] = {
    Message.Recipient.PATIENT: "the patient",
    Message.Recipient.CONTACT: "the contact person",
    Message.Recipient.PAYER: "the payer",
}


def rental_of(message: Message) -> Rental | None:
    """The rental that the message is about, or else the patient's latest."""
    rentals = Rental.objects.select_related("clinic", "patient").order_by("-pk")
    return rentals.filter(reminders__message=message).first() or rentals.filter(patient=message.patient_id).first()
