"""Which occasion is due when, by the clinic's own clock (I8)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.models import Clinic, Closure, OpeningHours
from rentals.models import Reminder
from rentals.reminders import schedule

COLLECT = schedule.SERIES[Reminder.Kind.COLLECT_TOMORROW]
OVERDUE = schedule.SERIES[Reminder.Kind.OVERDUE]
SYDNEY = ZoneInfo("Australia/Sydney")
DUE = date(2026, 11, 30)


def clinic(time_zone: str = "Australia/Sydney", begin: time = time(8), end: time = time(18)) -> Clinic:
    """A clinic open from Monday to Friday and on Saturday morning, known without the database."""
    place = Clinic(pk=1, time_zone=time_zone, reminders_from=begin, reminders_until=end)
    hours = [OpeningHours(weekday=weekday, closes=time(17, 30)) for weekday in range(5)]
    saturday = OpeningHours(weekday=5, closes=time(12, 30))
    # As prefetch_related leaves them.
    vars(place)["_prefetched_objects_cache"] = {"opening_hours": [*hours, saturday], "closures": []}
    return place


@pytest.mark.parametrize(
    ("local", "occasion"),
    [
        ("2026-11-30T23:59", ""),
        ("2026-12-01T07:59:59", ""),
        ("2026-12-01T08:00", "2026-11-30+1"),
        ("2026-12-03T07:59", "2026-11-30+1"),
        ("2026-12-03T08:00", "2026-11-30+3"),
        ("2026-12-07T07:59", "2026-11-30+3"),
        ("2026-12-07T08:00", "2026-11-30+7"),
        ("2027-03-01T03:00", "2026-11-30+7"),
    ],
)
def test_of_one_series_only_the_latest_due_occasion_may_be_sent(local, occasion):
    at = datetime.fromisoformat(local).replace(tzinfo=SYDNEY)
    assert schedule.latest_occasion(OVERDUE, DUE, clinic(), at) == occasion


@pytest.mark.parametrize(
    ("local", "occasion", "too_late"),
    [
        ("2026-11-29T07:59", "", False),
        ("2026-11-29T08:00", "2026-11-30", False),
        ("2026-11-30T17:29:59", "2026-11-30", False),
        ("2026-11-30T17:30", "2026-11-30", True),
        ("2026-12-01T00:00", "2026-11-30", True),
    ],
)
def test_collecting_is_told_from_the_morning_before_until_the_clinic_closes(local, occasion, too_late):
    at = datetime.fromisoformat(local).replace(tzinfo=SYDNEY)
    assert schedule.latest_occasion(COLLECT, DUE, clinic(), at) == occasion
    assert schedule.is_too_late(COLLECT, DUE, clinic(), at) is too_late


@pytest.mark.parametrize(
    ("day", "last_moment", "too_late_from"),
    [
        (date(2026, 12, 5), "2026-12-05T12:29:59", "2026-12-05T12:30"),  # Saturday
        (date(2026, 12, 6), "2026-12-05T23:59:59", "2026-12-06T00:00"),  # Sunday, no hours
        (date(2026, 12, 8), "2026-12-07T23:59:59", "2026-12-08T00:00"),  # Tuesday, a closure
        (date(2026, 10, 4), "2026-10-03T23:59:59", "2026-10-04T00:00"),  # the day the clocks go forward
    ],
)
def test_collecting_is_not_told_once_the_clinic_has_closed_or_on_a_day_it_stays_closed(day, last_moment, too_late_from):
    place = clinic()
    closed = Closure(first_day=date(2026, 12, 8), last_day=date(2026, 12, 9))
    vars(place)["_prefetched_objects_cache"]["closures"] = [closed]
    moments = [datetime.fromisoformat(local).replace(tzinfo=SYDNEY) for local in (last_moment, too_late_from)]
    assert [schedule.is_too_late(COLLECT, day, place, at) for at in moments] == [False, True]


def test_being_overdue_is_never_too_late_to_tell():
    at = datetime(2027, 6, 6, 20, tzinfo=SYDNEY)  # a Sunday evening
    assert not schedule.is_too_late(OVERDUE, DUE, clinic(), at)


@pytest.mark.parametrize(
    ("day", "first", "after"),
    [
        # Sydney: clocks go forward on 4 October 2026 and back on 4 April 2027.
        (date(2026, 10, 3), "2026-10-02T22:00", "2026-10-03T08:00"),
        (date(2026, 10, 4), "2026-10-03T21:00", "2026-10-04T07:00"),
        (date(2027, 4, 3), "2027-04-02T21:00", "2027-04-03T07:00"),
        (date(2027, 4, 4), "2027-04-03T22:00", "2027-04-04T08:00"),
    ],
)
def test_sending_hours_follow_the_clock_on_the_wall_on_both_changeover_days(day, first, after):
    begin, end = (datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in (first, after))
    second = timedelta(seconds=1)
    assert schedule.due_at(clinic(), day, 0) == begin
    assert [
        schedule.may_send(clinic(), at) for at in (begin - second, begin, end - second, end, end + 12 * 3600 * second)
    ] == [False, True, True, False, False]


def test_an_hour_that_the_clock_leaps_over_still_comes():
    leaping = clinic(begin=time(2, 30))
    at = schedule.due_at(leaping, date(2026, 10, 4), 0)
    assert at.astimezone(SYDNEY).time() == time(3, 30)
    assert schedule.latest_due_day(leaping, at) == date(2026, 10, 4)
    assert schedule.latest_due_day(leaping, at - timedelta(seconds=1)) == date(2026, 10, 3)
    assert schedule.may_send(leaping, at)


def test_a_leap_day_counts():
    at = datetime(2028, 3, 1, 9, tzinfo=SYDNEY)
    assert schedule.latest_occasion(OVERDUE, date(2028, 2, 28), clinic(), at) == "2028-02-28+1"
    assert schedule.latest_occasion(OVERDUE, date(2028, 2, 29), clinic(), at) == "2028-02-29+1"
    assert schedule.latest_occasion(OVERDUE, date(2028, 2, 26), clinic(), at) == "2028-02-26+3"


ZONES = st.sampled_from(
    ["Australia/Sydney", "Australia/Lord_Howe", "Australia/Perth", "Pacific/Chatham", "America/St_Johns", "UTC"]
)
CLOCKS = st.times(min_value=time(0), max_value=time(22)).map(lambda clock: clock.replace(microsecond=0))
DAYS = st.dates(min_value=date(2024, 1, 1), max_value=date(2032, 12, 31))
HOURS = st.lists(st.integers(min_value=1, max_value=90), max_size=40)


def told(series: schedule.Series, anchor: date, clinic: Clinic, moments: list[datetime]) -> list[tuple[datetime, str]]:
    """What passes at these moments tell, each occasion once."""
    seen: dict[str, datetime] = {}
    for at in moments:
        key = schedule.latest_occasion(series, anchor, clinic, at)
        if key and schedule.may_send(clinic, at) and not schedule.is_too_late(series, anchor, clinic, at):
            seen.setdefault(key, at)
    return [(at, key) for key, at in seen.items()]


@given(zone=ZONES, begin=CLOCKS, anchor=DAYS, gaps=HOURS)
def test_whatever_passes_are_missed_nothing_is_told_early_twice_or_at_night(zone, begin, anchor, gaps):
    place = clinic(zone, begin, end=time(23, 59))
    start = schedule.due_at(place, anchor, -2)
    moments = [start + timedelta(hours=sum(gaps[: n + 1])) for n in range(len(gaps))]
    for series in schedule.ALL_SERIES:
        keys = [key for _, key in told(series, anchor, place, moments)]
        assert keys == sorted(set(keys))
        for at, key in told(series, anchor, place, moments):
            days = next(days for days in series.days if schedule.occasion(anchor, days) == key)
            assert at >= schedule.due_at(place, anchor, days)
            assert schedule.may_send(place, at)


@given(zone=ZONES, begin=CLOCKS, anchor=DAYS, offset=st.integers(min_value=0, max_value=299))
def test_passes_every_five_minutes_tell_each_occasion_within_five_minutes_of_its_moment(zone, begin, anchor, offset):
    place = clinic(zone, begin, end=time(23, 59))
    for series in schedule.ALL_SERIES:
        for days in series.days:
            due = schedule.due_at(place, anchor, days)
            passes = [due + timedelta(seconds=offset - 300), due + timedelta(seconds=offset)]
            key = schedule.occasion(anchor, days)
            assert schedule.latest_occasion(series, anchor, place, passes[0]) != key
            assert schedule.latest_occasion(series, anchor, place, passes[1]) == key
