"""When a kind is told: due and not yet told, never "exactly N days" (I8).

Days are the clinic's local days. What would be told on a day on which the doors stay closed, where the site wants
quiet then, is told on an open day: up to its day the last one before, after it the next one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from config.models import Clinic
from rentals.models import Reminder
from rentals.reminders.occasions import suffix
from rentals.reminders.rules import Days, Rule

Kind = Reminder.Kind
DAY = timedelta(days=1)
FURTHEST = 60  # days to look for an open one, as `Clinic.open_days` does
WORTH_TELLING = 7  # days for which an event is still told; so an upgrade mails nobody what is long past


@dataclass(frozen=True)
class Step:
    """One reminder of a series, due `days` after the anchor day (negative: before it), by `rule`.

    `after`: it tells of what has happened, so a closed day puts it off. From the moment `until` of the anchor day on,
    by the clinic's clock, it is not worth telling any more; without one it always is.
    """

    kind: Kind
    days: int
    rule: Rule
    after: bool
    until: Callable[[Clinic, "Step", date], datetime] | None = None

    def occasion(self, key: str) -> str:
        """The occasion's name; `key` names what the days are counted from."""
        return f"{key}{suffix(self.days)}"


def offer_occasion(expires_at: datetime) -> str:
    """Names the offer that runs out then."""
    return expires_at.astimezone(UTC).isoformat()


def is_quiet(clinic: Clinic, day: date) -> bool:
    """Whether nothing is sent on `day` because the doors stay closed; a clinic without any hours knows no such day."""
    return clinic.quiet_when_closed and not clinic.is_open(day) and bool(clinic.opening_hours.all())


def may_send(clinic: Clinic, at: datetime) -> bool:
    """Whether reminders may leave now: never at night, nor on a day of quiet."""
    today = clinic.day_of(at)
    begin, end = (clinic.moment(today, clock) for clock in (clinic.reminders_from, clinic.reminders_until))
    return begin <= at < end and not is_quiet(clinic, today)


def next_sending(clinic: Clinic, at: datetime) -> datetime:
    """The first moment from `at` on at which reminders may leave."""
    if may_send(clinic, at):
        return at
    today = clinic.day_of(at)
    begun = at >= clinic.moment(today, clinic.reminders_from)
    first = today + DAY if begun else today
    return clinic.moment(not_quiet(clinic, first, DAY), clinic.reminders_from)


def not_quiet(clinic: Clinic, day: date, step: timedelta) -> date:
    """The first day from `day` on, going by `step`, on which something may be sent; `day` itself where none is near."""
    days = (day + number * step for number in range(FURTHEST + 1))
    return next((found for found in days if not is_quiet(clinic, found)), day)


def told_on(step: Step, clinic: Clinic, anchor: date) -> date:
    """The local day on which the step falls due for `anchor`; never an earlier one for a later anchor."""
    counted = open_days_from if step.rule.counted_in == Days.OPEN else calendar_days_from
    return not_quiet(clinic, counted(clinic, anchor, step.days), DAY if step.after else -DAY)


def calendar_days_from(clinic: Clinic, anchor: date, days: int) -> date:
    return anchor + days * DAY


def open_days_from(clinic: Clinic, anchor: date, days: int) -> date:
    """The day by which the doors have opened on so many days after `anchor`; before it for a negative number."""
    if not days:
        return anchor
    step = DAY if days > 0 else -DAY
    ahead = (anchor + number * step for number in range(1, FURTHEST + 2 * abs(days)))
    opened = (day for day in ahead if clinic.is_open(day))
    return next(islice(opened, abs(days) - 1, None), calendar_days_from(clinic, anchor, days))


def due_at(step: Step, clinic: Clinic, anchor: date) -> datetime:
    """The moment (UTC) at which the step falls due for `anchor`."""
    return clinic.moment(told_on(step, clinic, anchor), step.rule.at or clinic.reminders_from)


def latest_due_day(clinic: Clinic, at: datetime) -> date:
    """The latest local day whose reminders may be written: from the beginning of the sending hours on, also what is
    told later that day, so that all of one day can go into one message."""
    today = clinic.day_of(at)
    return today if at >= clinic.moment(today, clinic.reminders_from) else today - DAY


def is_too_late(step: Step, anchor: date, clinic: Clinic, at: datetime) -> bool:
    """Whether the step is no longer worth telling."""
    return step.until is not None and at >= step.until(clinic, step, anchor)


def due_anchors(step: Step, clinic: Clinic, at: datetime) -> tuple[date | None, date]:
    """The first (None: any) and the last anchor day for which the step is due and still worth telling at `at`."""
    today = clinic.day_of(at)
    reach = 2 * (FURTHEST + abs(step.days)) + WORTH_TELLING
    days = [today + number * DAY for number in range(-reach, reach)]
    last = bisect_right(days, latest_due_day(clinic, at), key=lambda day: told_on(step, clinic, day)) - 1
    if step.until is None:
        return None, days[last]
    first = bisect_left(days, True, key=lambda day: not is_too_late(step, day, clinic, at))
    return days[first], days[last]


def latest_step(steps: tuple[Step, ...], anchor: date, clinic: Clinic, at: datetime) -> Step | None:
    """The one step of a series that may be told now; None while none is due. Nobody reads of two of them at once."""
    last_day = latest_due_day(clinic, at)
    due = [step for step in steps if told_on(step, clinic, anchor) <= last_day]
    return due[-1] if due else None


def begins(clinic: Clinic, step: Step, anchor: date) -> datetime:
    """The moment at which the anchor day begins."""
    return clinic.start_of(anchor)


def closes(clinic: Clinic, step: Step, anchor: date) -> datetime:
    """The moment (UTC) from which nobody can come any more that day: its start where the clinic stays closed."""
    hours = clinic.hours_on(anchor)
    return clinic.moment(anchor, hours.closes if hours else time.min)


def closes_or_ends(clinic: Clinic, step: Step, anchor: date) -> datetime:
    """When the clinic closes that day, or the day ends where it stays closed: its words say when to come instead."""
    return closes(clinic, step, anchor) if clinic.is_open(anchor) else clinic.start_of(anchor + DAY)


def week_after(clinic: Clinic, step: Step, anchor: date) -> datetime:
    """The end of the days for which an event is told, counted from the day on which it should have been."""
    return clinic.start_of(told_on(step, clinic, anchor) + WORTH_TELLING * DAY)


UNTIL: Mapping[str, Callable[[Clinic, Step, date], datetime] | None] = {
    Kind.COLLECT_TOMORROW: closes,
    Kind.FIRST_DAYS: week_after,
    Kind.IMAGING_DUE: begins,
    Kind.DUE_SOON: begins,
    Kind.DUE_TODAY: closes_or_ends,
    Kind.RETURNED_THANKS: week_after,
    Kind.BOND_REFUNDED: week_after,
    Kind.RECEIPT: week_after,
}
# What is told up to its day; all other kinds tell of what has happened.
BEFORE = frozenset({Kind.COLLECT_TOMORROW, Kind.IMAGING_DUE, Kind.DUE_SOON, Kind.DUE_TODAY})


def steps_of(kinds: tuple[Kind, ...], rules: Mapping[str, Rule]) -> tuple[Step, ...]:
    """The steps of a series of `kinds`, in order; none of those that the site has switched off."""
    steps = [
        Step(kind, days, rules[kind], after=kind not in BEFORE, until=UNTIL.get(kind))
        for kind in kinds
        if rules[kind].enabled
        for days in rules[kind].days
    ]
    return tuple(sorted(steps, key=lambda step: step.days))
