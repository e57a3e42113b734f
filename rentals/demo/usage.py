"""What patients do with their units, what the units log of it, and the files in which it comes to Callus."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from django.db import connection

from rentals.demo.chance import chance_of
from rentals.demo.fleet import Unit
from rentals.demo.sites import Site
from rentals.demo.stories import Story
from rentals.reconciliation.formats import COLUMNS
from rentals.reconciliation.imports import queue_import, run_import

HOURS = {1: (19,), 2: (7, 19), 3: (7, 13, 19)}  # of the treatments of a day, by how many there are
SECONDS = 1200
SHARE_STOPPED, SHARE_FAULTY = 0.04, 0.005
FAULT = "E4"
FALLS_BY = 0.1  # of the adherence, from the first day of a course to its last planned one
ROUNDS = range(-225, 0, 14)  # days from today on which a file is brought in
READ_WHILE_OUT = -15  # from this round on, units are read out that are with their patients


@dataclass(frozen=True)
class Session:
    """One treatment: the unit's own number for it, and when it truly began (UTC)."""

    n: int
    at: datetime
    seconds: int = SECONDS
    outcome: str = "completed"


@dataclass
class Course:
    """One unit with one patient from the hand-over at the moment `out` on, told as far as somebody looks."""

    unit: Unit
    site: Site
    story: Story
    out: datetime
    sessions: list[Session] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.told_until = self.out
        self.is_over = False
        self.usage = self.story.usage
        self.restarts_on = self.usage.restarts_on

    def day_of(self, moment: datetime) -> int:
        """Which day of the course it is, the hand-over being on day 0."""
        return (self.site.clinic.day_of(moment) - self.site.clinic.day_of(self.out)).days

    def go_on(self, until: datetime) -> int:
        """Let the patient treat until the moment `until`; returns what the screen shows then."""
        for day in range(self.day_of(self.told_until), self.day_of(until) + 1):
            for session_at, seconds, outcome in self.treatments_on(day):
                if self.told_until < session_at <= until and not self.is_over:
                    self.log(session_at, seconds, outcome)
        self.told_until = until
        return self.unit.shows

    def end(self, at: datetime) -> int:
        """The patient gives the unit away at the moment `at`; returns what the screen shows then."""
        counter, self.is_over = self.go_on(at), True
        return counter

    def treatments_on(self, day: int) -> Iterator[tuple[datetime, int, str]]:
        """What the patient does on that day of the course, the same however often it is asked."""
        usage, chance = self.usage, chance_of(self.unit.device.serial, self.story.start, day)
        twice = day in usage.twice_on
        willing = usage.adherence * (1 - FALLS_BY * day / self.story.days)
        for hour in HOURS[self.story.per_day + twice]:
            minute, does, (seconds, outcome) = chance.randrange(60), chance.random() < willing, ending(chance)
            if twice or (does and not is_within(day, usage.paused)):
                yield self.site.at(self.date_of(day), hour, minute), seconds, outcome

    def log(self, at: datetime, seconds: int = SECONDS, outcome: str = "completed") -> None:
        restarts = self.restarts_on is not None and self.day_of(at) >= self.restarts_on
        if restarts:
            self.unit.shows, self.restarts_on = 0, None
        self.unit.shows += 1
        self.sessions.append(Session(self.unit.shows, at, seconds, outcome))

    def date_of(self, day: int) -> date:
        return self.site.clinic.day_of(self.out) + timedelta(days=day)

    def read_out(self, at: datetime) -> list[str]:
        """The lines of a file: what the unit holds of this course at the moment `at`, and what it has lost of it."""
        counter, device, usage = self.go_on(at), self.unit.device, self.usage
        shift = self.unit.shift + timedelta(hours=usage.clock_off_hours)
        seen_at = at.astimezone(self.site.clinic.zone).isoformat()
        shown = f"{device.serial},{device.model.part_number},{seen_at},{device_time(at, shift)},{counter}"
        held = [session for session in self.sessions if not is_within(self.day_of(session.at), usage.missing)]
        records = [session_record(session, shift) for session in held[: len(held) - usage.unlogged]]
        if usage.paused and self.day_of(at) > usage.paused[1]:
            records.append(f",,,,,{self.date_of(usage.paused[0])},{self.date_of(usage.paused[1])}")
        return [f"{shown},{record}" for record in records or [",,,,,,"]]


def is_within(day: int, span: tuple[int, int] | None) -> bool:
    return span is not None and span[0] <= day <= span[1]


def ending(chance: Random) -> tuple[int, str]:
    """How long a treatment lasts (seconds), and how it ends."""
    fate = chance.random()
    if fate < SHARE_FAULTY:
        return chance.randint(5, 90), "fault"
    if fate < SHARE_FAULTY + SHARE_STOPPED:
        return chance.randint(180, 1020), "stopped"
    return SECONDS, "completed"


def session_record(session: Session, shift: timedelta) -> str:
    """The part of a line from `n` on."""
    code = FAULT if session.outcome == "fault" else ""
    return f"{session.n},{device_time(session.at, shift)},{session.seconds},{session.outcome},{code},,"


def device_time(moment: datetime, shift: timedelta) -> str:
    """What the clock of a unit shows at `moment`; it knows of no zone."""
    return f"{moment + shift:%Y-%m-%d %H:%M:%S}"


@dataclass
class Reader:
    """What has been read out at a site and waits to be brought in, and the courses that go on there."""

    site: Site
    going_on: list[Course] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def rounds(self) -> Iterator[datetime]:
        """Bring in a file each fortnight; the last two hold also what the units say that are with their patients."""
        for days in ROUNDS:
            yield (at := self.site.at(self.site.day(days), 12, 5))
            for course in self.going_on:
                if days >= READ_WHILE_OUT and course.usage.read_out:
                    self.lines += course.read_out(at)
            if self.lines:
                bring_in(self.lines, f"read-outs {self.site.clinic.day_of(at)}.csv", self.site, at)
                self.lines.clear()


def bring_in(lines: Iterable[str], name: str, site: Site, at: datetime) -> None:
    """Bring in a file of these lines as the desk does it, and take it as a worker does."""
    content = "\n".join([",".join(COLUMNS), *lines, ""])
    usage_import = queue_import(io.BytesIO(content.encode()), name=name, at=at, actor=site.desk)
    run_import(usage_import.pk, at=at)
    # What PostgreSQL does by itself between transactions. The demo is one, and without it plans get worse and worse.
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE rentals_treatment, rentals_holding, rentals_rental")
