"""What one reminder is about, as values for its words. Days are the clinic's local days."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils.text import get_text_list

from config.days import clock_words, named_day
from config.models import Clinic
from rentals.arranged import arranged_return
from rentals.ledger import METHODS
from rentals.links import address_without_key, portal_without_key
from rentals.models import LedgerEntry, Reminder, Rental
from rentals.models.holdings import Part
from rentals.reminders.occasions import number_in
from rentals.reminders.texts.filling import one_line

# The others touch the skin or are used up: they stay with the patient.
RETURNABLE = (Part.MAIN_UNIT, Part.TRANSDUCER, Part.CHARGER, Part.CARD, Part.CASE)
PAYMENTS = {"hire_payment": "for the hire", "fee_payment": "for a fee", "bond_payment": "for the bond"}
FIRM_FROM, LAST_FROM = 3, 14  # days overdue


@dataclass(frozen=True)
class Occasion:
    """One reminder at the moment `at` at which it is told; `spoken` where staff tell it by phone."""

    reminder: Reminder
    at: datetime
    spoken: bool = False

    @property
    def rental(self) -> Rental:
        return self.reminder.rental

    @property
    def clinic(self) -> Clinic:
        return self.reminder.rental.clinic

    @property
    def today(self) -> date:
        return self.clinic.day_of(self.at)


def given_name(about: Occasion) -> str:
    return one_line(about.rental.patient.given_name)


def reference(about: Occasion) -> str:
    return about.rental.reference


def clinic_name(about: Occasion) -> str:
    return one_line(about.clinic.name)


def clinic_phone(about: Occasion) -> str:
    return one_line(about.clinic.phone)


def clinic_address(about: Occasion) -> str:
    return lines_of(about.clinic.address)


def reach_us(about: Occasion) -> str:
    """How to reach the clinic, as words that go on after "please"."""
    if about.clinic.phone:
        return f"phone us on {clinic_phone(about)}"
    return "reply to this e-mail" if about.clinic.email and not about.spoken else "let us know"


def starts_on(about: Occasion) -> str:
    return named_day(about.rental.starts_on)


def due_on(about: Occasion) -> str:
    return named_day(about.rental.due_on)


def collect_when(about: Occasion) -> str:
    return when(about.rental.starts_on, about.today)


def due_when(about: Occasion) -> str:
    return when(about.rental.due_on, about.today)


def imaging_when(about: Occasion) -> str:
    planned = about.rental.imaging_due_on
    return when(planned, about.today) if planned else "soon"


def collect_hours(about: Occasion) -> str:
    """When the doors are open on the day of the collection; a sentence, also where they were closed since."""
    if hours := hours_words(about.clinic, about.rental.starts_on):
        return f"We are open {hours} that day."
    return f"We are closed that day after all; please {reach_us(about)} so that we can find another one."


def when_to_come(about: Occasion) -> str:
    """When to bring the device back: at the time that was arranged, on the due day, or when the doors open next."""
    arranged = arranged_return(about.rental)
    if arranged and arranged > about.at:
        return f"We expect you on {moment_words(arranged, about.clinic)}."
    day = max(about.rental.due_on, about.today)
    if hours := hours_words(about.clinic, day):
        return f"We are open {hours} {'today' if day == about.today else 'that day'}."
    closed = "We are closed today" if day == about.today else "We are closed that day"
    open_day = about.clinic.next_open_day(day)
    if open_day is None:
        return f"{closed}; please {reach_us(about)} so that we can find another one."
    return f"{closed}; the next day we are open is {named_day(open_day)}, {hours_words(about.clinic, open_day)}."


def parts(about: Occasion) -> str:
    """What to bring back: the parts that went out with the rental, as in "the main unit, charger and case".

    A swapped unit leaves its parts with the patient, so those of every holding count.
    """
    given = {part for holding in about.rental.holdings.all() for part in holding.parts_out}
    named = get_text_list([part.label.lower() for part in RETURNABLE if part in given], "and")
    return f"the {named}" if named else "the device with all its parts"


def return_by(about: Occasion) -> str:
    """Until when to bring the device back, where that day has not passed."""
    return f"by {due_on(about)}" if about.rental.due_on > about.today else "as soon as you can"


def days_overdue(about: Occasion) -> str:
    days = (about.today - about.rental.due_on).days
    return f"{days} day{'' if days == 1 else 's'}"


def next_step(about: Occasion) -> str:
    """What the clinic does next about a device that is overdue: firmer with the days, and what the terms say."""
    days, terms = (about.today - about.rental.due_on).days, about.rental.terms
    said = []
    if days >= FIRM_FROM and terms.late_fee_per_day:
        said.append(f"Under your agreement a late fee of {money(terms.late_fee_per_day)} a day is counted meanwhile.")
    if days >= LAST_FROM and terms.deemed_kept_after_days:
        said.append(
            "If we do not hear from you, our next step is to look at the part of your agreement about devices that "
            "are kept, under which we may charge you for it. We would much rather have it back; one call is enough."
        )
    elif days >= LAST_FROM:
        said.append("If we do not hear from you, our next step is to phone you. One call is enough to settle it.")
    elif days >= FIRM_FROM:
        said.append("Other patients are waiting for our devices.")
    return " ".join(said)


def treatments_left(about: Occasion) -> str:
    """What the device has left, as in "about 12 treatments"; nothing exact where that is unknown."""
    devices = (holding.device for holding in about.rental.holdings.all() if holding.live)
    left = next((device.remaining_treatments for device in devices if device), None)
    return f"about {left} treatments" if left and left > 1 else "only a few treatments"


def offer_until(about: Occasion) -> str:
    until = about.rental.offer_expires_at
    return moment_words(until, about.clinic) if until else "the time we told you"


def returned_on(about: Occasion) -> str:
    returned = about.rental.returned_at
    return f"on {named_day(about.clinic.day_of(returned))}" if returned else "safely"


def refund(about: Occasion) -> str:
    """The refund that is told, as in "$300.00 of your bond, by bank transfer"."""
    entry = entry_told(about, (LedgerEntry.Kind.REFUND,))
    return f"{money(entry.amount)} of your bond, {METHODS[entry.method]}" if entry else "your bond"


def payment(about: Occasion) -> str:
    """The payment that is told, as in "$120.00 for the hire, by card, on Monday 2 March 2026"."""
    entry = entry_told(about, PAYMENTS)
    if entry is None:
        return "your payment"
    day = named_day(about.clinic.day_of(entry.at))
    return f"{money(-entry.amount)} {PAYMENTS[entry.kind]}, {METHODS[entry.method]}, on {day}"


def pages_link(about: Occasion) -> str:
    return portal_without_key(about.rental)


def offer_link(about: Occasion) -> str:
    return address_without_key(about.rental)


def entry_told(about: Occasion, kinds: Collection[str]) -> LedgerEntry | None:
    """The entry that the reminder is about; without an occasion (a preview) the rental's latest of `kinds`."""
    wanted = number_in(about.reminder) if about.reminder.occasion else None
    entries = (entry for entry in about.rental.ledger.all() if entry.kind in kinds and wanted in (entry.pk, None))
    return max(entries, key=lambda entry: entry.pk, default=None)


def moment_words(at: datetime, clinic: Clinic) -> str:
    """`Tuesday 3 March 2026, noon`, by the clinic's clock."""
    there = at.astimezone(clinic.zone)
    return f"{named_day(there.date())}, {clock_words(there.time())}"


def hours_words(clinic: Clinic, day: date) -> str:
    """`from 8:30 am to 5:30 pm`; "" while the doors stay closed."""
    hours = clinic.hours_on(day)
    return f"from {clock_words(hours.opens)} to {clock_words(hours.closes)}" if hours else ""


def when(day: date, today: date) -> str:
    """`today, Monday 9 March 2026`, `in 3 days, on …`: as somebody says it on the day `today`."""
    days = (day - today).days
    near = {0: "today, ", 1: "tomorrow, "}.get(days, f"in {days} days, on " if days > 0 else "on ")
    return near + named_day(day)


def money(amount: Decimal) -> str:
    return f"${amount:,.2f}"


def lines_of(text: str) -> str:
    """`text` with its lines, tidied up."""
    return "\n".join(filter(None, map(one_line, text.splitlines())))
