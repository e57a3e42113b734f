"""The closed list of what words may stand for: the same for our own words and for a site's."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from rentals.models import Reminder
from rentals.reminders.texts import occasion
from rentals.reminders.texts.occasion import Occasion

Kind = Reminder.Kind
LETTER = "letter"  # the kind of template that stands around the words of all reminders in a mail
KINDS: dict[str, str] = {LETTER: "Letter around all messages", **dict(Kind.choices)}


@dataclass(frozen=True)
class Placeholder:
    """One name, what it stands for (shown to whoever writes words) and its value; `kinds`: where it has one."""

    meaning: str
    value: Callable[[Occasion], str]
    kinds: tuple[Kind, ...] = tuple(Kind)
    in_subject: bool = False
    is_link: bool = False


BACK = (Kind.DUE_SOON, Kind.DUE_TODAY, Kind.OVERDUE, Kind.HOW_TO_RETURN)

PLACEHOLDERS: dict[str, Placeholder] = {
    "given_name": Placeholder("The patient’s given name", occasion.given_name),
    "reference": Placeholder("The rental’s reference", occasion.reference),
    "clinic_name": Placeholder("The site’s name", occasion.clinic_name, in_subject=True),
    "clinic_phone": Placeholder("The site’s phone number, or nothing", occasion.clinic_phone),
    "clinic_address": Placeholder("The site’s address, in its lines", occasion.clinic_address),
    "reach_us": Placeholder("After “please”: “phone us on 02 …”, or how else to reach you", occasion.reach_us),
    "starts_on": Placeholder("The day the hire starts", occasion.starts_on, in_subject=True),
    "due_on": Placeholder("The day the device is due back", occasion.due_on, in_subject=True),
    "pages_link": Placeholder("The address of the patient’s own page", occasion.pages_link, is_link=True),
    "collect_when": Placeholder(
        "“tomorrow, Monday 9 March 2026”",
        occasion.collect_when,
        (Kind.AGREEMENT_TO_SIGN, Kind.COLLECT_TOMORROW, Kind.OFFER),
    ),
    "collect_hours": Placeholder(
        "A sentence: your hours on the day of collection, or that you are closed",
        occasion.collect_hours,
        (Kind.AGREEMENT_TO_SIGN, Kind.COLLECT_TOMORROW, Kind.OFFER),
    ),
    "due_when": Placeholder("“in 3 days, on Monday 30 March 2026”", occasion.due_when, BACK),
    "when_to_come": Placeholder(
        "A sentence: your hours on the due day, the next open day, or the time arranged", occasion.when_to_come, BACK
    ),
    "return_by": Placeholder("“by Monday 30 March 2026”, or “as soon as you can”", occasion.return_by, BACK),
    "parts": Placeholder("“the main unit, transducer and charger”", occasion.parts, BACK),
    "days_overdue": Placeholder("“1 day”, “4 days”", occasion.days_overdue, (Kind.OVERDUE,)),
    "next_step": Placeholder(
        "Sentences that get firmer with the days: the late fee, and your next step", occasion.next_step, (Kind.OVERDUE,)
    ),
    "treatments_left": Placeholder("“about 12 treatments”", occasion.treatments_left, (Kind.TREATMENTS_LOW,)),
    "imaging_when": Placeholder("“in 2 days, on Friday 6 March 2026”", occasion.imaging_when, (Kind.IMAGING_DUE,)),
    "offer_until": Placeholder("When the offer runs out", occasion.offer_until, (Kind.OFFER,)),
    "offer_link": Placeholder(
        "The address at which the offer is answered", occasion.offer_link, (Kind.OFFER,), is_link=True
    ),
    "returned_on": Placeholder("“on Monday 30 March 2026”", occasion.returned_on, (Kind.RETURNED_THANKS,)),
    "refund": Placeholder("“$300.00 of your bond, by bank transfer”", occasion.refund, (Kind.BOND_REFUNDED,)),
    "payment": Placeholder(
        "“$120.00 for the hire, by card, on Monday 2 March 2026”", occasion.payment, (Kind.RECEIPT,)
    ),
}

# What the letter may stand for: whole parts of it, written by Callus (letter.py), and the site's name.
LETTER_PLACEHOLDERS: dict[str, str] = {
    "recipient_name": "Whom the letter greets: the patient’s given name, the contact person or the payer",
    "about": "To somebody other than the patient: whose hire it is about, and why they are told",
    "body": "What is to be told",
    "pages": "The link to the patient’s own page",
    "clinic_name": "The site’s name",
    "identification": "The site’s legal name, address, phone number and ABN",
    "preferences": "How to get less mail: the link to unsubscribe, or whom to ask",
}

# Without these the reader could not act, or the law would be broken (Spam Act: who we are, and a way out).
REQUIRED: dict[str, tuple[str, ...]] = {
    Kind.OFFER: ("offer_link",),
    Kind.AGREEMENT_TO_SIGN: ("pages_link",),
    LETTER: ("body", "identification", "preferences"),
}


def placeholders_of(kind: str) -> dict[str, str]:
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
