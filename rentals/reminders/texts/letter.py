"""The letter around the words of all reminders in one mail: whom it greets, who writes, how to get less of it."""

from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.models import Clinic
from rentals.links import portal_without_key
from rentals.models import Message, Reminder, Rental
from rentals.reminders.rules import ADVICE_KINDS
from rentals.reminders.texts.filling import one_line
from rentals.reminders.texts.occasion import lines_of
from rentals.reminders.texts.unsubscribe import address_without_token

Recipient = Message.Recipient
# The one sentence that every mail to somebody else has: whose hire it is about, and why they read of it.
WHY_TOLD = {
    Recipient.CONTACT: gettext_lazy("We write to you as the contact person of {name}. “You” below means {name}."),
    Recipient.PAYER: gettext_lazy("We write to you because you pay for the hire of {name}.{reference}"),
}
ADVICE = gettext_lazy("We send this beside what is strictly about the hire, and you can do without it.")
NO_ADVICE = gettext_lazy("Send me no more advice")
ASK_US = gettext_lazy("This message is about the hire. To change who is told, and how, please {reach_us}.")


@dataclass(frozen=True)
class Block:
    """A part of the letter as plain text and as HTML; both are empty where there is nothing to say."""

    text: str
    html: SafeString


NOTHING = Block("", SafeString())


def blocks_of(message: Message, reminders: list[Reminder], body: Block) -> dict[str, Block]:
    """The value of each of `LETTER_PLACEHOLDERS` for this mail."""
    rentals = list({reminder.rental_id: reminder.rental for reminder in reminders}.values())
    clinic = message.patient.clinic
    return {
        "recipient_name": plain(recipient_name(message, rentals[0])),
        "about": about(message, rentals[0]),
        "body": body,
        "pages": pages(message, reminders, body),
        "clinic_name": plain(one_line(clinic.name)),
        "identification": identification(clinic),
        "preferences": preferences(clinic, reminders),
    }


def plain(text: str) -> Block:
    return Block(text, format_html("{}", text))


def paragraph(text: str) -> Block:
    """One paragraph, its lines kept."""
    lines = format_html_join(mark_safe("<br>"), "{}", ([line] for line in text.split("\n")))
    return Block(text, format_html("<p>{}</p>", lines))


def recipient_name(message: Message, rental: Rental) -> str:
    """The name in the greeting: whoever of the three this mail goes to."""
    if message.recipient == Recipient.CONTACT:
        return one_line(message.patient.contact.name)
    if message.recipient == Recipient.PAYER and rental.payer:
        return one_line(rental.payer.name)
    return one_line(message.patient.given_name)


def about(message: Message, rental: Rental) -> Block:
    """Whose hire it is about; a payer needs the whole name and its own reference to know."""
    if message.recipient == Recipient.PATIENT:
        return NOTHING
    patient, payer = message.patient, rental.payer
    is_payer = message.recipient == Recipient.PAYER
    reference = ""
    if is_payer and payer and payer.reference:
        reference = _(" Your reference: %(reference)s.") % {"reference": one_line(payer.reference)}
    name = one_line(patient.name if is_payer else patient.given_name)
    return paragraph(WHY_TOLD[Recipient(message.recipient)].format(name=name, reference=reference))


def pages(message: Message, reminders: list[Reminder], body: Block) -> Block:
    """The link to the patient's pages about each hire, where the body has none.

    A payer has nothing to look for there, and an offer has a page of its own.
    """
    hires = {reminder.rental_id: reminder.rental for reminder in reminders if reminder.kind != Reminder.Kind.OFFER}
    rentals = [rental for rental in hires.values() if portal_without_key(rental) not in body.text]
    if message.recipient == Recipient.PAYER or not rentals:
        return NOTHING
    written = [(words_to_pages(rental, several=len(rentals) > 1), portal_without_key(rental)) for rental in rentals]
    text = "\n".join(f"{words}: {address}" for words, address in written)
    links = [[format_html('<a href="{}">{}</a>', address, words)] for words, address in written]
    return Block(text, format_html("<p>{}</p>", format_html_join(mark_safe("<br>"), "{}", links)))


def words_to_pages(rental: Rental, *, several: bool) -> str:
    if several:
        return _("Days, dates and papers of your hire %(reference)s") % {"reference": rental.reference}
    return _("Days, dates and papers of your hire")


def identification(clinic: Clinic) -> Block:
    """Who writes: legal name, address, phone and ABN, as far as the clinic has said them."""
    lines = [
        one_line(clinic.legal_name or clinic.name),
        lines_of(clinic.address),
        _("Phone: %(phone)s") % {"phone": one_line(clinic.phone)} if clinic.phone else "",
        f"ABN: {clinic.abn}" if clinic.abn else "",
    ]
    return paragraph("\n".join(filter(None, lines)))


def preferences(clinic: Clinic, reminders: list[Reminder]) -> Block:
    """A link to unsubscribe where something is not strictly about the hire, else whom to ask (Spam Act)."""
    if any(reminder.kind in ADVICE_KINDS for reminder in reminders):
        address = address_without_token()
        html = format_html('<p>{} <a href="{}">{}</a></p>', ADVICE, address, NO_ADVICE)
        return Block(f"{ADVICE} {NO_ADVICE}: {address}", html)
    reach_us = _("phone us on %(phone)s") % {"phone": one_line(clinic.phone)} if clinic.phone else _("let us know")
    return paragraph(ASK_US.format(reach_us=reach_us))
