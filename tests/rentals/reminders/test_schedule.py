"""Which step of a series is due when, by the clinic's own clock (I8)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.models import Clinic, Closure, OpeningHours
from rentals.models import Reminder
from rentals.reminders import schedule
from rentals.reminders.occasions import is_about
from rentals.reminders.rules import DEFAULTS, Rule
from rentals.reminders.series import ALL_SERIES

Kind = Reminder.Kind
COLLECTING = schedule.steps_of((Kind.COLLECT_TOMORROW,), DEFAULTS)
RETURNING = schedule.steps_of((Kind.DUE_SOON, Kind.DUE_TODAY, Kind.OVERDUE), DEFAULTS)
ALL_STEPS = [schedule.steps_of(series.kinds, DEFAULTS) for series in ALL_SERIES]
[COLLECT_TOMORROW] = COLLECTING
A_WEEK_BEFORE, DUE_SOON, A_DAY_BEFORE, DUE_TODAY, *OVERDUE = RETURNING
SYDNEY = ZoneInfo("Australia/Sydney")
DUE = date(2026, 11, 30)


def clinic(
    time_zone: str = "Australia/Sydney", begin: time = time(8), end: time = time(18), *, quiet: bool = False
) -> Clinic:
    """A clinic open from Monday to Friday and on Saturday morning, known without the database."""
    place = Clinic(pk=1, time_zone=time_zone, reminders_from=begin, reminders_until=end, quiet_when_closed=quiet)
    hours = [OpeningHours(weekday=weekday, closes=time(17, 30)) for weekday in range(5)]
    saturday = OpeningHours(weekday=5, closes=time(12, 30))
    # As prefetch_related leaves them.
    vars(place)["_prefetched_objects_cache"] = {"opening_hours": [*hours, saturday], "closures": []}
    return place


def local(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=SYDNEY)


def named(step: schedule.Step | None) -> tuple[str, int] | None:
    return (step.kind.value, step.days) if step else None


@pytest.mark.parametrize(
    ("moment", "step"),
    [
        ("2026-11-23T07:59:59", None),
        ("2026-11-23T08:00", ("due_soon", -7)),
        ("2026-11-27T07:59:59", ("due_soon", -7)),
        ("2026-11-27T08:00", ("due_soon", -3)),
        ("2026-11-29T07:59:59", ("due_soon", -3)),
        ("2026-11-29T08:00", ("due_soon", -1)),
        ("2026-11-30T07:59:59", ("due_soon", -1)),
        ("2026-11-30T08:00", ("due_today", 0)),
        ("2026-12-01T07:59:59", ("due_today", 0)),
        ("2026-12-01T08:00", ("overdue", 1)),
        ("2026-12-03T07:59", ("overdue", 1)),
        ("2026-12-03T08:00", ("overdue", 3)),
        ("2026-12-07T07:59", ("overdue", 3)),
        ("2026-12-07T08:00", ("overdue", 7)),
        ("2026-12-14T07:59", ("overdue", 7)),
        ("2026-12-14T08:00", ("overdue", 14)),
        ("2027-03-01T03:00", ("overdue", 14)),
    ],
)
def test_of_one_series_only_the_latest_due_step_may_be_sent(moment, step):
    assert named(schedule.latest_step(RETURNING, DUE, clinic(), local(moment))) == step


def test_each_step_of_a_series_is_named_by_kind_and_occasion():
    names = [(step.kind.value, step.occasion(DUE.isoformat())) for step in RETURNING]
    assert names == [
        ("due_soon", "2026-11-30-7"),
        ("due_soon", "2026-11-30-3"),
        ("due_soon", "2026-11-30-1"),
        ("due_today", "2026-11-30"),
        ("overdue", "2026-11-30+1"),
        ("overdue", "2026-11-30+3"),
        ("overdue", "2026-11-30+7"),
        ("overdue", "2026-11-30+14"),
    ]
    reminders = [Reminder(kind=kind, occasion=occasion) for kind, occasion in names]
    assert {is_about(reminder, DUE.isoformat()) for reminder in reminders} == {True}
    assert {is_about(reminder, (DUE + timedelta(days=1)).isoformat()) for reminder in reminders} == {False}


@pytest.mark.parametrize(
    ("moment", "step", "too_late"),
    [
        ("2026-11-29T07:59", None, False),
        ("2026-11-29T08:00", ("collect_tomorrow", -1), False),
        ("2026-11-30T17:29:59", ("collect_tomorrow", -1), False),
        ("2026-11-30T17:30", ("collect_tomorrow", -1), True),
        ("2026-12-01T00:00", ("collect_tomorrow", -1), True),
    ],
)
def test_collecting_is_told_from_the_morning_before_until_the_clinic_closes(moment, step, too_late):
    assert named(schedule.latest_step(COLLECTING, DUE, clinic(), local(moment))) == step
    assert schedule.is_too_late(COLLECT_TOMORROW, DUE, clinic(), local(moment)) is too_late


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
    moments = [local(moment) for moment in (last_moment, too_late_from)]
    assert [schedule.is_too_late(COLLECT_TOMORROW, day, closed_for_two_days(), at) for at in moments] == [False, True]


def closed_for_two_days(place: Clinic | None = None) -> Clinic:
    place = place or clinic()
    closed = Closure(first_day=date(2026, 12, 8), last_day=date(2026, 12, 9))
    vars(place)["_prefetched_objects_cache"]["closures"] = [closed]
    return place


@pytest.mark.parametrize(
    ("day", "last_moment", "too_late_from"),
    [
        (date(2026, 12, 4), "2026-12-04T17:29:59", "2026-12-04T17:30"),  # Friday
        (date(2026, 12, 5), "2026-12-05T12:29:59", "2026-12-05T12:30"),  # Saturday
        (date(2026, 12, 6), "2026-12-06T23:59:59", "2026-12-07T00:00"),  # Sunday, no hours
        (date(2026, 12, 8), "2026-12-08T23:59:59", "2026-12-09T00:00"),  # Tuesday, a closure
        (date(2026, 10, 4), "2026-10-04T23:59:59", "2026-10-05T00:00"),  # the day the clocks go forward
    ],
)
def test_being_due_today_is_told_until_the_clinic_closes_or_all_of_a_day_it_stays_closed(
    day, last_moment, too_late_from
):
    moments = [local(moment) for moment in (last_moment, too_late_from)]
    assert [schedule.is_too_late(DUE_TODAY, day, closed_for_two_days(), at) for at in moments] == [False, True]


@pytest.mark.parametrize("day", [date(2026, 12, 4), date(2026, 12, 6), date(2026, 10, 4), date(2027, 4, 4)])
def test_being_due_soon_is_told_until_the_due_day_begins(day):
    begins = datetime.combine(day, time(0), tzinfo=SYDNEY).astimezone(UTC)
    moments = (begins - timedelta(seconds=1), begins)
    assert [schedule.is_too_late(DUE_SOON, day, clinic(), at) for at in moments] == [False, True]


def test_being_overdue_is_never_too_late_to_tell():
    at = datetime(2027, 6, 6, 20, tzinfo=SYDNEY)  # a Sunday evening
    assert [schedule.is_too_late(step, DUE, clinic(), at) for step in OVERDUE] == [False] * 4


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
    assert schedule.due_at(DUE_TODAY, clinic(), day) == begin
    assert [
        schedule.may_send(clinic(), at) for at in (begin - second, begin, end - second, end, end + 12 * 3600 * second)
    ] == [False, True, True, False, False]


def test_an_hour_that_the_clock_leaps_over_still_comes():
    leaping = clinic(begin=time(2, 30))
    at = schedule.due_at(DUE_TODAY, leaping, date(2026, 10, 4))
    assert at.astimezone(SYDNEY).time() == time(3, 30)
    assert schedule.latest_due_day(leaping, at) == date(2026, 10, 4)
    assert schedule.latest_due_day(leaping, at - timedelta(seconds=1)) == date(2026, 10, 3)
    assert schedule.may_send(leaping, at)


def test_a_leap_day_counts():
    at = datetime(2028, 3, 1, 9, tzinfo=SYDNEY)
    due_days = {date(2028, 2, 26): 3, date(2028, 2, 28): 1, date(2028, 2, 29): 1, date(2028, 3, 1): 0}
    latest = {day: schedule.latest_step(RETURNING, day, clinic(), at).days for day in due_days}
    assert latest == due_days
    before = datetime(2028, 2, 27, 9, tzinfo=SYDNEY)
    assert schedule.latest_step(RETURNING, date(2028, 3, 1), clinic(), before) == DUE_SOON


ZONES = st.sampled_from(
    ["Australia/Sydney", "Australia/Lord_Howe", "Australia/Perth", "Pacific/Chatham", "America/St_Johns", "UTC"]
)
CLOCKS = st.times(min_value=time(0), max_value=time(22)).map(lambda clock: clock.replace(microsecond=0))
DAYS = st.dates(min_value=date(2024, 1, 1), max_value=date(2032, 12, 31))
HOURS = st.lists(st.integers(min_value=1, max_value=90), max_size=40)


def passes_of(place: Clinic, anchor: date, gaps: list[int]) -> list[datetime]:
    """Moments of passes from eight days before the anchor day on, so many hours after each other."""
    start = place.moment(anchor - timedelta(days=8), place.reminders_from)
    return [start + timedelta(hours=sum(gaps[: n + 1])) for n in range(len(gaps))]


def to_tell(series: tuple[schedule.Step, ...], anchor: date, clinic: Clinic, at: datetime) -> schedule.Step | None:
    step = schedule.latest_step(series, anchor, clinic, at)
    if step and schedule.may_send(clinic, at) and not schedule.is_too_late(step, anchor, clinic, at):
        return step
    return None


@settings(deadline=None)
@given(zone=ZONES, begin=CLOCKS, anchor=DAYS, gaps=HOURS)
def test_whatever_passes_are_missed_nothing_is_told_early_late_or_at_night(zone, begin, anchor, gaps):
    place = clinic(zone, begin, end=time(23, 59))
    for series in ALL_STEPS:
        told = [(step, at) for at in passes_of(place, anchor, gaps) if (step := to_tell(series, anchor, place, at))]
        assert [step.days for step, _ in told] == sorted(step.days for step, _ in told)
        for step, at in told:
            assert schedule.may_send(place, at)
            assert at >= schedule.due_at(step, place, anchor)
            later = [other for other in series if other.days > step.days]
            assert not later or at < schedule.due_at(later[0], place, anchor)


@settings(deadline=None)
@given(zone=ZONES, begin=CLOCKS, anchor=DAYS, gaps=HOURS)
def test_whatever_passes_are_missed_due_soon_is_told_before_the_due_day_and_overdue_after_it(zone, begin, anchor, gaps):
    place = clinic(zone, begin, end=time(23, 59))
    possible = {"due_soon": set(range(1, 8)), "due_today": {0}, "overdue": set(range(-160, 0))}
    for at in passes_of(place, anchor, gaps):
        if step := to_tell(RETURNING, anchor, place, at):
            assert (anchor - place.day_of(at)).days in possible[step.kind]


@settings(deadline=None)
@given(zone=ZONES, begin=CLOCKS, anchor=DAYS, offset=st.integers(min_value=0, max_value=299))
def test_passes_every_five_minutes_tell_each_step_within_five_minutes_of_its_moment(zone, begin, anchor, offset):
    place = clinic(zone, begin, end=time(23, 59))
    for series in ALL_STEPS:
        for step in series:
            due = schedule.due_at(step, place, anchor)
            passes = [due + timedelta(seconds=offset - 300), due + timedelta(seconds=offset)]
            assert schedule.latest_step(series, anchor, place, passes[0]) != step
            assert schedule.latest_step(series, anchor, place, passes[1]) == step


@settings(deadline=None)
@given(zone=ZONES, day=DAYS)
def test_a_step_ends_on_the_day_it_is_about_so_planning_need_look_no_further_back(zone, day):
    place = clinic(zone)
    for step in (COLLECT_TOMORROW, A_WEEK_BEFORE, DUE_SOON, A_DAY_BEFORE, DUE_TODAY):
        assert place.start_of(day) <= step.until(place, step, day) <= place.start_of(day + timedelta(days=1))


@settings(max_examples=25, deadline=None)
@given(zone=ZONES, begin=CLOCKS, day=DAYS, clock=st.times(), quiet=st.booleans())
def test_the_days_that_planning_looks_at_are_those_that_are_due_and_not_too_late(zone, begin, day, clock, quiet):
    place, at = closed_for_two_days(clinic(zone, begin, quiet=quiet)), datetime.combine(day, clock, tzinfo=UTC)
    for step in (step for series in ALL_STEPS for step in series):
        first, last = schedule.due_anchors(step, place, at)
        for anchor in (place.day_of(at) + timedelta(days=days) for days in range(-40, 20)):
            due = schedule.told_on(step, place, anchor) <= schedule.latest_due_day(place, at)
            worth = due and not schedule.is_too_late(step, anchor, place, at)
            assert worth == ((first is None or first <= anchor) and anchor <= last)


@pytest.mark.parametrize(
    ("step", "anchor", "told_on"),
    [
        (DUE_TODAY, date(2026, 12, 5), date(2026, 12, 5)),  # Saturday, open
        (DUE_TODAY, date(2026, 12, 6), date(2026, 12, 5)),  # Sunday
        (DUE_TODAY, date(2026, 12, 9), date(2026, 12, 7)),  # the second day of a closure
        (A_DAY_BEFORE, date(2026, 12, 7), date(2026, 12, 5)),
        (DUE_SOON, date(2026, 12, 9), date(2026, 12, 5)),
        (COLLECT_TOMORROW, date(2026, 12, 10), date(2026, 12, 7)),
        (OVERDUE[0], date(2026, 12, 5), date(2026, 12, 7)),
        (OVERDUE[0], date(2026, 12, 7), date(2026, 12, 10)),
        (OVERDUE[1], date(2026, 12, 7), date(2026, 12, 10)),
    ],
)
def test_what_falls_on_a_closed_day_is_told_before_it_up_to_its_day_and_after_it_later(step, anchor, told_on):
    assert schedule.told_on(step, closed_for_two_days(clinic(quiet=True)), anchor) == told_on


@pytest.mark.parametrize(
    ("days", "told_on"),
    [
        (-3, date(2026, 12, 3)),
        (-1, date(2026, 12, 5)),
        (1, date(2026, 12, 10)),
        (2, date(2026, 12, 11)),
    ],
)
def test_days_can_be_counted_as_those_on_which_the_doors_are_open(days, told_on):
    step = schedule.Step(Kind.OVERDUE, days, Rule(counted_in="open"), after=days > 0)
    assert schedule.told_on(step, closed_for_two_days(clinic(quiet=True)), date(2026, 12, 7)) == told_on


def test_a_rule_s_time_of_day_decides_when_a_step_falls_due():
    step = schedule.Step(Kind.DUE_TODAY, 0, Rule(at=time(14, 30)), after=False)
    assert schedule.due_at(step, clinic(), DUE) == local("2026-11-30T14:30")


def test_nothing_leaves_on_a_day_the_doors_stay_closed_where_the_site_wants_quiet_then():
    sunday, closed = local("2026-12-06T10:00"), local("2026-12-08T10:00")
    quiet, loud = (closed_for_two_days(clinic(quiet=quiet)) for quiet in (True, False))
    assert [schedule.may_send(quiet, at) for at in (sunday, closed)] == [False, False]
    assert [schedule.may_send(loud, at) for at in (sunday, closed)] == [True, True]
    assert schedule.next_sending(quiet, sunday) == local("2026-12-07T08:00")
    assert schedule.next_sending(quiet, closed) == local("2026-12-10T08:00")
    assert schedule.next_sending(loud, sunday) == sunday


def test_a_clinic_without_any_hours_is_not_silent_for_ever():
    place = clinic(quiet=True)
    vars(place)["_prefetched_objects_cache"]["opening_hours"] = []
    assert schedule.may_send(place, local("2026-12-07T10:00"))
    assert schedule.told_on(DUE_TODAY, place, date(2026, 12, 6)) == date(2026, 12, 6)
