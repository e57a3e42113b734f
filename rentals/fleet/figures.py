"""What the fleet is, does and earns, by clinic and in all (definitions.py says what each figure means).

No figure shows a patient, so reading them is no access to a record and is not recorded (I10). Whatever the
number of clinics, devices and rentals, the number of queries is the same.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q

from config.models import Clinic
from config.refusals import invalid
from devices.models import Device
from rentals.booking.capacity import AVAILABILITIES, overdue_at, with_availability, with_capacity
from rentals.ledger import HELD_KINDS, NOTHING
from rentals.models import Holding, LedgerEntry, Rental
from rentals.models.states import State
from rentals.reconciliation.days import days_of
from rentals.reconciliation.sql import rows

Condition, Kind = Device.Condition, LedgerEntry.Kind
IN_THE_FLEET = (Condition.READY, Condition.QUARANTINE, Condition.REPAIR, Condition.RECALLED)
INCOME_KINDS = (Kind.HIRE, Kind.LATE_FEE, Kind.FEE, Kind.PURCHASE, Kind.HIRE_CREDIT)
JUDGED = ("done", "short", "none")
USUAL_DAYS = 28
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of one clinic, or of several together: `clinic` is None then, and `by_clinic` has each.

    `first` and `last` are local days of each clinic, both included; `days` is how many of them have begun at the
    moment `at`. Fields that definitions.py does not name: devices by condition (all there ever were) and by
    availability (of the fleet), and what the percentages are made of: the seconds for which today's fleet was owned
    and was out in the period, added up over devices, and the rental days that could be judged and were done.
    """

    first: date
    last: date
    at: datetime
    days: int
    clinic: Clinic | None
    by_clinic: tuple["Figures", ...] = ()

    devices: int
    out: int
    unknown_capacity: int
    past_nominal: int
    remaining: int
    promised: int
    free: int
    overpromised: int
    by_condition: dict[str, int]
    by_availability: dict[str, int]
    treatments_delivered: int
    seconds_owned: Decimal
    seconds_out: Decimal
    days_judged: int
    days_done: int
    overdue: int
    income: Decimal
    bonds_held: Decimal

    @property
    def title(self) -> str:
        """Whose figures these are."""
        return self.clinic.name if self.clinic else f"{len(self.by_clinic)} clinics together"

    @property
    def utilisation_percent(self) -> float | None:
        return percent(self.seconds_out, self.seconds_owned)

    @property
    def adherence_percent(self) -> float | None:
        return percent(self.days_done, self.days_judged)

    @property
    def runway_weeks(self) -> float | None:
        nothing_known = self.unknown_capacity == self.devices
        if nothing_known or not self.treatments_delivered or not self.days:
            return None
        return one_decimal(Decimal(self.free * self.days) / (self.treatments_delivered * 7))


def percent(part: Decimal | int, whole: Decimal | int) -> float | None:
    return one_decimal(100 * Decimal(part) / whole) if whole else None


def one_decimal(number: Decimal) -> float:
    return float(number.quantize(Decimal("0.1"), ROUND_HALF_UP))


def period(clinics: Iterable[Clinic], first: date | None, last: date | None, at: datetime) -> tuple[date, date]:
    """The local days asked for; the last 28 up to today where `first` or `last` is left open.

    Today is the latest of the clinics' days at `at`. Raises `invalid` for days out of order.
    """
    end = last or max((clinic.day_of(at) for clinic in clinics), default=at.date())
    begin = first or end - (USUAL_DAYS - 1) * ONE_DAY
    if begin > end:
        raise invalid("to" if last else "from", "The last day lies before the first; correct one of them.")
    return begin, end


class Sums(NamedTuple):
    """What SUMS finds for one clinic: sessions, seconds of devices, AUD."""

    sessions: int
    owned: Decimal
    out: Decimal
    income: Decimal
    bonds_held: Decimal


@dataclass(frozen=True)
class Found:
    """What the queries found, by the clinic's id, to be added up for one clinic or for several."""

    devices: defaultdict[int, list[Any]]
    sums: dict[int, Sums]
    rental_days: defaultdict[int, Counter[str]]
    overdue: Counter[int]


def fleet_figures(clinics: Iterable[Clinic], first: date, last: date, at: datetime) -> Figures:
    """The figures of `clinics` together and one by one, for the local days `first` to `last`, at the moment `at`."""
    counted = list(clinics)
    ids = [clinic.pk for clinic in counted]
    found = Found(
        devices=devices_now(ids, at),
        sums=sums_of(counted, first, last, at),
        rental_days=rental_days(ids, first, last, at),
        overdue=overdue_now(ids, at),
    )
    each = tuple(figures_of([clinic], found, first, last, at) for clinic in counted)
    return replace(figures_of(counted, found, first, last, at), by_clinic=each)


def figures_of(clinics: Sequence[Clinic], found: Found, first: date, last: date, at: datetime) -> Figures:
    """What was found of `clinics`, added up."""
    ids = [clinic.pk for clinic in clinics]
    sums = [found.sums[pk] for pk in ids]
    statuses = sum((found.rental_days[pk] for pk in ids), Counter[str]())
    days_begun = [(min(last, clinic.day_of(at)) - first).days + 1 for clinic in clinics]
    return Figures(
        first=first,
        last=last,
        at=at,
        days=max([0, *days_begun]),
        clinic=clinics[0] if len(clinics) == 1 else None,
        **device_counts([device for pk in ids for device in found.devices[pk]]),
        treatments_delivered=sum(part.sessions for part in sums),
        seconds_owned=sum((part.owned for part in sums), Decimal()),
        seconds_out=sum((part.out for part in sums), Decimal()),
        days_judged=sum(statuses[status] for status in JUDGED),
        days_done=statuses["done"],
        overdue=sum(found.overdue[pk] for pk in ids),
        income=sum((part.income for part in sums), NOTHING),
        bonds_held=sum((part.bonds_held for part in sums), NOTHING),
    )


def device_counts(devices: Sequence[Any]) -> dict[str, Any]:
    """The fields of `Figures` that follow from the devices and what each has left."""
    fleet = [device for device in devices if device["condition"] in IN_THE_FLEET]
    known = [device for device in fleet if device["remaining_treatments"] is not None]
    remaining = [max(device["remaining_treatments"], 0) for device in known]
    promised = [device["promised_treatments"] for device in known]
    pairs = list(zip(remaining, promised, strict=True))
    return {
        "devices": len(fleet),
        "out": sum(device["is_out"] for device in fleet),
        "unknown_capacity": len(fleet) - len(known),
        "past_nominal": sum(device["remaining_treatments"] < 0 for device in known),
        "remaining": sum(remaining),
        "promised": sum(promised),
        "free": sum(max(left - asked, 0) for left, asked in pairs),
        "overpromised": sum(max(asked - left, 0) for left, asked in pairs),
        "by_condition": tally(Condition.values, (device["condition"] for device in devices)),
        "by_availability": tally(AVAILABILITIES, (device["availability"] for device in fleet)),
    }


def tally(names: Iterable[str], found: Iterable[str]) -> dict[str, int]:
    """How often each of `names` was found, none of them left out."""
    number = Counter(found)
    return {name: number[name] for name in names}


def devices_now(clinics: Sequence[int], at: datetime) -> defaultdict[int, list[Any]]:
    """Every device by clinic, with where it is and what it has left."""
    devices = with_availability(with_capacity(Device.objects.filter(clinic__in=clinics)), at)
    is_out = Exists(Holding.objects.filter(device=OuterRef("pk"), live=True, out__isnull=False))
    by_clinic: defaultdict[int, list[Any]] = defaultdict(list)
    for device in devices.annotate(is_out=is_out).values(
        "clinic", "condition", "availability", "is_out", "remaining_treatments", "promised_treatments"
    ):
        by_clinic[device["clinic"]].append(device)
    return by_clinic


def overdue_now(clinics: Sequence[int], at: datetime) -> Counter[int]:
    """Active rentals whose due day is over, by clinic."""
    overdue = Rental.objects.filter(overdue_at(at, prefix=""), clinic__in=clinics, state=State.ACTIVE)
    return Counter(overdue.order_by().values_list("clinic", flat=True))


def rental_days(clinics: Sequence[int], first: date, last: date, at: datetime) -> defaultdict[int, Counter[str]]:
    """The days of rentals from `first` to `last`, counted by clinic and status."""
    # A day more on each side holds the period of every time zone; each day found is then looked at.
    begins, ends = (datetime.combine(day, time.min, tzinfo=UTC) for day in (first - ONE_DAY, last + 2 * ONE_DAY))
    out = Holding.objects.filter(rental=OuterRef("pk"), out__startswith__lt=ends)
    touching = out.filter(Q(out__endswith__isnull=True) | Q(out__endswith__gt=begins))
    rentals = list(Rental.objects.filter(Exists(touching), clinic__in=clinics).select_related("clinic"))
    days = days_of(rentals, at)
    statuses: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for rental in rentals:
        statuses[rental.clinic_id].update(day.status for day in days[rental.pk] if first <= day.date <= last)
    return statuses


def sums_of(clinics: Sequence[Clinic], first: date, last: date, at: datetime) -> dict[int, Sums]:
    """What SUMS finds for each of `clinics`, whose own midnights bound the period."""
    found = rows(
        SUMS,
        {
            "clinics": [clinic.pk for clinic in clinics],
            "begins": [clinic.start_of(first) for clinic in clinics],
            "ends": [clinic.start_of(last + ONE_DAY) for clinic in clinics],
            "at": at,
            "fleet": list(IN_THE_FLEET),
            "income": list(INCOME_KINDS),
            "held": list(HELD_KINDS),
        },
    )
    return {clinic: Sums(*numbers) for clinic, *numbers in found}


# A reversal counts as its entry's kind, on the day it was made: what was reported once stays as it was.
SUMS = """
    SELECT period.clinic_id, delivered.sessions, used.owned, used.out, money.income, money.held
    FROM unnest(%(clinics)s::bigint[], %(begins)s::timestamptz[], %(ends)s::timestamptz[])
        AS period (clinic_id, begins, ends)
    CROSS JOIN LATERAL (
        SELECT count(*) AS sessions
        FROM devices_device d JOIN rentals_treatment t ON t.device_id = d.id
        WHERE d.clinic_id = period.clinic_id AND t.seconds > 0
            AND t.started_corrected >= period.begins AND t.started_corrected < period.ends
    ) delivered
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(extract(epoch FROM until - since)), 0) AS owned, coalesce(sum(seconds_out), 0) AS out
        FROM (
            SELECT d.id, greatest(d.created_at, period.begins) AS since, least(period.ends, %(at)s) AS until
            FROM devices_device d WHERE d.clinic_id = period.clinic_id AND d.condition = ANY(%(fleet)s)
        ) device
        CROSS JOIN LATERAL (
            SELECT sum(extract(epoch FROM least(upper(h.out), until) - greatest(lower(h.out), since))) AS seconds_out
            FROM rentals_holding h
            WHERE h.device_id = device.id AND lower(h.out) < until AND (upper(h.out) IS NULL OR upper(h.out) > since)
        ) held
        WHERE since < until
    ) used
    CROSS JOIN LATERAL (
        SELECT
            coalesce(sum(amount) FILTER (
                WHERE kind = ANY(%(income)s) AND at >= period.begins AND at < period.ends
            ), 0.00) AS income,
            coalesce(sum(amount) FILTER (WHERE kind = ANY(%(held)s)), 0.00) AS held
        FROM (
            SELECT e.amount, e.at, coalesce(wrong.kind, e.kind) AS kind
            FROM rentals_rental r JOIN rentals_ledgerentry e ON e.rental_id = r.id
            LEFT JOIN rentals_ledgerentry wrong ON wrong.id = e.reverses_id
            WHERE r.clinic_id = period.clinic_id
        ) entry
    ) money
"""
