"""The scheduler through whole weeks: every reminder once, whatever happens to it and to the clock (T9)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from rentals.models import Reminder, Rental
from rentals.models.states import State
from rentals.reminders import outbox, plan
from tests import make

pytestmark = pytest.mark.django_db
SYDNEY = ZoneInfo("Australia/Sydney")


def local(day: date, clock: time = time(0)) -> datetime:
    return datetime.combine(day, clock, tzinfo=SYDNEY).astimezone(UTC)


def desk(first: date) -> None:
    """A clinic with rentals that begin or are due on four open days from `first`."""
    clinic = make.clinic()
    booked = local(first - timedelta(days=40), time(12))
    manager = make.manager()
    for day in range(4):
        open_day = clinic.next_open_day(first + timedelta(days=day))
        make.rental(State.ACTIVE, clinic, at=booked, actor=manager, due_on=open_day)
        make.rental(State.RESERVED, clinic, at=booked, actor=manager, starts_on=open_day)


def expected(last: datetime) -> set[tuple[str, str, date]]:
    """Who is to be told what on which local day until `last`, reckoned apart from the product's own schedule."""
    told = set()
    for rental in Rental.objects.all():
        if rental.state == State.RESERVED:
            told.add((rental.reference, str(rental.starts_on), rental.starts_on - timedelta(days=1)))
        else:
            told |= {(rental.reference, f"{rental.due_on}+{n}", rental.due_on + timedelta(days=n)) for n in (1, 3, 7)}
    return {entry for entry in told if local(entry[2], time(8)) <= last}


def sent() -> list[tuple[str, str, date]]:
    rows = Reminder.objects.filter(message__state="sent").select_related("rental", "message")
    return [(row.rental.reference, row.occasion, row.message.sent_at.astimezone(SYDNEY).date()) for row in rows]


def run(passes: list[datetime]) -> None:
    for at in passes:
        outbox.sweep(at)
        plan.plan_reminders(at)
        outbox.send_due(at)


def through(first: date, days: int = 14) -> list[datetime]:
    """Passes by night and by day, from two days before `first`."""
    clocks = (time(0, 30), time(2, 30), time(7, 59), time(8, 4), time(12), time(18), time(23, 59))
    return [local(first + timedelta(days=day), clock) for day in range(-2, days - 2) for clock in clocks]


@pytest.mark.parametrize(
    "first",
    [date(2026, 10, 1), date(2027, 4, 1), date(2028, 2, 26), date(2026, 12, 29)],
    ids=["clocks forward", "clocks back", "leap day", "new year"],
)
def test_everything_is_told_once_on_its_day(sink, first):
    desk(first)
    passes = through(first)
    run(passes)
    assert sorted(sent()) == sorted(expected(passes[-1]))
    assert len(sent()) == 16
    hours = {row.sent_at.astimezone(SYDNEY).hour for row in Reminder.objects.select_related("message")}
    assert hours == {8}
    assert max(sink.message_ids.values()) == 1


def test_a_scheduler_dead_for_three_days_sends_the_latest_of_each_series_and_loses_none(sink):
    first = date(2026, 10, 1)
    desk(first)
    passes = through(first)
    away = (local(date(2026, 10, 2), time(6)), local(date(2026, 10, 5), time(6)))
    run([at for at in passes if not away[0] <= at < away[1]])
    told: dict[tuple[str, str], Reminder] = {}
    why_not: dict[tuple[str, str], Reminder] = {}
    for row in Reminder.objects.select_related("rental", "message"):
        (told if row.state_shown == "sent" else why_not)[row.rental.reference, row.occasion] = row
    missing = {(reference, key) for reference, key, _ in expected(passes[-1])} - set(told)
    # What is missing was replaced by a later one of its series, or is a start that had passed.
    for reference, key in missing:
        row = why_not.get((reference, key))
        if row is None:
            assert away[0].date() <= date.fromisoformat(key) < away[1].astimezone(SYDNEY).date()
        else:
            assert row.why == "superseded"
    assert len(missing) < len(told)
    assert max(sink.message_ids.values()) == 1


def test_a_clock_that_jumps_back_and_forth_sends_nothing_twice(sink):
    first = date(2026, 10, 1)
    desk(first)
    passes = through(first)
    jumping = [at for n, at in enumerate(passes) for at in (at, passes[max(0, n - 10)])]
    run(jumping)
    assert {(reference, key) for reference, key, _ in sent()} == {
        (reference, key) for reference, key, _ in expected(passes[-1])
    }
    assert max(sink.message_ids.values()) == 1
    assert len(sent()) == 16
