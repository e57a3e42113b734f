"""What one reminder is about, as values for its words. Days are the clinic's local days."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, npgettext, pgettext, pgettext_lazy

from config.days import clock_words, named_day
from config.models import Clinic
from config.words import aud
from rentals.arranged import arranged_return
from rentals.ledger import METHODS
from rentals.links import address_without_key, portal_without_key
from rentals.models import LedgerEntry, Reminder, Rental
from rentals.models.holdings import Part
from rentals.reminders.occasions import number_in
from rentals.reminders.texts.filling import one_line

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# The others touch the skin or are used up: they stay with the patient.
RETURNABLE: "dict[str, StrOrPromise]" = {
    Part.MAIN_UNIT: pgettext_lazy("what to bring back", "main unit"),
    Part.TRANSDUCER: pgettext_lazy("what to bring back", "transducer"),
    Part.CHARGER: pgettext_lazy("what to bring back", "charger"),
    Part.CARD: pgettext_lazy("what to bring back", "card"),
    Part.CASE: pgettext_lazy("what to bring back", "case"),
}
PAYMENTS: "dict[str, StrOrPromise]" = {
    "hire_payment": gettext_lazy("for the hire"),
    "fee_payment": gettext_lazy("for a fee"),
    "bond_payment": gettext_lazy("for the bond"),
}
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
        return _("phone us on %(phone)s") % {"phone": clinic_phone(about)}
    return _("reply to this e-mail") if about.clinic.email and not about.spoken else _("let us know")


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
    return when(planned, about.today) if planned else _("soon")


def collect_hours(about: Occasion) -> str:
    """When the doors are open on the day of the collection; a sentence, also where they were closed since."""
    if hours := hours_words(about.clinic, about.rental.starts_on):
        return _("We are open %(hours)s that day.") % {"hours": hours}
    words = _("We are closed that day after all; please %(reach_us)s so that we can find another one.")
    return words % {"reach_us": reach_us(about)}


def when_to_come(about: Occasion) -> str:
    """When to bring the device back: at the time that was arranged, on the due day, or when the doors open next."""
    arranged = arranged_return(about.rental)
    if arranged and arranged > about.at:
        return _("We expect you on %(moment)s.") % {"moment": moment_words(arranged, about.clinic)}
    day = max(about.rental.due_on, about.today)
    is_today = day == about.today
    if hours := hours_words(about.clinic, day):
        words = _("We are open %(hours)s today.") if is_today else _("We are open %(hours)s that day.")
        return words % {"hours": hours}
    closed = _("We are closed today") if is_today else _("We are closed that day")
    open_day = about.clinic.next_open_day(day)
    if open_day is None:
        words = _("%(closed)s; please %(reach_us)s so that we can find another one.")
        return words % {"closed": closed, "reach_us": reach_us(about)}
    words = _("%(closed)s; the next day we are open is %(day)s, %(hours)s.")
    return words % {"closed": closed, "day": named_day(open_day), "hours": hours_words(about.clinic, open_day)}


def parts(about: Occasion) -> str:
    """What to bring back: the parts that went out with the rental, as in "the main unit, charger and case".

    A swapped unit leaves its parts with the patient, so those of every holding count.
    """
    given = {part for holding in about.rental.holdings.all() for part in holding.parts_out}
    named = get_text_list([str(words) for part, words in RETURNABLE.items() if part in given], _("and"))
    return _("the %(parts)s") % {"parts": named} if named else _("the device with all its parts")


def return_by(about: Occasion) -> str:
    """Until when to bring the device back, where that day has not passed."""
    if about.rental.due_on <= about.today:
        return _("as soon as you can")
    return pgettext("until a day", "by %(day)s") % {"day": due_on(about)}


def days_overdue(about: Occasion) -> str:
    days = (about.today - about.rental.due_on).days
    return npgettext("so long ago", "%(days)s day", "%(days)s days", days) % {"days": days}


def next_step(about: Occasion) -> str:
    """What the clinic does next about a device that is overdue: firmer with the days, and what the terms say."""
    days, terms = (about.today - about.rental.due_on).days, about.rental.terms
    said = []
    if days >= FIRM_FROM and terms.late_fee_per_day:
        words = _("Under your agreement a late fee of %(amount)s a day is counted meanwhile.")
        said.append(words % {"amount": aud(terms.late_fee_per_day)})
    if days >= LAST_FROM and terms.deemed_kept_after_days:
        said.append(
            _(
                "If we do not hear from you, our next step is to look at the part of your agreement about devices that "
                "are kept, under which we may charge you for it. We would much rather have it back; one call is enough."
            )
        )
    elif days >= LAST_FROM:
        said.append(_("If we do not hear from you, our next step is to phone you. One call is enough to settle it."))
    elif days >= FIRM_FROM:
        said.append(_("Other patients are waiting for our devices."))
    return " ".join(said)


def treatments_left(about: Occasion) -> str:
    """What the device has left, as in "about 12 treatments"; nothing exact where that is unknown."""
    devices = (holding.device for holding in about.rental.holdings.all() if holding.live)
    left = next((device.remaining_treatments for device in devices if device), None)
    return _("about %(left)s treatments") % {"left": left} if left and left > 1 else _("only a few treatments")


def offer_until(about: Occasion) -> str:
    until = about.rental.offer_expires_at
    return moment_words(until, about.clinic) if until else _("the time we told you")


def returned_on(about: Occasion) -> str:
    returned = about.rental.returned_at
    return _("on %(day)s") % {"day": named_day(about.clinic.day_of(returned))} if returned else _("safely")


def refund(about: Occasion) -> str:
    """The refund that is told, as in "$300.00 of your bond, by bank transfer"."""
    entry = entry_told(about, (LedgerEntry.Kind.REFUND,))
    if entry is None:
        return _("your bond")
    return _("%(amount)s of your bond, %(method)s") % {"amount": aud(entry.amount), "method": METHODS[entry.method]}


def payment(about: Occasion) -> str:
    """The payment that is told, as in "$120.00 for the hire, by card, on Monday 2 March 2026"."""
    entry = entry_told(about, PAYMENTS)
    if entry is None:
        return _("your payment")
    day = named_day(about.clinic.day_of(entry.at))
    return _("%(amount)s %(purpose)s, %(method)s, on %(day)s") % {
        "amount": aud(-entry.amount),
        "purpose": PAYMENTS[entry.kind],
        "method": METHODS[entry.method],
        "day": day,
    }


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
    if hours is None:
        return ""
    span = {"opens": clock_words(hours.opens), "closes": clock_words(hours.closes)}
    return _("from %(opens)s to %(closes)s") % span


def when(day: date, today: date) -> str:
    """`today, Monday 9 March 2026`, `in 3 days, on …`: as somebody says it on the day `today`."""
    days = (day - today).days
    if days == 0:
        words = _("today, %(day)s")
    elif days == 1:
        words = _("tomorrow, %(day)s")
    else:
        words = _("in %(days)s days, on %(day)s") if days > 0 else _("on %(day)s")
    return words % {"days": days, "day": named_day(day)}


def lines_of(text: str) -> str:
    """`text` with its lines, tidied up."""
    return "\n".join(filter(None, map(one_line, text.splitlines())))
