"""Who is told of a reminder: the patient, a contact person instead or beside, the payer of what a receipt is for."""

from collections.abc import Sequence

from patients.models import Contact
from rentals.models import Message, Reminder
from rentals.reminders.rules import Kind

Recipient = Message.Recipient
# Columns of a rental that decide it, as `addressees` takes them.
RECEIVES, PAYER_EMAIL = "patient__contact__receives", "payer__email"


def addressees(kind: str, receives: str | None, payer_email: str | None) -> tuple[Recipient, ...]:
    """Who is told of a reminder of `kind`; `receives` is what the patient's contact person does, if there is one.

    A receipt goes to the payer where one with an address is set.
    """
    if kind == Kind.RECEIPT and payer_email:
        return (Recipient.PAYER,)
    if receives == Contact.Receives.INSTEAD:
        return (Recipient.CONTACT,)
    beside = (Recipient.CONTACT,) if receives == Contact.Receives.BESIDE else ()
    return (Recipient.PATIENT, *beside)


def addressees_of(reminder: Reminder) -> tuple[Recipient, ...]:
    """Who is told of it, as the patient's contact and the rental's payer are now."""
    contact, payer = getattr(reminder.rental.patient, "contact", None), reminder.rental.payer
    return addressees(reminder.kind, contact.receives if contact else None, payer.email if payer else None)


def address(reminder: Reminder) -> str:
    """The e-mail address of the recipient as it is known now, in lower case; "" where there is none."""
    contact, payer = getattr(reminder.rental.patient, "contact", None), reminder.rental.payer
    person = {Recipient.PATIENT: reminder.rental.patient, Recipient.CONTACT: contact, Recipient.PAYER: payer}
    owner = person[Recipient(reminder.recipient)]
    return owner.email.lower() if owner else ""


def send_to_whom_it_concerns(astray: Sequence[Reminder]) -> None:
    """Give each reminder whose recipient is not told any more to whoever is told instead, once; the caller holds the
    locks of the rows. Where that one has a reminder of the same occasion already, this one is void."""
    rentals = {reminder.rental_id for reminder in astray}
    taken = set(Reminder.objects.filter(rental__in=rentals).values_list(*OCCASION, "recipient"))
    for reminder in astray:
        occasion = tuple(getattr(reminder, column) for column in OCCASION)
        free = [recipient for recipient in addressees_of(reminder) if (*occasion, recipient) not in taken]
        if free:
            reminder.recipient = free[0]
            taken.add((*occasion, free[0]))
        else:
            reminder.void, reminder.why = True, Reminder.Why.SUPERSEDED
    Reminder.objects.bulk_update(astray, ["recipient", "void", "why"])


OCCASION = ("rental_id", "kind", "occasion", "channel")
