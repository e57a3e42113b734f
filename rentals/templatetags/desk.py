"""How the desk's pages write moments, days and money, and the hidden field that makes a form count once."""

from collections.abc import Mapping
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any
from uuid import uuid4

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from config.days import (
    clock_words,
    day_of_year,
    exact_clock,
    long_day,
    month_words,
    named_day,
    near_day,
    short_day,
    short_day_of_year,
)
from config.models import Clinic, User
from config.words import aud, in_sentence
from patients.models import Patient
from rentals.desk.code_words import code_words
from rentals.desk.fleet_details import detail_words
from rentals.desk.next_steps import NextStep
from rentals.desk.next_steps import next_steps as steps_of
from rentals.desk.once import FIELD
from rentals.desk.outlook import in_words
from rentals.desk.task_steps import asked_in_words
from rentals.desk.task_steps import task_steps as steps_of_task
from rentals.models import Discrepancy, StaffTask
from rentals.models.states import State
from rentals.papers.parties import guardian_of, is_minor
from rentals.reconciliation.forecast import Forecast
from rentals.staff_tasks import may_do

register = template.Library()
for written in (day_of_year, long_day, month_words, named_day, near_day, short_day_of_year):
    register.filter(written, expects_localtime=True)
register.filter(aud)
register.filter(detail_words)
register.filter("inside", in_sentence)

DONE = {
    "book": gettext_lazy("Booked"),
    "enquire": gettext_lazy("Put on the waiting list"),
    "reserve": gettext_lazy("Given a device"),
    "prioritise": gettext_lazy("Priority changed"),
    "offer": gettext_lazy("Offered to the patient"),
    "offer_accepted": gettext_lazy("Offer accepted"),
    "offer_declined": gettext_lazy("Offer declined"),
    "offer_expired": gettext_lazy("Offer ran out"),
    "offer_withdrawn": gettext_lazy("Offer withdrawn, its device was taken away"),
    "offer_again": gettext_lazy("To be offered again"),
    "sign": gettext_lazy("Agreement signed"),
    "sign_change": gettext_lazy("Change of the agreement signed"),
    "sign_return": gettext_lazy("Return signed"),
    "set_payer": gettext_lazy("Who pays changed"),
    "pay": gettext_lazy("Payment recorded"),
    "hand_over": gettext_lazy("Handed over"),
    "take_back": gettext_lazy("Taken back"),
    "inspect": gettext_lazy("Settled and closed"),
    "extend": gettext_lazy("Due day changed"),
    "swap": gettext_lazy("Device swapped"),
    "change_device": gettext_lazy("Moved to another device"),
    "pin": gettext_lazy("Pinned to its device, or let go"),
    "confirm_healed": gettext_lazy("Healing confirmed"),
    "revoke_links": gettext_lazy("Patient's page closed: its links open nothing any more"),
    "choose_return": gettext_lazy("Day of the return named"),
    "give_gel": gettext_lazy("Gel given"),
    "plan_imaging": gettext_lazy("Imaging planned"),
    "silence": gettext_lazy("No more messages"),
    "unsilence": gettext_lazy("Messages again"),
    "cancel": gettext_lazy("Cancelled"),
    "report_lost": gettext_lazy("Reported lost"),
    "report_kept": gettext_lazy("Kept by the patient"),
    "reverse": gettext_lazy("Entry reversed"),
    "at_risk": gettext_lazy("Device taken away"),
    "correct_device": gettext_lazy("Wrong device put right"),
    "correct_patient": gettext_lazy("Wrong patient put right"),
    "correct_details": gettext_lazy("Name or date of birth of the patient put right"),
}

TONES = {
    State.ENQUIRY: "calm",
    State.RESERVED: "calm",
    State.ACTIVE: "good",
    State.RETURNED: "wait",
    State.LOST: "alarm",
    State.KEPT: "wait",
}


@register.filter
def local(moment: datetime | None, clinic: Clinic) -> str:
    """A moment by the clinic's clock: `Mon 2 Mar 2026, 2:05 pm`."""
    if moment is None:
        return "–"
    there = moment.astimezone(clinic.zone)
    return f"{short_day(there.date())}, {exact_clock(there.time())}"


@register.filter
def day(value: date | str | None) -> str:
    """A local day, as itself or as the API writes it: `Mon 2 Mar 2026`."""
    if isinstance(value, str):
        value = date.fromisoformat(value) if value else None
    return _day_in(get_language(), value) if value else "–"


@lru_cache(maxsize=2000)
def _day_in(language: str | None, value: date) -> str:
    """A long list writes the same few days again and again."""
    return short_day(value)


@register.filter(expects_localtime=True)
def clock(moment: datetime | time) -> str:
    """A time of day as our mails write it: `8:30 am`, `noon`; of a moment by the clock of the page's site."""
    return clock_words(moment.time() if isinstance(moment, datetime) else moment)


@register.filter
def clock_at(moment: datetime, clinic: Clinic) -> str:
    """The time of day of a moment by the clinic's clock: `10:42 am`."""
    return clock_words(moment.astimezone(clinic.zone).time())


@register.filter
def of(found: Mapping[int, Any], key: int) -> Any:
    """What `found` has for `key`; None where it has nothing."""
    return found.get(key)


@register.filter
def days_since(value: date, today: date) -> int:
    """Whole days from `value` to `today`."""
    return (today - value).days


@register.simple_tag(takes_context=True)
def ago(context: dict[str, Any], since: datetime, clinic: Clinic | None = None) -> SafeString:
    """How long ago `since` was by the days of `clinic`, of the page's site unless given: `today`, `yesterday`,
    `12 days ago`; the exact moment where the mouse rests on it."""
    clinic = clinic or context["site"]
    days = (clinic.day_of(context["now"]) - clinic.day_of(since)).days
    words = {0: _("today"), 1: _("yesterday")}.get(days) or ngettext("%(days)s day ago", "%(days)s days ago", days)
    words %= {"days": days}
    return format_html('<time datetime="{}" title="{}">{}</time>', since.isoformat(), local(since, clinic), words)


@register.filter
def spoken(code: str) -> str:
    """A code of ours (`stress_fatigue`) in words."""
    return code_words(code)


@register.filter
def next_steps(discrepancy: Discrepancy, user: User) -> list[NextStep]:
    """The pages on which `user` can put the discrepancy right."""
    return steps_of(discrepancy, user)


@register.filter
def task_steps(task: StaffTask, user: User) -> list[NextStep]:
    """The pages on which `user` can do what the task asks for."""
    return steps_of_task(task, user)


@register.filter
def doable_by(task: StaffTask, user: User) -> bool:
    """Whether `user` may say that the task is done."""
    return may_do(task, user)


@register.filter
def asked(task: StaffTask) -> str:
    """What the patient chose on the form that the task came from."""
    return asked_in_words(task)


@register.filter
def dialled(phone: str) -> str:
    """A telephone number as a `tel:` address has it."""
    return "".join(character for character in phone if character.isdigit() or character == "+")


@register.filter
def lacks_guardian(patient: Patient, today: date) -> bool:
    """Whether somebody under age has nobody yet who may sign for them."""
    return is_minor(patient, today) and guardian_of(patient) is None


@register.filter
def outlook(forecast: Forecast, today: date) -> str:
    """When a device runs out, in words."""
    return in_words(forecast, today)


@register.filter
def words(text: str) -> list[str]:
    """The words of `text`."""
    return text.split()


@register.filter
def done(verb: str) -> str:
    """What a verb of the rental's history did."""
    return capfirst(str(DONE[verb])) if verb in DONE else spoken(verb)


@register.filter
def tone(state: str) -> str:
    """The colour that goes with the word for a rental's state."""
    return TONES.get(State(state), "")


@register.simple_tag(takes_context=True)
def once(context: dict[str, Any]) -> SafeString:
    """The hidden field by which a form that is sent twice is known (`rentals/desk/once.py`)."""
    return format_html(
        '<input type="hidden" name="{}" value="{}">', FIELD, context["request"].POST.get(FIELD) or uuid4().hex
    )
