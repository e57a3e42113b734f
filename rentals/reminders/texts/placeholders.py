"""The closed list of what words may stand for: the same for our own words and for a site's."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from rentals.models import Reminder
from rentals.reminders.texts import occasion
from rentals.reminders.texts.occasion import Occasion

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Kind = Reminder.Kind
LETTER = "letter"  # the kind of template that stands around the words of all reminders in a mail
KINDS: "dict[str, StrOrPromise]" = {LETTER: _("Letter around all messages"), **dict(Kind.choices)}


@dataclass(frozen=True)
class Placeholder:
    """One name, what it stands for (shown to whoever writes words) and its value; `kinds`: where it has one."""

    meaning: "StrOrPromise"
    value: Callable[[Occasion], str]
    kinds: tuple[Kind, ...] = tuple(Kind)
    in_subject: bool = False
    is_link: bool = False


BACK = (Kind.DUE_SOON, Kind.DUE_TODAY, Kind.OVERDUE, Kind.HOW_TO_RETURN)

PLACEHOLDERS: dict[str, Placeholder] = {
    "given_name": Placeholder(_("The patient’s given name"), occasion.given_name),
    "reference": Placeholder(_("The rental’s reference"), occasion.reference),
    "clinic_name": Placeholder(_("The site’s name"), occasion.clinic_name, in_subject=True),
    "clinic_phone": Placeholder(_("The site’s phone number, or nothing"), occasion.clinic_phone),
    "clinic_address": Placeholder(_("The site’s address, in its lines"), occasion.clinic_address),
    "reach_us": Placeholder(_("After “please”: “phone us on 02 …”, or how else to reach you"), occasion.reach_us),
    "starts_on": Placeholder(_("The day the hire starts"), occasion.starts_on, in_subject=True),
    "due_on": Placeholder(_("The day the device is due back"), occasion.due_on, in_subject=True),
    "pages_link": Placeholder(_("The address of the patient’s own page"), occasion.pages_link, is_link=True),
    "collect_when": Placeholder(
        _("“tomorrow, Monday 9 March 2026”"),
        occasion.collect_when,
        (Kind.AGREEMENT_TO_SIGN, Kind.COLLECT_TOMORROW, Kind.OFFER),
    ),
    "collect_hours": Placeholder(
        _("A sentence: your hours on the day of collection, or that you are closed"),
        occasion.collect_hours,
        (Kind.AGREEMENT_TO_SIGN, Kind.COLLECT_TOMORROW, Kind.OFFER),
    ),
    "due_when": Placeholder(_("“in 3 days, on Monday 30 March 2026”"), occasion.due_when, BACK),
    "when_to_come": Placeholder(
        _("A sentence: your hours on the due day, the next open day, or the time arranged"), occasion.when_to_come, BACK
    ),
    "return_by": Placeholder(_("“by Monday 30 March 2026”, or “as soon as you can”"), occasion.return_by, BACK),
    "parts": Placeholder(_("“the main unit, transducer and charger”"), occasion.parts, BACK),
    "days_overdue": Placeholder(_("“1 day”, “4 days”"), occasion.days_overdue, (Kind.OVERDUE,)),
    "next_step": Placeholder(
        _("Sentences that get firmer with the days: the late fee, and your next step"),
        occasion.next_step,
        (Kind.OVERDUE,),
    ),
    "treatments_left": Placeholder(_("“about 12 treatments”"), occasion.treatments_left, (Kind.TREATMENTS_LOW,)),
    "imaging_when": Placeholder(_("“in 2 days, on Friday 6 March 2026”"), occasion.imaging_when, (Kind.IMAGING_DUE,)),
    "offer_until": Placeholder(_("When the offer runs out"), occasion.offer_until, (Kind.OFFER,)),
    "offer_link": Placeholder(
        _("The address at which the offer is answered"), occasion.offer_link, (Kind.OFFER,), is_link=True
    ),
    "returned_on": Placeholder(_("“on Monday 30 March 2026”"), occasion.returned_on, (Kind.RETURNED_THANKS,)),
    "refund": Placeholder(_("“$300.00 of your bond, by bank transfer”"), occasion.refund, (Kind.BOND_REFUNDED,)),
    "payment": Placeholder(
        _("“$120.00 for the hire, by card, on Monday 2 March 2026”"), occasion.payment, (Kind.RECEIPT,)
    ),
}

# What the letter may stand for: whole parts of it, written by Callus (letter.py), and the site's name.
LETTER_PLACEHOLDERS: "dict[str, StrOrPromise]" = {
    "recipient_name": _("Whom the letter greets: the patient’s given name, the contact person or the payer"),
    "about": _("To somebody other than the patient: whose hire it is about, and why they are told"),
    "body": _("What is to be told"),
    "pages": _("The link to the patient’s own page"),
    "clinic_name": _("The site’s name"),
    "identification": _("The site’s legal name, address, phone number and ABN"),
    "preferences": _("How to get less mail: the link to unsubscribe, or whom to ask"),
}

# Without these the reader could not act, or the law would be broken (Spam Act: who we are, and a way out).
REQUIRED: dict[str, tuple[str, ...]] = {
    Kind.OFFER: ("offer_link",),
    Kind.AGREEMENT_TO_SIGN: ("pages_link",),
    LETTER: ("body", "identification", "preferences"),
}


def placeholders_of(kind: str) -> "dict[str, StrOrPromise]":
    """What words of `kind` may name, each with its meaning."""
    if kind == LETTER:
        return LETTER_PLACEHOLDERS
    return {name: entry.meaning for name, entry in PLACEHOLDERS.items() if kind in entry.kinds}


def allowed_in_subject(kind: str) -> set[str]:
    """What a subject may name: nothing of the patient, the injury, the device, treatments or amounts (I10)."""
    if kind == LETTER:
        return {"clinic_name"}
    return {name for name, entry in PLACEHOLDERS.items() if entry.in_subject}


def values_of(about: Occasion) -> Callable[[str], str]:
    """The value of each placeholder for one reminder, looked up when it is first asked for."""
    return cache(lambda name: PLACEHOLDERS[name].value(about))
