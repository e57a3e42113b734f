"""The scheduler through whole weeks: every reminder once, whatever happens to it and to the clock (T9)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Count

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


TOLD_OF_DUE_DAY = {-3: "due_soon", 0: "due_today", 1: "overdue", 3: "overdue", 7: "overdue"}


def expected(last: datetime) -> set[tuple[str, str, str, date]]:
    """Who is to be told what on which local day until `last`, reckoned apart from the product's own schedule."""
    told = set()
    for rental in Rental.objects.all():
        if rental.state == State.RESERVED:
            eve = rental.starts_on - timedelta(days=1)
            told.add((rental.reference, "collect_tomorrow", str(rental.starts_on), eve))
        for days, kind in TOLD_OF_DUE_DAY.items() if rental.state == State.ACTIVE else ():
            occasion = f"{rental.due_on}+{days}" if days > 0 else str(rental.due_on)
            told.add((rental.reference, kind, occasion, rental.due_on + timedelta(days=days)))
    return {entry for entry in told if local(entry[3], time(8)) <= last}


def sent() -> list[tuple[str, str, str, date]]:
    rows = Reminder.objects.filter(message__state="sent").select_related("rental", "message")
    return [
        (row.rental.reference, row.kind, row.occasion, row.message.sent_at.astimezone(SYDNEY).date())
        for row in rows
        if row.state_shown == "sent"
    ]


def said_twice() -> list[int]:
    """Messages that tell of one rental twice."""
    told = Reminder.objects.filter(void=False, message__isnull=False).values("message", "rental")
    return [row["message"] for row in told.annotate(times=Count("pk")).filter(times__gt=1).order_by()]


def run(passes: list[datetime]) -> None:
    for at in passes:
        outbox.sweep(at)
        plan.plan_reminders(at)
        outbox.send_due(at)


def through(first: date, days: int = 18) -> list[datetime]:
    """Passes by night and by day, from four days before `first`."""
    clocks = (time(0, 30), time(2, 30), time(7, 59), time(8, 4), time(12), time(18), time(23, 59))
    return [local(first + timedelta(days=day), clock) for day in range(-4, days - 4) for clock in clocks]


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
    assert len(sent()) == 24
    hours = {row.sent_at.astimezone(SYDNEY).hour for row in Reminder.objects.select_related("message")}
    assert hours == {8}
    assert max(sink.message_ids.values()) == 1


def test_a_scheduler_dead_for_three_days_sends_the_latest_of_each_series_and_loses_none(sink):
    first = date(2026, 10, 1)
    desk(first)
    passes = through(first)
    away = (local(date(2026, 10, 2), time(6)), local(date(2026, 10, 5), time(6)))
    run([at for at in passes if not away[0] <= at < away[1]])
    told = {entry[:3] for entry in sent()}
    missing = {entry for entry in expected(passes[-1]) if entry[:3] not in told}
    why_not = {(row.rental.reference, row.kind, row.occasion): row.why for row in Reminder.objects.filter(void=True)}
    # What is missing was replaced by a later one of its series, or its day passed while nobody looked.
    for reference, kind, occasion, _ in missing:
        if (reference, kind, occasion) in why_not:
            assert why_not[reference, kind, occasion] == "superseded"
        else:
            over = local(date.fromisoformat(occasion), time(0) if kind == "due_soon" else time(18))
            assert away[0] <= over < away[1]
    assert 0 < len(missing) < len(told)
    assert said_twice() == []
    assert max(sink.message_ids.values()) == 1


def test_a_clock_that_jumps_back_and_forth_sends_nothing_twice(sink):
    first = date(2026, 10, 1)
    desk(first)
    passes = through(first)
    jumping = [at for n, at in enumerate(passes) for at in (at, passes[max(0, n - 10)])]
    run(jumping)
    assert {entry[:3] for entry in sent()} == {entry[:3] for entry in expected(passes[-1])}
    assert max(sink.message_ids.values()) == 1
    assert len(sent()) == 24
