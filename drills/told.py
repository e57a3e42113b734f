"""What patients are to be told on which day, reckoned a pass at a time without the code that plans it: for T9.

Knows the default rules by heart, and the public holidays, so that a change of ours is noticed here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from holidays import country_holidays

SYDNEY = ZoneInfo("Australia/Sydney")
DAY = timedelta(days=1)
LONG_AGO, FOR_EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
HOLIDAYS = country_holidays("AU", subdiv="NSW", years=range(2026, 2031))
ABOUT_THE_DUE_DAY = [("due_soon", -7), ("due_soon", -3), ("due_soon", -1), ("due_today", 0)] + [
    ("overdue", days) for days in (1, 3, 7, 14)
]
Told = tuple[str, str, int, date]  # reference, kind, days before or after, the day on which the mail left


@dataclass(frozen=True)
class Site:
    """A clinic in Sydney: when its mail leaves, whether also on closed days, and the days on which it is closed."""

    begins: time
    ends: time
    quiet_when_closed: bool
    closed: tuple[date, date]

    def is_open(self, day: date) -> bool:
        return day.weekday() < 6 and day not in HOLIDAYS and not self.closed[0] <= day <= self.closed[1]

    def moved(self, day: date, step: int) -> date:
        """The day, or where nothing is told on it the first one before or after on which something is."""
        if not self.quiet_when_closed or self.is_open(day):
            return day
        return self.moved(day + step * DAY, step)

    def begin(self, day: date) -> datetime:
        return moment(day, self.begins)

    def may_send(self, at: datetime) -> bool:
        today = day_of(at)
        in_hours = self.begin(today) <= at < moment(today, self.ends)
        return in_hours and (self.is_open(today) or not self.quiet_when_closed)

    def closes(self, day: date) -> datetime:
        """When the doors close that day; its start where they stay closed."""
        return moment(day, (time(12, 30) if day.weekday() == 5 else time(17, 30)) if self.is_open(day) else time(0))


@cache
def moment(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, tzinfo=SYDNEY).astimezone(UTC)


def day_of(at: datetime) -> date:
    return at.astimezone(SYDNEY).date()


@dataclass
class Hire:
    """One rental: what happens to it when, from the moment on at which it does. Paid for when it is collected."""

    reference: str
    site: Site
    booked: datetime
    starts_on: date
    due_on: date
    collected: datetime
    returned: datetime
    signed: datetime = FOR_EVER
    healed: datetime = FOR_EVER
    imaging_due_on: date | None = None
    told: dict[tuple[str, int], date] = field(default_factory=dict)
    overtaken: set[tuple[str, int]] = field(default_factory=set)

    def steps(self, now: datetime) -> Iterator["Step"]:
        """What there is to tell of it as things stand `now`, whatever clocks show."""
        if self.booked <= now < self.collected:
            yield from self.before_it_starts(now)
        if self.collected <= now < self.returned:
            yield from self.while_it_lasts(now)
        if self.returned <= now:
            yield self.happened("returned_thanks", self.returned)
        if self.collected <= now:
            yield self.happened("receipt", self.collected)

    def before_it_starts(self, now: datetime) -> Iterator["Step"]:
        yield Step("collect_tomorrow", -1, self.site.moved(self.starts_on - DAY, -1), self.site.closes(self.starts_on))
        if now < self.signed:
            day = self.site.moved(day_of(self.booked) + DAY, 1)
            yield Step("agreement_to_sign", 1, day, moment(self.starts_on + DAY, time(0)))

    def while_it_lasts(self, now: datetime) -> Iterator["Step"]:
        if self.healed <= now:
            yield Step("how_to_return", 0, self.site.moved(day_of(self.healed), 1), FOR_EVER)
        else:
            day = self.site.moved(day_of(self.collected) + 3 * DAY, 1)
            yield Step("first_days", 3, day, moment(day + 7 * DAY, time(0)))
            if self.imaging_due_on:
                day = self.site.moved(self.imaging_due_on - 7 * DAY, -1)
                if day > day_of(self.collected):
                    yield Step("imaging_due", -7, day, moment(self.imaging_due_on, time(0)))

    def about_the_due_day(self, now: datetime) -> Iterator["Step"]:
        """In order; of these only the latest that has fallen due is told, and none that the desk has just said."""
        if not self.collected <= now < self.returned:
            return
        for kind, days in ABOUT_THE_DUE_DAY:
            day = self.site.moved(self.due_on + days * DAY, 1 if days > 0 else -1)
            yield Step(kind, days, day, self.until(days))

    def until(self, days: int) -> datetime:
        if days > 0:
            return FOR_EVER
        if days == 0 and self.site.is_open(self.due_on):
            return self.site.closes(self.due_on)
        return moment(self.due_on + (DAY if days == 0 else timedelta(0)), time(0))

    def happened(self, kind: str, at: datetime) -> "Step":
        day = self.site.moved(day_of(at), 1)
        return Step(kind, 0, day, moment(day + 7 * DAY, time(0)), at)


@dataclass(frozen=True)
class Step:
    """Something to tell on `day`, until it is not worth telling any more; not before what it tells of `happened`."""

    kind: str
    days: int
    day: date
    until: datetime
    happened: datetime = LONG_AGO

    @property
    def name(self) -> tuple[str, int]:
        return self.kind, self.days


def look(hires: Iterable[Hire], now: datetime, shown: datetime) -> None:
    """Write down in each hire what a pass tells that is made `now` while the clock shows `shown`."""
    for hire in hires:
        if hire.site.may_send(shown):
            ready = [step for step in candidates(hire, now, shown) if step.name not in hire.told]
            # What falls due later that day goes into the same mail.
            if any(max(hire.site.begin(step.day), step.happened) <= shown for step in ready):
                hire.told.update({step.name: day_of(shown) for step in ready})


def candidates(hire: Hire, now: datetime, shown: datetime) -> Iterator[Step]:
    """What has fallen due of the hire by the clock, is worth telling, and was not replaced by something later."""
    for step in hire.steps(now):
        if has_come(step, hire, shown) and (step.kind != "receipt" or step.happened <= shown):
            yield step
    series = list(hire.about_the_due_day(now))
    reached = [step for step in series if shown >= hire.site.begin(step.day)]
    for step in reached[:-1]:
        if shown < step.until and step.day > day_of(hire.collected):
            hire.overtaken.add(step.name)
    for step in reached[-1:]:
        later = any(kind == step.kind and days > step.days for kind, days in hire.told)
        said = step.day <= day_of(hire.collected)
        if shown < step.until and not (later or said or step.name in hire.overtaken):
            yield step


def has_come(step: Step, hire: Hire, shown: datetime) -> bool:
    return hire.site.begin(step.day) <= shown < step.until


def all_told(hires: Iterable[Hire]) -> set[Told]:
    return {(hire.reference, *name, day) for hire in hires for name, day in hire.told.items()}
