"""What a patient was told, is to be told and was not: messages with what was heard of them, and reminders without."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from config.models import User
from config.roles import may
from patients.models import Contact, Patient, Payer, SuppressedAddress
from rentals.models import Message, Reminder, Rental
from rentals.reminders.resend import POSSIBLE


@dataclass(frozen=True)
class Told:
    """One message: what it tells of, what became of it, what was heard of it, and whether it may be sent again."""

    message: Message
    kinds: list[str]
    rentals: list[str]
    can_be_sent_again: bool


def messages_to(patient: Patient) -> QuerySet[Message]:
    """The patient's messages, newest first, with all that `told` asks of them."""
    messages = Message.objects.filter(patient=patient).select_related("resent_as", "decided_by")
    return messages.prefetch_related("reports", "reminders__rental").order_by("-pk")


def told(patient: Patient, actor: User, rental: Rental | None = None) -> list[Told]:
    """What the patient was told, newest first, or of one rental only, in a fixed number of queries.

    One that was sent again passed its reminders on: what it told is what the latest one tells.
    """
    messages = list(messages_to(patient))
    by_id = {message.pk: message for message in messages}
    found = []
    for message in messages:
        reminders = [reminder for reminder in last_of(message, by_id).reminders.all() if not reminder.void]
        rentals = sorted({reminder.rental.reference for reminder in reminders})
        if rental is None or rental.reference in rentals:
            kinds = list(dict.fromkeys(reminder.get_kind_display() for reminder in reminders))
            found.append(Told(message, kinds, rentals, can_be_sent_again(message, actor)))
    return found


def last_of(message: Message, by_id: dict[int, Message]) -> Message:
    while again := getattr(message, "resent_as", None):
        message = by_id[again.pk]
    return message


def can_be_sent_again(message: Message, actor: User) -> bool:
    """Whether the page offers it; the verb looks again, and at what the message tells of."""
    untouched = not message.decided_at and not hasattr(message, "resent_as")
    return untouched and message.state in POSSIBLE and may(actor, "rentals.resend")


def not_told(reminders: Iterable[Reminder]) -> list[Reminder]:
    """Of `reminders` those that no message carries now: planned, to be told by phone, or not sent and why; the latest
    first."""
    apart = [reminder for reminder in reminders if reminder.void or reminder.message_id is None]
    return sorted(apart, key=lambda reminder: (reminder.due_at, reminder.pk), reverse=True)


def stopped_addresses(patient: Patient) -> list[SuppressedAddress]:
    """The addresses of the patient, a contact person and payers to which nothing is sent."""
    people = [rows.filter(patient=patient).values_list("email", flat=True) for rows in (Contact.objects, Payer.objects)]
    addresses = {address.lower() for address in (patient.email, *people[0], *people[1]) if address}
    return list(SuppressedAddress.objects.filter(address__in=addresses, lifted_at=None))
