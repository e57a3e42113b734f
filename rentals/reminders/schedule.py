"""Which occasions of a rental are due: due and not yet told, never "exactly N days" (I8).

Days are the clinic's local days; a reminder falls due on its day at the clinic's `reminders_from`.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from config.models import Clinic
from rentals.models import Reminder, Rental
from rentals.models.states import State


@dataclass(frozen=True)
class Series:
    """Reminders of one kind about one day of a rental, of which only the latest due one is sent.

    `days` count from the day in the column `anchor`, negative ones before it. Once the clinic has
    closed on `last_day` (None: never) they are not worth sending any more.
    """

    kind: Reminder.Kind
    state: State
    anchor: str
    days: tuple[int, ...]
    last_day: int | None = None

    def anchor_of(self, rental: Rental) -> date:
        return getattr(rental, self.anchor)


ALL_SERIES = (
    Series(Reminder.Kind.COLLECT_TOMORROW, State.RESERVED, "starts_on", days=(-1,), last_day=0),
    Series(Reminder.Kind.OVERDUE, State.ACTIVE, "due_on", days=(1, 3, 7)),
)
SERIES = {series.kind.value: series for series in ALL_SERIES}


def suffix(days: int) -> str:
    """What follows the anchor day in an occasion: nothing up to that day, `+3` three days after it."""
    return f"+{days}" if days > 0 else ""


def occasion(anchor: date, days: int) -> str:
    """Names an occasion. It carries the anchor day, so a new due date starts a series of its own."""
    return f"{anchor.isoformat()}{suffix(days)}"


def due_at(clinic: Clinic, anchor: date, days: int) -> datetime:
    """The moment (UTC) at which the reminder of `days` after `anchor` falls due."""
    return local_moment(clinic, anchor + timedelta(days=days), clinic.reminders_from)


def local_moment(clinic: Clinic, day: date, clock: time) -> datetime:
    """The moment (UTC) at which the clinic's clock shows `clock` on `day`: the first of two,
    and where the clock leaps over it, as long after midnight as on any other day."""
    return datetime.combine(day, clock, tzinfo=clinic.zone).astimezone(UTC)


def may_send(clinic: Clinic, at: datetime) -> bool:
    """Whether reminders may leave now: never at night."""
    today = clinic.day_of(at)
    begin, end = (local_moment(clinic, today, clock) for clock in (clinic.reminders_from, clinic.reminders_until))
    return begin <= at < end


def latest_due_day(clinic: Clinic, at: datetime) -> date:
    """The latest local day whose reminders have fallen due."""
    today = clinic.day_of(at)
    return today if at >= local_moment(clinic, today, clinic.reminders_from) else today - timedelta(days=1)


def latest_occasion(series: Series, anchor: date, clinic: Clinic, at: datetime) -> str:
    """The one occasion of the series that may be sent now; "" while none is due."""
    gone = (latest_due_day(clinic, at) - anchor).days
    due = [days for days in series.days if days <= gone]
    return occasion(anchor, due[-1]) if due else ""


def is_too_late(series: Series, anchor: date, clinic: Clinic, at: datetime) -> bool:
    """Whether the clinic has closed on the last day on which the series is worth sending."""
    return series.last_day is not None and at >= closes_at(clinic, anchor + timedelta(days=series.last_day))


def closes_at(clinic: Clinic, day: date) -> datetime:
    """The moment (UTC) from which nobody can come any more on `day`: its start where the clinic stays closed."""
    closing = {hours.weekday: hours.closes for hours in clinic.opening_hours.all()}
    return local_moment(clinic, day, closing[day.weekday()] if clinic.is_open(day) else time.min)
