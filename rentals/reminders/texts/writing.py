"""Writing the mail of a message: all its reminders in one letter, as text and as HTML."""

from datetime import datetime
from email.utils import formataddr, parseaddr
from functools import cache
from pathlib import Path

from css_inline import CSSInliner
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe

from config.models import Clinic
from config.refusals import Refusal
from rentals.links import (
    address_of,
    address_of_portal,
    address_without_key,
    make_link,
    make_portal_links,
    portal_without_key,
)
from rentals.models import LedgerEntry, Message, Paper, Reminder, Rental
from rentals.papers import receipt_paper
from rentals.papers.money import payer_lines
from rentals.reminders.occasions import number_in
from rentals.reminders.recipients import mail_address
from rentals.reminders.rules import ADVICE_KINDS
from rentals.reminders.texts.calendar_file import calendar_files
from rentals.reminders.texts.defaults import Words
from rentals.reminders.texts.filling import fill_html, fill_text, one_line
from rentals.reminders.texts.letter import Block, blocks_of
from rentals.reminders.texts.occasion import Occasion
from rentals.reminders.texts.placeholders import LETTER, values_of
from rentals.reminders.texts.reading import read_at_once
from rentals.reminders.texts.templates import words_for
from rentals.reminders.texts.unsubscribe import address_of_token, address_without_token, make_token

WITH_RECEIPT = (Reminder.Kind.RECEIPT, Reminder.Kind.BOND_REFUNDED)
STYLES = (Path(__file__).parent / "letter.css").read_text(encoding="utf-8")


def write_mail(message: Message, reminders: list[Reminder], at: datetime) -> EmailMultiAlternatives:
    """The mail that tells its recipient all of `reminders` (at least one), true at the moment `at`; without keys."""
    patient, clinic = message.patient, message.patient.clinic
    words = words_for(clinic, {LETTER, *(reminder.kind for reminder in reminders)}, patient.language)
    subject, text, html = compose(message, reminders, words, at)
    mail = EmailMultiAlternatives(
        subject=subject,
        body=text,
        from_email=sender_of(clinic),
        to=[mail_address(message)],
        reply_to=[clinic.email] if clinic.email else None,
        headers={"Message-ID": message.message_id, "Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(html, "text/html")
    with translation.override(words[LETTER].language):
        for file in calendar_files(reminders, at):
            mail.attach(file)
    return mail


def add_keys(mail: EmailMultiAlternatives, reminders: list[Reminder], at: datetime) -> None:
    """Make the links that the mail has and put them into it: into what is sent, not into what is kept.

    The caller holds the transaction.
    """
    add_link_to_pages(mail, reminders, at)
    add_link_to_offers(mail, reminders, at)
    add_way_out(mail, reminders)


def add_link_to_pages(mail: EmailMultiAlternatives, reminders: list[Reminder], at: datetime) -> None:
    said = str(mail.body) + html_of(mail)
    hires = {reminder.rental_id: reminder.rental for reminder in reminders}.values()
    rentals = [rental for rental in hires if portal_without_key(rental) in said]
    for rental, key in zip(rentals, make_portal_links(rentals, at=at), strict=True):
        replace(mail, portal_without_key(rental), address_of_portal(key))


def add_link_to_offers(mail: EmailMultiAlternatives, reminders: list[Reminder], at: datetime) -> None:
    for rental in (reminder.rental for reminder in reminders if reminder.kind == Reminder.Kind.OFFER):
        if rental.offer_expires_at:
            key = make_link(rental, expires_at=rental.offer_expires_at, at=at)
            replace(mail, address_without_key(rental), address_of(key))


def add_way_out(mail: EmailMultiAlternatives, reminders: list[Reminder]) -> None:
    """The link by which to unsubscribe; as a header too (RFC 8058) where nothing in the mail is about the hire."""
    advice = [reminder for reminder in reminders if reminder.kind in ADVICE_KINDS]
    if not advice or advice[0].message is None:
        return
    address = address_of_token(make_token(advice[0].message))
    replace(mail, address_without_token(), address)
    if len(advice) == len(reminders):
        mail.extra_headers["List-Unsubscribe"] = f"<{address}>"
        mail.extra_headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def attach_papers(mail: EmailMultiAlternatives, reminders: list[Reminder]) -> None:
    """Attach the receipt of each payment or refund that is told of, made now where it was not yet.

    Typesetting takes its time: the caller holds no transaction. Raises `no_payment` for one taken back meanwhile,
    `another_payer` where its receipt was made in the name of who paid before: that is not for the payer of now to read.
    """
    for reminder in reminders:
        if reminder.kind in WITH_RECEIPT:
            entry = LedgerEntry.objects.select_related("rental").get(pk=number_in(reminder))
            paper = receipt_paper(entry, at=reminder.due_at)
            if reminder.recipient == Message.Recipient.PAYER:
                refuse_another_payer(paper, reminder.rental)
            mail.attach(f"receipt-{paper.number}.pdf", bytes(paper.content), "application/pdf")


def refuse_another_payer(receipt: Paper, rental: Rental) -> None:
    if receipt.facts["payer"][:1] != payer_lines(rental)[:1]:
        raise Refusal("another_payer", "The receipt names who paid before; tell them by phone or by post.")


def replace(mail: EmailMultiAlternatives, old: str, new: str) -> None:
    """Put `new` in the place of `old` in every part of the mail."""
    html = html_of(mail).replace(old, new)
    mail.body = str(mail.body).replace(old, new)
    mail.alternatives = []
    mail.attach_alternative(html, "text/html")


def html_of(mail: EmailMultiAlternatives) -> str:
    [(html, _)] = mail.alternatives
    return str(html)


def sender_of(clinic: Clinic) -> str:
    """The site's name with its own address, or with ours."""
    address = parseaddr(clinic.sender_email or settings.DEFAULT_FROM_EMAIL)[1]
    return formataddr((one_line(clinic.name), address))


def compose(message: Message, reminders: list[Reminder], words: dict[str, Words], at: datetime) -> tuple[str, str, str]:
    """Subject, text and HTML of the letter that tells `reminders` in `words` (of their kinds, and of the letter)."""
    letter = words[LETTER]
    with translation.override(letter.language):
        blocks = blocks_of(message, reminders, told(reminders, words, at))
        text = fill_text(letter.text, lambda name: blocks[name].text)
        html = fill_html(letter.html, lambda name: blocks[name].html)
    subject = subject_of(reminders, words, at)
    return subject, text + "\n", styled(subject, html, letter.language)


def told(reminders: list[Reminder], words: dict[str, Words], at: datetime) -> Block:
    """The words of each reminder, one after the other."""
    read_at_once(reminders)
    texts, htmls = [], []
    for reminder in reminders:
        kind_words, value_of = words[reminder.kind], values_of(Occasion(reminder, at))
        with translation.override(kind_words.language):
            texts.append(fill_text(kind_words.text, value_of))
            htmls.append(fill_html(kind_words.html, value_of))
    return Block("\n\n".join(texts), SafeString("\n".join(htmls)))


def subject_of(reminders: list[Reminder], words: dict[str, Words], at: datetime) -> str:
    """The subject of the one kind that the mail carries, or the letter's, which fits several."""
    kinds = {reminder.kind for reminder in reminders}
    own = words[kinds.pop() if len(kinds) == 1 else LETTER]
    with translation.override(own.language):
        return one_line(fill_text(own.subject, values_of(Occasion(reminders[0], at))))


def styled(subject: str, content: SafeString, language: str) -> str:
    """A whole HTML page around `content`, its styles written into each element; only those for the dark stay apart."""
    context = {"subject": subject, "content": content, "language": language, "styles": mark_safe(STYLES)}  # noqa: S308
    return inliner().inline(render_to_string("rentals/reminders/mail.html", context))


@cache
def inliner() -> CSSInliner:
    """Of our own stylesheet only: nothing is fetched."""
    return CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
