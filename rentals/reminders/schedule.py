"""Which occasions of a rental are due: due and not yet told, never "exactly N days" (I8).

Days are the clinic's local days; a reminder falls due on its day at the clinic's `reminders_from`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from config.models import Clinic
from rentals.models import Reminder, Rental
from rentals.models.states import State

Kind = Reminder.Kind


@dataclass(frozen=True)
class Step:
    """One reminder of a series, due `days` after the anchor day (negative: before it).

    From the moment `until` of the anchor day on, by the clinic's clock, it is not worth sending any more;
    without one it always is.
    """

    kind: Kind
    days: int
    until: Callable[[Clinic, date], datetime] | None = None


@dataclass(frozen=True)
class Series:
    """Reminders about the day in the column `anchor` while a rental is in `state`; `steps` come in order.

    Only the latest step that has fallen due is sent, so nobody reads of two of them in one mail.
    """

    state: State
    anchor: str
    steps: tuple[Step, ...]

    def anchor_of(self, rental: Rental) -> date:
        return getattr(rental, self.anchor)

    def step_of(self, reminder: Reminder, anchor: date) -> Step | None:
        """The step that `reminder` stands for; None when it is about another anchor day."""
        named = (reminder.kind, reminder.occasion)
        return next((step for step in self.steps if named == (step.kind, occasion(anchor, step.days))), None)


def suffix(days: int) -> str:
    """What follows the anchor day in an occasion: nothing on that day, `-1` the day before, `+3` three days after."""
    return f"{days:+d}" if days else ""


def occasion(anchor: date, days: int) -> str:
    """Names an occasion. It carries the anchor day, so a new due date starts a series of its own."""
    return f"{anchor.isoformat()}{suffix(days)}"


def offer_occasion(expires_at: datetime) -> str:
    """Names the offer that runs out then."""
    return expires_at.astimezone(UTC).isoformat()


def due_at(clinic: Clinic, anchor: date, days: int) -> datetime:
    """The moment (UTC) at which the reminder of `days` after `anchor` falls due."""
    return clinic.moment(anchor + timedelta(days=days), clinic.reminders_from)


def may_send(clinic: Clinic, at: datetime) -> bool:
    """Whether reminders may leave now: never at night."""
    today = clinic.day_of(at)
    begin, end = (clinic.moment(today, clock) for clock in (clinic.reminders_from, clinic.reminders_until))
    return begin <= at < end


def next_sending(clinic: Clinic, at: datetime) -> datetime:
    """The first moment from `at` on at which reminders may leave."""
    if may_send(clinic, at):
        return at
    today = clinic.day_of(at)
    begin = clinic.moment(today, clinic.reminders_from)
    return begin if at < begin else clinic.moment(today + timedelta(days=1), clinic.reminders_from)


def latest_due_day(clinic: Clinic, at: datetime) -> date:
    """The latest local day whose reminders have fallen due."""
    today = clinic.day_of(at)
    return today if at >= clinic.moment(today, clinic.reminders_from) else today - timedelta(days=1)


def latest_step(series: Series, anchor: date, clinic: Clinic, at: datetime) -> Step | None:
    """The one step of the series that may be sent now; None while none is due."""
    gone = (latest_due_day(clinic, at) - anchor).days
    due = [step for step in series.steps if step.days <= gone]
    return due[-1] if due else None


def is_too_late(step: Step, anchor: date, clinic: Clinic, at: datetime) -> bool:
    """Whether the step is no longer worth sending."""
    return step.until is not None and at >= step.until(clinic, anchor)


def closes_at(clinic: Clinic, day: date) -> datetime:
    """The moment (UTC) from which nobody can come any more on `day`: its start where the clinic stays closed."""
    hours = clinic.hours_on(day)
    return clinic.moment(day, hours.closes if hours else time.min)


def closes_or_ends_at(clinic: Clinic, day: date) -> datetime:
    """When the clinic closes on `day`, or that day ends where it stays closed: its words say when to come instead."""
    return closes_at(clinic, day) if clinic.is_open(day) else clinic.start_of(day + timedelta(days=1))


ALL_SERIES = (
    Series(State.RESERVED, "starts_on", (Step(Kind.COLLECT_TOMORROW, -1, until=closes_at),)),
    Series(
        State.ACTIVE,
        "due_on",
        (
            Step(Kind.DUE_SOON, -3, until=Clinic.start_of),
            Step(Kind.DUE_TODAY, 0, until=closes_or_ends_at),
            *(Step(Kind.OVERDUE, days) for days in (1, 3, 7)),
        ),
    ),
)
SERIES_OF_KIND = {step.kind.value: series for series in ALL_SERIES for step in series.steps}
