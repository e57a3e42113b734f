"""What happened on each local day of a rental, and the adherence that follows."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from config.models import Clinic
from rentals.models import Holding, Rental
from rentals.reconciliation.findings import GAP
from rentals.reconciliation.sql import rows

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Day:
    """One local day of a rental; `status` is done, short, none, unknown or paused, `treatments` a count."""

    date: date
    status: str
    treatments: int


@dataclass(frozen=True)
class Adherence:
    """Days by status; `percent` = done / (done + short + none), None when there is no such day."""

    done: int
    short: int
    none: int
    unknown: int
    paused: int
    percent: float | None


@dataclass(frozen=True)
class Record:
    """What is known of one rental: sessions and countable ones a day, paused days, days nothing tells about."""

    sessions: Counter[date]
    countable: Counter[date]
    paused: set[date]
    unknown: set[date]


@dataclass(frozen=True)
class Known:
    """What one device has told: paused days (both included), read-outs, spans in which numbers are missing."""

    pauses: list[tuple[date, date]] = field(default_factory=list)
    read_outs: list[datetime] = field(default_factory=list)
    gaps: list[tuple[datetime, datetime]] = field(default_factory=list)


def day_statuses(rental: Rental, at: datetime) -> list[Day]:
    """Every local day from hand-over to return (or to the day of `at`), in order."""
    return days_of([rental], at)[rental.pk]


def adherence(rental: Rental, at: datetime) -> Adherence:
    """The days of `rental` until `at`, counted by status."""
    return counted(day_statuses(rental, at))


def counted(days: Iterable[Day]) -> Adherence:
    """`days` counted by status."""
    number = Counter(day.status for day in days)
    judged = number["done"] + number["short"] + number["none"]
    return Adherence(
        done=number["done"],
        short=number["short"],
        none=number["none"],
        unknown=number["unknown"],
        paused=number["paused"],
        percent=round(100 * number["done"] / judged, 1) if judged else None,
    )


def days_of(rentals: Sequence[Rental], at: datetime) -> dict[int, list[Day]]:
    """The days of many rentals by id, in a fixed number of queries (their clinics loaded)."""
    holdings = Holding.objects.filter(rental__in=rentals, out__isnull=False).order_by("out")
    held: defaultdict[int, list[Holding]] = defaultdict(list)
    for holding in holdings:
        held[holding.rental_id].append(holding)
    records = records_of(rentals, list(holdings), at)
    return {rental.pk: judged_days(rental, held[rental.pk], records[rental.pk], at) for rental in rentals}


def judged_days(rental: Rental, holdings: Sequence[Holding], record: Record, at: datetime) -> list[Day]:
    """Each day with its status. The hand-over and the return day never count as none: unknown, if empty."""
    if not holdings:
        return []
    first = rental.clinic.day_of(holdings[0].out.lower)
    last = rental.clinic.day_of(holdings[-1].out.upper or at)
    days = [first + number * ONE_DAY for number in range((last - first).days + 1)]
    ends = {first} | ({last} if holdings[-1].out.upper else set())
    return [Day(day, status_of(day, rental, record, ends), record.sessions[day]) for day in days]


def status_of(day: date, rental: Rental, record: Record, ends: set[date]) -> str:
    if record.countable[day] >= rental.prescribed_per_day:
        return "done"
    if day in record.paused:
        return "paused"
    if record.sessions[day]:
        return "short"
    return "unknown" if day in record.unknown or day in ends else "none"


def records_of(rentals: Sequence[Rental], holdings: Sequence[Holding], at: datetime) -> dict[int, Record]:
    """What is known of each rental, from one query each for sessions, pauses, read-outs and gaps."""
    records = {rental.pk: Record(Counter(), Counter(), set(), set()) for rental in rentals}
    for rental, day, sessions, countable in rows(SESSIONS, [list(records)]):
        records[rental].sessions[day] = sessions
        records[rental].countable[day] = countable
    clinics = {rental.pk: rental.clinic for rental in rentals}
    known = known_of_devices({holding.device_id for holding in holdings})
    for holding in holdings:
        add_device(records[holding.rental_id], clinics[holding.rental_id], holding, known[holding.device_id], at)
    return records


def add_device(record: Record, clinic: Clinic, holding: Holding, known: Known, at: datetime) -> None:
    """Add what the holding's device tells about its days: paused ones, and those of which nothing is known."""
    out, back = holding.out.lower, holding.out.upper or at
    first_day, last_day = clinic.day_of(out), clinic.day_of(back)
    for first, last in known.pauses:
        record.paused.update(between(max(first, first_day), min(last, last_day)))
    known_until = max((moment for moment in known.read_outs if moment > out), default=out)
    if known_until < back:
        record.unknown.update(between(clinic.day_of(known_until), last_day))
    for before, after in known.gaps:
        if before < back and after > out:
            record.unknown.update(between(clinic.day_of(before), clinic.day_of(after)))


def known_of_devices(devices: Iterable[int | None]) -> defaultdict[int | None, Known]:
    """What each device (by id) has told."""
    known: defaultdict[int | None, Known] = defaultdict(Known)
    ids = list(devices)
    for device, first, after_last in rows(PAUSES, [ids]):
        known[device].pauses.append((first, after_last - ONE_DAY))
    for device, moment in rows(READ_OUTS, [ids]):
        known[device].read_outs.append(moment)
    for device, before, after in rows(GAPS, {"devices": ids}):
        known[device].gaps.append((before, after))
    return known


def between(first: date, last: date) -> list[date]:
    """The days from `first` to `last`, both included."""
    return [first + number * ONE_DAY for number in range((last - first).days + 1)]


SESSIONS = """
    SELECT t.rental_id, (t.started_corrected AT TIME ZONE c.time_zone)::date,
        count(*), count(*) FILTER (WHERE t.seconds >= c.countable_minutes * 60)
    FROM rentals_treatment t
    JOIN rentals_rental r ON r.id = t.rental_id JOIN config_clinic c ON c.id = r.clinic_id
    WHERE t.rental_id = ANY(%s) AND t.seconds > 0
    GROUP BY 1, 2
"""
PAUSES = "SELECT device_id, lower(days), upper(days) FROM rentals_pause WHERE device_id = ANY(%s)"
READ_OUTS = "SELECT device_id, read_out_at FROM devices_readout WHERE device_id = ANY(%s)"
GAPS = f"SELECT device_id, at_before, at FROM ({GAP}) gap WHERE missing > 0"
