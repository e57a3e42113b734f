"""The making of one fleet, day by day."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.fleets.truth import Fleet, Session

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
ZONES = {"Australia/Sydney": 10 * HOUR, "Australia/Brisbane": 10 * HOUR, "Australia/Adelaide": 9.5 * HOUR}
# 120 days from each of these hold the end, the beginning, or no change of summer time in Sydney.
BEGINNINGS = (date(2026, 2, 10), date(2025, 8, 20), date(2025, 5, 10))

# How a clock is wrong from its first day on, by at most so much.
WRONG_CLOCKS = {
    "zone behind": (-10 * HOUR, -HOUR, 30 * MINUTE),
    "zone ahead": (1.5 * HOUR, 10 * HOUR, 30 * MINUTE),
    "day": (2 * DAY, 20 * DAY, DAY),
    "month": (-31 * DAY, -28 * DAY, DAY),
    "year": (-366 * DAY, -365 * DAY, DAY),
}


@dataclass
class Unit:
    """A device while it is simulated. `error` is how far its clock is ahead of its zone's standard time."""

    serial: str
    part_number: str
    character: str
    prescribed: int
    start: datetime
    error: timedelta = timedelta()
    drift: float = 0  # seconds a day
    steps: list[tuple[datetime, timedelta]] = field(default_factory=list)
    counter: int = 0
    counting: int = 1
    logged: list[Session] = field(default_factory=list)
    hidden: set[Session] = field(default_factory=set)


class Simulation:
    """The making of one fleet."""

    def __init__(self, number: int, characters: tuple[str, ...], days: int, *, faulty: bool = True) -> None:
        self.chance = Random(number)
        self.faulty = faulty
        self.days = days
        self.zone_name = list(ZONES)[number % len(ZONES)]
        self.zone, self.standard = ZoneInfo(self.zone_name), ZONES[self.zone_name]
        began = BEGINNINGS[number // len(ZONES) % len(BEGINNINGS)]
        self.began = datetime(began.year, began.month, began.day, tzinfo=self.zone)
        self.name = f"Fleet {number}"
        self.prefix = f"G{number}"
        self.rentals: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.json: list[str] = []
        self.faults: Counter[tuple[str, str | None, str | None]] = Counter()
        self.rejected = self.duplicates = 0
        self.paused: defaultdict[str, set[date]] = defaultdict(set)
        self.used: dict[str, int] = {}
        self.counter_at_start: dict[str, int] = {}
        self.rough: set[str] = set()
        self.cards: list[tuple[str, datetime]] = []
        self.sessions: list[Session] = []
        self.units = [self.unit(position, character) for position, character in enumerate(characters)]
        for unit in self.units:
            self.live(unit)

    def unit(self, position: int, character: str) -> Unit:
        serial = (
            f"{self.chance.randint(1, 12):02}{self.chance.randint(15, 25)}{self.chance.randint(0, 99999):05}{position}"
        )
        part_number = "PN-30" if character == "past nominal" else "PN-UNKNOWN"
        prescribed = 2 if character == "two a day" else 1
        unit = Unit(serial, part_number, character, prescribed, self.began)
        unit.counter = self.chance.choice([0, 0, 17])
        if character == "past nominal":
            unit.counter = 0
        if character == "reset seen at a hand-over only":
            unit.counter = 60  # so that nothing of the new counting comes near the old
        if character in WRONG_CLOCKS:
            least, most, step = WRONG_CLOCKS[character]
            unit.error = least + step * self.chance.randint(0, int((most - least) / step))
        if character.startswith("drift"):
            unit.drift = self.chance.uniform(1, 4) * (1 if character.endswith("ahead") else -1)
            unit.error = timedelta(seconds=self.chance.uniform(-60, 60))
        return unit

    def shown(self, unit: Unit, moment: datetime) -> datetime:
        """What the clock of `unit` shows at a true moment, to the second."""
        error = unit.error + timedelta(seconds=unit.drift * ((moment - unit.start) / DAY))
        error += sum((by for at, by in unit.steps if moment >= at), timedelta())
        return (moment.astimezone(UTC) + self.standard + error).replace(tzinfo=None, microsecond=0)

    def local(self, day: date, hour: float) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone) + hour * HOUR

    def live(self, unit: Unit) -> None:
        """Rentals one after the other, a read-out after each."""
        self.set_clock_for_summer(unit)
        day = self.began.date() + DAY * self.chance.randint(0, 6)
        number = 0
        self.counter_at_start[unit.serial] = unit.counter
        used = [unit.counter]
        while True:
            length = self.chance.randint(24, 40)
            if day + DAY * (length + 3) > self.began.date() + DAY * self.days:
                break
            number += 1
            if unit.character == "reset seen at a hand-over only" and number > 2:
                break
            self.rent(unit, number, day, length, used)
            day += DAY * (length + self.chance.randint(3, 6))
        self.used[unit.serial] = sum(used[:-1]) + unit.counter if unit.character != "new card" else unit.counter
        if unit.character == "reset seen at a hand-over only":
            self.used[unit.serial] = used[0]  # nobody knows more

    def set_clock_for_summer(self, unit: Unit) -> None:
        """Somebody keeps this clock on local time: on the morning after each change it is set by hand."""
        if unit.character != "summer time by hand":
            return
        self.rough.add(unit.serial)
        unit.error = self.began.utcoffset() - self.standard  # type: ignore[operator]
        for number in range(self.days):
            before, after = (
                self.local(self.began.date() + DAY * number, 12),
                self.local(self.began.date() + DAY * (number + 1), 12),
            )
            if change := after.utcoffset() - before.utcoffset():  # type: ignore[operator]
                unit.steps.append((after - 4 * HOUR, change))

    def rent(self, unit: Unit, number: int, day: date, length: int, used: list[int]) -> None:
        key = f"{self.prefix}-{unit.serial}-{number}"
        out = self.local(day, 10) + MINUTE * self.chance.randint(0, 59)
        back = self.local(day + DAY * length, 15) + MINUTE * self.chance.randint(0, 59)
        if number == 2:
            self.between_rentals(unit, out, used)
        if number == 1 and unit.drift:
            self.read_out(unit, out, [], None)
        counter_out = unit.counter
        first_logged = len(unit.logged)
        for session_day in range(length):
            self.use(unit, key, number, day + DAY * session_day, session_day, length, out, used)
        counter_back = unit.counter
        self.record_rental(unit, key, number, day, length, out, back, counter_out, counter_back)
        if unit.character == "used outside":
            self.treat(unit, back + HOUR, None)
            self.faults["usage_outside_rental", unit.serial, None] += 1
        self.hide(unit, key, number, first_logged)
        new = [session for session in unit.logged[first_logged:] if session not in unit.hidden]
        again = unit.logged[max(0, first_logged - 12) : first_logged] if unit.character == "read out again" else []
        self.read_out(unit, back + 2 * HOUR, [*again, *new], key, again=len(again))

    def between_rentals(self, unit: Unit, out: datetime, used: list[int]) -> None:
        """What happens on the shelf before the second rental."""
        if unit.character in ("reset at a read-out", "reset seen at a hand-over only", "new card"):
            used.append(0)
            used[-2] = unit.counter
            unit.counter, unit.counting = 0, unit.counting + 1
            if unit.character == "new card":
                self.cards.append((unit.serial, out - 2 * HOUR))
                used[:] = [0, 0]
        if unit.character == "clock set at the desk":
            unit.steps.append((out - 30 * HOUR, -unit.error))

    def use(
        self,
        unit: Unit,
        key: str,
        number: int,
        day: date,
        session_day: int,
        length: int,
        out: datetime,
        used: list[int],
    ) -> None:
        """One day of a rental: treated, skipped, cut short, done twice, or paused."""
        middle = number == 2 and session_day == length // 2
        if unit.character == "clock set in a rental" and middle:
            unit.steps.append((self.local(day, 12), -unit.error))
        if (unit.character == "reset in a rental" and middle) or (
            unit.character == "reset seen in the log only" and number == 2 and session_day == 3
        ):
            used[-1] = unit.counter
            used.append(0)
            unit.counter, unit.counting = 0, unit.counting + 1
        if 12 <= session_day < 15 and number == 1 and unit.character != "reset seen in the log only":
            self.paused[key].add(day)
            return
        fate = self.chance.random()
        always = unit.character == "reset seen in the log only" or (number == 2 and abs(session_day - length // 2) < 2)
        if fate < 0.1 and not always:
            return
        hour = 18 + self.chance.uniform(0, 2)
        if session_day == 0 and self.local(day, hour) < out:
            return
        for turn in range(unit.prescribed):
            self.treat(unit, self.local(day, hour + 2 * turn), key, seconds=600 if 0.1 < fate < 0.16 else 1200)
        if unit.character == "over prescribed" and fate > 0.9:
            self.treat(unit, self.local(day, hour + 2.5), key)

    def treat(self, unit: Unit, start: datetime, rental: str | None, seconds: int = 1200) -> None:
        start = (start + timedelta(seconds=self.chance.randint(0, 59))).replace(microsecond=0)
        unit.counter += 1
        unit.logged.append(
            Session(unit.serial, unit.counter, unit.counting, start, self.shown(unit, start), seconds, rental)
        )

    def hide(self, unit: Unit, key: str, number: int, first: int) -> None:
        """Sessions that never arrive."""
        mine = unit.logged[first:]
        if unit.character == "log missing":
            unit.hidden.update(mine[8:13])
            self.faults["log_missing", unit.serial, key] += 1
        elif unit.character == "log ends early":
            unit.hidden.update(mine[-3:])
            # The next log shows the gap by its numbers.
            for kind in [name for name in self.faults if name[:2] == ("counter_log_mismatch", unit.serial)]:
                self.faults["log_missing", unit.serial, kind[2]] += self.faults.pop(kind)
            self.faults["counter_log_mismatch", unit.serial, key] += 1
        elif unit.character == "reset seen at a hand-over only" and number >= 2:
            unit.hidden.update(mine)

    def record_rental(
        self,
        unit: Unit,
        key: str,
        number: int,
        day: date,
        length: int,
        out: datetime,
        back: datetime,
        counter_out: int,
        counter_back: int,
    ) -> None:
        if unit.character == "misread down" and number == 2:
            counter_out //= 3
        if unit.character == "misread up" and number == 1:
            counter_back += 5000
        self.rentals.append(
            {
                "key": key,
                "serial": unit.serial,
                "patient": f"{key}-P",
                "starts_on": day.isoformat(),
                "due_on": (day + DAY * length).isoformat(),
                "handed_over_at": out.isoformat(),
                "returned_at": back.isoformat(),
                "prescribed_per_day": unit.prescribed,
                "counter_out": counter_out,
                "counter_back": counter_back,
            }
        )

    def read_out(self, unit: Unit, at: datetime, sessions: list[Session], key: str | None, again: int = 0) -> None:
        clock = self.shown(unit, at)
        self.note_clock(unit, at, clock, key)
        head = f"{unit.serial},{unit.part_number},{at.isoformat()},{clock},{unit.counter}"
        rows = [f"{head},{s.n},{s.shown},{s.seconds},completed,,," for s in sessions]
        self.duplicates += again
        if unit.character == "zero-length" and sessions:
            early = sessions[3].shown - timedelta(seconds=90)
            rows.insert(3, f"{head},{sessions[3].n},{early},0,stopped,,,")
        if unit.character == "read out again" and sessions:
            s = sessions[-1]  # by another route, its start one second off
            rows.append(f"{head},{s.n},{s.shown + timedelta(seconds=1)},{s.seconds},completed,,,")
            self.duplicates += 1
        if unit.character == "conflicting duplicate" and sessions:
            s = sessions[2]
            rows.append(f"{head},{s.n},{s.shown},{s.seconds + 60},completed,,,")
            self.faults["conflicting_duplicate", unit.serial, key] += 1
        days = sorted(self.paused.get(key or "", ()))
        pairs = [[self.shown(unit, self.local(day, 12)).date() for day in (days[0], days[-1])]] if days else []
        rows += [f"{head},,,,,,{first},{last}" for first, last in pairs]
        self.lines += rows or [f"{head},,,,,,,"]
        self.json.append(
            json.dumps(
                {
                    "serial": unit.serial,
                    "part_number": unit.part_number,
                    "read_out_at": at.isoformat(),
                    "device_clock": str(clock),
                    "counter": unit.counter,
                    "treatments": [
                        {"n": s.n, "started": str(s.shown), "seconds": s.seconds, "outcome": "completed"}
                        for s in sessions
                    ],
                    "pauses": [{"paused_from": str(first), "paused_to": str(last)} for first, last in pairs],
                }
            )
        )

    def note_clock(self, unit: Unit, at: datetime, clock: datetime, key: str | None) -> None:
        """A read-out whose clock is a quarter of an hour or more from both local and standard time."""
        truths = at.astimezone(UTC).replace(tzinfo=None) + self.standard, at.replace(tzinfo=None)
        if all(abs(clock - truth) >= 15 * MINUTE for truth in truths):
            self.faults["clock_in_doubt", unit.serial, key] += 1

    def fleet(self) -> Fleet:
        for unit in self.units:
            self.sessions += [session for session in unit.logged if session not in unit.hidden]
        self.note_what_follows()
        lines = self.with_transport_faults()
        return Fleet(
            document=self.document(),
            lines=lines,
            jsonl="\n".join([*self.json, ""]),
            sessions=self.sessions,
            days=self.true_days(),
            faults=self.faults,
            rejected=self.rejected,
            duplicates=self.duplicates,
            used=self.used,
            rough=self.rough,
            cards=self.cards,
        )

    def note_what_follows(self) -> None:
        """Faults that are seen from the sessions that arrived: a reset, more than prescribed, past nominal."""
        per_day = Counter((s.rental, s.start.date()) for s in self.sessions if s.rental)
        rented = {rental["key"]: rental for rental in self.rentals}
        for key in {key for (key, _), count in per_day.items() if count > rented[key]["prescribed_per_day"]}:
            self.faults["over_prescribed", rented[key]["serial"], key] += 1
        for unit in self.units:
            beyond = [s for s in unit.logged if unit.character == "past nominal" and s.n > 30]
            if beyond:
                self.faults["past_nominal", unit.serial, beyond[0].rental] += 1
            if unit.counting > 1 and unit.character != "new card":
                self.faults["counter_down", unit.serial, None] += unit.counting - 1
            if unit.character == "misread down" and f"{self.prefix}-{unit.serial}-2" in rented:
                self.faults["counter_down", unit.serial, None] += 1
            if unit.character == "misread up":
                self.faults["counter_jump", unit.serial, None] += 1

    def true_days(self) -> dict[str, Counter[str]]:
        """Days done, short and paused of each rental, by the sessions that arrived."""
        long, any_ = Counter[tuple[str, date]](), Counter[tuple[str, date]]()
        for s in self.sessions:
            if s.rental:
                any_[s.rental, s.start.date()] += 1
                long[s.rental, s.start.date()] += s.seconds >= 18 * 60
        days: dict[str, Counter[str]] = {}
        for rental in self.rentals:
            key = rental["key"]
            found = days[key] = Counter(done=0, short=0, paused=0)
            for day in self.paused[key] | {day for name, day in any_ if name == key}:
                if long[key, day] >= rental["prescribed_per_day"]:
                    found["done"] += 1
                else:
                    found["paused" if day in self.paused[key] else "short"] += 1
        return days

    def document(self) -> dict[str, Any]:
        return {
            "clinic": {"name": self.name, "time_zone": self.zone_name},
            "models": [
                {"part_number": "PN-30", "name": "Thirty", "nominal_treatments": 30},
                {"part_number": "PN-UNKNOWN", "name": "Unknown", "nominal_treatments": None},
            ],
            "devices": [
                {
                    "serial": unit.serial,
                    "part_number": unit.part_number,
                    "counter_at_start": self.counter_at_start[unit.serial],
                }
                for unit in self.units
            ],
            "patients": [
                {"key": rental["patient"], "given_name": "A", "family_name": "B", "date_of_birth": "1990-01-01"}
                for rental in self.rentals
            ],
            "rentals": self.rentals,
        }

    def with_transport_faults(self) -> list[str]:
        """The lines as a bad gateway delivers them: out of order, with others in between that are no records."""
        if not self.faulty:
            return self.lines
        at = (self.began + 30 * DAY).isoformat()
        clock = f"{self.began.date() + 30 * DAY} 10:00:00"
        strange = [f"99{self.prefix}{number},PN-30,{at},{clock},5,1,{clock},1200,completed,,," for number in range(2)]
        garbage = [
            f"{self.units[0].serial},{self.units[0].part_number},{at},{clock},5,x,{clock},1200,completed,,,",
            f"{self.units[0].serial},{self.units[0].part_number},{at},{clock},5,1,yesterday,1200,completed,,,",
            "\x1b[2J#### 0000",
        ]
        self.faults["unknown_device", None, None] += len(strange)
        self.rejected = len(strange) + len(garbage)
        lines = [*self.lines, *strange, *garbage]
        self.chance.shuffle(lines)
        return lines
