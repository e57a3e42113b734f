"""The scheduler through some weeks: every reminder once, whatever happens to it and to the clock (T9).

The drill of the days lives through a whole year.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Count

from config.models import Closure
from devices.models import ReadOut
from devices.readings import record_reading
from rentals.booking.healing import confirm_healed
from rentals.ledger import balance, pay
from rentals.models import GelSupply, Message, Reminder, Rental
from rentals.models.states import State
from rentals.reminders import outbox, plan
from tests import make

pytestmark = pytest.mark.django_db
SYDNEY = ZoneInfo("Australia/Sydney")
DAY = timedelta(days=1)
# What closes the doors in New South Wales in these weeks, beside Sundays and the closure of each test.
HOLIDAYS = {
    date(2026, 10, 5),
    date(2027, 3, 26),
    date(2027, 3, 27),
    date(2027, 3, 28),
    date(2027, 3, 29),
    date(2026, 12, 25),
    date(2026, 12, 26),
    date(2026, 12, 28),
    date(2027, 1, 1),
}
# The first day, the third after which is special, and for how many days it is looked at: all kinds in the first.
FIRSTS = {
    "clocks forward": (date(2026, 10, 1), 20),
    "clocks back": (date(2027, 4, 1), 7),
    "leap day": (date(2028, 2, 26), 7),
    "closed days": (date(2026, 12, 22), 15),
}
BEFORE = 2  # so many days before the first one are looked at, too
CLOSURE = (date(2026, 12, 29), date(2026, 12, 31))


def local(day: date, clock: time = time(0)) -> datetime:
    return datetime.combine(day, clock, tzinfo=SYDNEY).astimezone(UTC)


def is_open(day: date) -> bool:
    return day.weekday() < 6 and day not in HOLIDAYS and not CLOSURE[0] <= day <= CLOSURE[1]


def moved(day: date, step: int) -> date:
    return day if is_open(day) else moved(day + step * DAY, step)


class Life:
    """A clinic through some weeks: what happens there when, and what its patients are to be told on which day."""

    def __init__(self, first: date) -> None:
        self.manager = make.manager()
        self.first = first
        self.booked = local(first - timedelta(days=40), time(12))
        self.clinic = make.clinic(holiday_region="AU-NSW", at=self.booked)
        Closure.objects.create(clinic=self.clinic, first_day=CLOSURE[0], last_day=CLOSURE[1], reason="Summer")
        self.events: list[tuple[datetime, Callable[[], object]]] = []
        self.expected: set[tuple[str, str, date]] = set()
        self.due_and_started()
        self.one_life()
        self.few_treatments()

    def due_and_started(self) -> None:
        """Rentals that begin or are due so many days after the first, or when the doors open next."""
        for number in (1, 3):
            day = moved(self.first + number * DAY, 1)
            due = make.rental(State.ACTIVE, self.clinic, at=self.booked, actor=self.manager, due_on=day)
            for days in (-7, -3, -1, 0, 1, 3, 7, 14):
                kind = "due_soon" if days < 0 else "overdue" if days else "due_today"
                self.expect(due, kind, day + days * DAY, 1 if days > 0 else -1)
            start = make.rental(State.RESERVED, self.clinic, at=self.booked, actor=self.manager, starts_on=day)
            self.expect(start, "agreement_to_sign", self.first_day)
            self.expect(start, "collect_tomorrow", day - DAY, -1)

    def one_life(self) -> None:
        """A rental from hand-over to refund, whose patient does not treat."""
        base = self.first_day
        life = make.rental(State.RESERVED, self.clinic, at=local(base, time(6)), actor=self.manager, starts_on=base)
        reading = partial(make.hand_over, life, actor=self.manager)
        self.on(local(base, time(10)), lambda: reading(at=local(base, time(10))), life, "receipt")
        on = base + 11 * DAY
        self.on(local(base, time(11)), lambda: Rental.objects.filter(pk=life.pk).update(imaging_due_on=on))
        self.expect(life, "collect_tomorrow", base)
        self.expect(life, "imaging_due", base + 4 * DAY, -1)
        self.expect(life, "first_days", base + 3 * DAY, 1)
        self.on(local(base, time(11)), lambda: gel(life, base))
        self.expect(life, "gel_low", base + 6 * DAY, 1)
        for days in (8, 12):
            self.on(local(base + days * DAY, time(11)), partial(read_out, life, local(base + days * DAY, time(11))))
        healed, back = local(base + 14 * DAY, time(9)), local(base + 16 * DAY, time(11))
        if local(moved(base + 8 * DAY, 1)) < healed:
            self.expect(life, "days_missed", base + 8 * DAY, 1)
        self.on(healed, lambda: heal(life, healed, self.manager), life, "how_to_return")
        self.on(back, lambda: self.bring_back(life, back), life, "returned_thanks", "bond_refunded")

    def bring_back(self, rental: Rental, at: datetime) -> None:
        rental.refresh_from_db()
        rental = make.take_back(rental, counter=0, actor=self.manager, at=at)
        rental = make.inspect(rental, actor=self.manager, at=at)
        pay(rental, kind="refund", amount=-balance(rental), method="transfer", at=at, actor=self.manager)

    def few_treatments(self) -> None:
        device = make.device(self.clinic, nominal=40, at=self.booked)
        rental = make.rental(
            State.ACTIVE,
            device=device,
            at=self.booked,
            actor=self.manager,
            due_on=self.clinic.next_open_day(self.first + 60 * DAY),
        )
        at = local(self.first_day + 2 * DAY, time(11))
        self.on(at, lambda: record_reading(device, 35, read_at=at, now=at, actor=None), rental, "treatments_low")

    @property
    def first_day(self) -> date:
        """The first open day of the passes."""
        return moved(self.first - BEFORE * DAY, 1)

    def on(self, at: datetime, event: Callable[[], object], rental: Rental | None = None, *told: str) -> None:
        """Let something happen, and have it told at the next pass: at noon, or when the doors open next."""
        self.events.append((at, event))
        for kind in told:
            self.expect(rental, kind, at.astimezone(SYDNEY).date(), 1)

    def expect(self, rental: Rental, kind: str, day: date, step: int = 1) -> None:
        self.expected.add((rental.reference, kind, max(moved(day, step), self.first_day)))

    def told_by(self, first: date, last: date) -> set[tuple[str, str, date]]:
        """What is to be told from `first` to `last`: of a series on one day only the latest."""
        return {entry for entry in self.expected if first <= entry[2] <= last} - self.overtaken()

    def overtaken(self) -> set[tuple[str, str, date]]:
        series = ("due_soon", "due_today", "overdue")
        by_day: dict[tuple[str, date], list[str]] = {}
        for reference, kind, day in self.expected:
            if kind in series:
                by_day.setdefault((reference, day), []).append(kind)
        return {
            (reference, kind, day)
            for (reference, day), kinds in by_day.items()
            for kind in set(kinds)
            if series.index(kind) < max(map(series.index, kinds))
        }

    def passes(self, days: int) -> list[datetime]:
        """Every morning of so many days, from some before the first; at noon where something has happened that
        day; and in the nights of the special day and of the next one."""
        eventful = {at.astimezone(SYDNEY).date() for at, _ in self.events}
        begun = [self.first + number * DAY for number in range(-BEFORE, days - BEFORE)]
        nights = [local(self.first + number * DAY, time(2, 30)) for number in (3, 4)]
        noons = [local(day, time(12)) for day in begun if day in eventful]
        return sorted([*nights, *(local(day, time(8, 4)) for day in begun), *noons])

    def run(self, passes: list[datetime]) -> None:
        """Every pass, with what has happened until then."""
        events = sorted(zip((at for at, _ in self.events), count(), (event for _, event in self.events), strict=False))
        for at in passes:
            while events and events[0][0] <= at:
                events.pop(0)[2]()
            outbox.sweep(at)
            plan.plan_reminders(at)
            outbox.send_due(at)


def gel(rental: Rental, base: date) -> None:
    GelSupply.objects.create(rental=rental, given_at=local(base, time(11)), expires_on=base + 5 * DAY)


def read_out(rental: Rental, at: datetime) -> None:
    device = rental.holdings.get(live=True).device
    ReadOut.objects.create(device=device, read_out_at=at, counter=0)


def heal(rental: Rental, at: datetime, actor) -> None:
    rental.refresh_from_db()
    confirm_healed(rental, on=rental.clinic.day_of(at), imaging="Plain film", at=at, actor=actor)


def sent() -> list[tuple[str, str, date]]:
    rows = Reminder.objects.filter(message__state="sent", void=False).select_related("rental", "message")
    return [
        (row.rental.reference, row.kind, row.message.sent_at.astimezone(SYDNEY).date())
        for row in rows
        if row.state_shown == "sent"
    ]


def said_twice() -> list[int]:
    """Messages that tell of one series of one rental twice."""
    of_due_day = Reminder.objects.filter(kind__in=["due_soon", "due_today", "overdue"])
    told = of_due_day.filter(void=False, message__isnull=False).values("message", "rental")
    return [row["message"] for row in told.annotate(times=Count("pk")).filter(times__gt=1).order_by()]


def window(passes: list[datetime]) -> tuple[date, date]:
    return passes[0].astimezone(SYDNEY).date(), passes[-1].astimezone(SYDNEY).date()


@pytest.mark.parametrize(("first", "days"), FIRSTS.values(), ids=FIRSTS.keys())
def test_everything_is_told_once_on_its_day(sink, first, days):
    life = Life(first)
    passes = life.passes(days)
    life.run(passes)
    told, due = sent(), life.told_by(*window(passes))
    assert set(told) - due == set()
    assert due - set(told) == set()
    assert len(told) == len(set(told)) >= days
    assert days < 20 or {kind for _, kind, _ in told} == {kind for _, kind, _ in life.expected}
    hours = {row.sent_at.astimezone(SYDNEY).hour for row in Message.objects.filter(state="sent")}
    assert hours == {8, 12}
    assert all(is_open(day) for *_, day in told)
    assert max(sink.message_ids.values()) == 1


def test_a_scheduler_dead_for_three_days_sends_the_latest_of_each_series_and_loses_none(sink):
    first = date(2026, 10, 1)
    life = Life(first)
    passes = life.passes(8)
    away = (local(date(2026, 10, 1), time(6)), local(date(2026, 10, 4), time(6)))
    life.run([at for at in passes if not away[0] <= at < away[1]])
    told = sorted(entry[:2] for entry in sent())
    missing = sorted(entry[:2] for entry in life.told_by(*window(passes)))
    for entry in told:
        missing.remove(entry)  # nothing is told that was not to be told, and nothing more often
    # What is missing was replaced by a later one of its series, or its day passed while nobody looked.
    void = Reminder.objects.filter(void=True)
    assert set(void.values_list("why", flat=True)) <= {"superseded", "too_late"}
    assert {kind for _, kind in missing} <= {"collect_tomorrow", "due_soon", "due_today", "overdue"}
    assert 0 < len(missing) < len(told)
    assert said_twice() == []
    assert max(sink.message_ids.values()) == 1


def test_a_clock_that_jumps_back_and_forth_sends_nothing_twice(sink):
    first = date(2026, 10, 1)
    life = Life(first)
    passes = life.passes(8)
    back = {n: passes[n - 8] for n in range(8, len(passes), 3)}
    life.run([at for n, now in enumerate(passes) for at in (now, back.get(n)) if at])
    told = [entry[:2] for entry in sent()]
    assert sorted(told) == sorted(entry[:2] for entry in life.told_by(*window(passes)))
    assert max(sink.message_ids.values()) == 1
