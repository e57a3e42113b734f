"""Everything that happened to one rental, and what is ahead of it, on one timeline."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Max
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.models import Clinic
from config.words import aud, in_sentence
from devices.models import Reading
from rentals.desk.told import Told
from rentals.models import LedgerEntry, Paper, Reminder, Rental, StaffTask
from rentals.models.states import State
from rentals.templatetags.desk import done, spoken

if TYPE_CHECKING:
    from rentals.overview import RentalInView

TOLD_BY_THE_LEDGER = {"pay", "reverse"}
BESIDE_ITS_PAYMENT = LedgerEntry.Kind.BOND_HELD
TOLD_BY_A_SIGNATURE = {Paper.Kind.AGREEMENT, Paper.Kind.RETURN}


@dataclass(frozen=True)
class Happening:
    """One thing that happened: an icon's name, words, more words below them, who did it, a page to look at."""

    at: datetime
    icon: str
    what: str
    more: str = ""
    by: str = ""
    link: str = ""
    alarm: bool = False


@dataclass(frozen=True)
class Ahead:
    """One local day on which something is to happen."""

    day: date
    what: str


def story_of(rental: "RentalInView", told: Sequence[Told], papers: Iterable[Paper]) -> list[Happening]:
    """All that is known of `rental` (one of `in_full`), the latest first, by the clock of its site.

    `told` and `papers` are its messages and papers. Three queries, whatever there is.
    """
    of_the_rental = (moves, money, findings, tasks, readings, read_outs)
    found = [*mails(told), *files(papers), *(happening for part in of_the_rental for happening in part(rental))]
    return latest_first(found, rental.clinic)


def latest_first(found: Iterable[Happening], clinic: Clinic) -> list[Happening]:
    """`found` by the clock of `clinic`; of one moment, too, what came last stands first."""
    here = [replace(happening, at=happening.at.astimezone(clinic.zone)) for happening in found]
    return sorted(here, key=lambda happening: happening.at)[::-1]


def moves(rental: Rental) -> Iterator[Happening]:
    for move in rental.moves.all():
        if move.verb not in TOLD_BY_THE_LEDGER:
            by = move.actor.username if move.actor else ""
            yield Happening(move.at, "milestone", done(move.verb), more=move.reason, by=by)


def money(rental: Rental) -> Iterator[Happening]:
    for entry in rental.ledger.all():
        if entry.kind != BESIDE_ITS_PAYMENT:
            method = f", {in_sentence(entry.get_method_display())}" if entry.method else ""
            by = entry.actor.username if entry.actor else ""
            what = f"{spoken(entry.kind)}{method}: {aud(abs(entry.amount))}"
            yield Happening(entry.at, "banknote", what, more=entry.note, by=by)


def mails(told: Iterable[Told]) -> Iterator[Happening]:
    for one in told:
        message, kinds = one.message, ", ".join(one.kinds)
        link = reverse("message", args=[message.pk]) if message.text else ""
        what = f"{capfirst(message.get_state_display())}: {kinds or message.subject}"
        at, alarm = message.sent_at or message.created_at, message.state in message.TO_DECIDE
        yield Happening(at, "mail", what, more=message.why, link=link, alarm=alarm)


def files(papers: Iterable[Paper]) -> Iterator[Happening]:
    for paper in papers:
        if paper.kind not in TOLD_BY_A_SIGNATURE:
            what = f"{paper.get_kind_display()} {paper.number or paper.version}"
            yield Happening(paper.made_at, "file-text", what, link=reverse("paper", args=[paper.pk]))


def findings(rental: Rental) -> Iterator[Happening]:
    for one in rental.discrepancies.all():
        yield Happening(one.opened_at, "circle-alert", spoken(one.kind), more=one.why, alarm=one.closed_at is None)
        if one.closed_at:
            settled = f"{spoken(one.kind)}: {in_sentence(one.get_closed_as_display())}"
            yield Happening(one.closed_at, "circle-check", settled, more=one.note)


def tasks(rental: Rental) -> Iterator[Happening]:
    for task in StaffTask.objects.filter(rental=rental).select_related("done_by", "reminder"):
        about = task.reminder.get_kind_display() if task.reminder else ""
        words = ", ".join(in_sentence(part) for part in (task.get_kind_display(), about) if part)
        yield Happening(task.opened_at, "list-todo", _("Task: %(task)s") % {"task": words})
        if task.done_at:
            ended = _("Done: %(task)s") if task.done_by else _("Not needed any more: %(task)s")
            by = task.done_by.username if task.done_by else ""
            yield Happening(task.done_at, "list-checks", ended % {"task": words}, task.note, by)


def readings(rental: Rental) -> Iterator[Happening]:
    """What was read off the screen at the desk while the patient had the device; hand-over and return say their own."""
    spans = {holding.device_id: holding.out for holding in rental.holdings.all() if holding.out and holding.device_id}
    seen = Reading.objects.filter(device__in=spans, source=Reading.Source.DESK).select_related("recorded_by", "device")
    for reading in seen:
        if reading.read_at in spans[reading.device_id]:
            what = _("Counter %(counter)s read") % {"counter": reading.counter}
            link = reverse("device", args=[reading.device_id])
            by = reading.recorded_by.username if reading.recorded_by else ""
            yield Happening(reading.read_at, "gauge", what, by=by, link=link, alarm=not reading.trusted)


def read_outs(rental: Rental) -> Iterator[Happening]:
    """The transfers of data that brought treatments of this rental."""
    brought: Any = rental.treatments.values("read_out").annotate(count=Count("pk"), at=Max("read_out__read_out_at"))
    for row in brought.order_by():
        what = ngettext(
            "Read-out with %(count)s treatment of this rental",
            "Read-out with %(count)s treatments of this rental",
            row["count"],
        )
        yield Happening(row["at"], "download", what % {"count": row["count"]})


def ahead_of(rental: "RentalInView", not_told: Iterable[Reminder], at: datetime) -> list[Ahead]:
    """What is to come, soonest first: the days of the rental itself and what the patient will be told."""
    today, day_of = rental.clinic.day_of(at), rental.clinic.day_of
    days = [(rental.imaging_due_on, _("Follow-up imaging"))]
    if rental.state == State.RESERVED:
        days += [(rental.starts_on, _("To be collected")), (rental.due_on, _("Due back"))]
    if rental.state == State.ACTIVE:
        expected = rental.return_expected_at
        days += [(rental.due_on, _("Due back")), (day_of(expected) if expected else None, _("Expected back"))]
    planned = [reminder for reminder in not_told if reminder.state_shown == "planned" and reminder.due_at > at]
    days += [(day_of(reminder.due_at), to_be_told(reminder)) for reminder in planned]
    return sorted((Ahead(day, what) for day, what in days if day and day >= today), key=lambda one: one.day)


def to_be_told(reminder: Reminder) -> str:
    return _("To be told: %(about)s") % {"about": in_sentence(reminder.get_kind_display())}
