"""What the fleet is and has left: devices by where they are, treatments remaining, promised, free and stranded."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, F, OuterRef

from devices.models import Device
from rentals.booking.capacity import AVAILABILITIES, with_availability, with_capacity
from rentals.fleet.scope import IN_THE_FLEET, Condition, Row, Scope
from rentals.models import Holding
from rentals.reconciliation.sql import rows

SERVING = (Condition.READY, Condition.QUARANTINE)
IDLE = timedelta(days=30)
A_YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Unit:
    """One device with what it has left; `remaining` and `free` are None where nobody knows.

    `usual` is how many treatments a usual course at its clinic takes, `idle` that nothing was done for 30 days with
    this device, which is not ready.
    """

    pk: int
    clinic: int
    condition: str
    availability: str
    is_out: bool
    remaining: int | None
    promised: int
    holder: str
    nominal: int | None
    usual: Decimal | None
    idle: bool

    @property
    def in_the_fleet(self) -> bool:
        return self.condition in IN_THE_FLEET

    @property
    def left(self) -> int:
        """What it can still deliver; one past its nominal number counts as nothing."""
        return max(self.remaining or 0, 0)

    @property
    def free(self) -> int:
        return max(self.left - self.promised, 0)

    @property
    def stranded(self) -> bool:
        """Whether it has free treatments that serve nobody: too few for a usual course, or not to be had."""
        return self.free > 0 and (self.idle or (self.usual is not None and self.free < self.usual))


def units(scope: Scope) -> list[Unit]:
    """Every device of the scope, in whatever condition."""
    devices = Device.objects.filter(clinic__in=scope.ids, **({"model": scope.model} if scope.model else {}))
    is_out = Exists(Holding.objects.filter(device=OuterRef("pk"), live=True, out__isnull=False))
    counted = with_availability(with_capacity(devices), scope.at, scope.clinics).annotate(is_out=is_out)
    idle = {pk for (pk,) in rows(IDLE_DEVICES, {**scope.parameters(), "since": scope.at - IDLE})}
    usual = dict(rows(USUAL_COURSES, {**scope.parameters(), "since": scope.at - A_YEAR}))
    return [
        Unit(idle=device["pk"] in idle, usual=usual.get(device["clinic"]), **device)
        for device in counted.order_by("clinic", "pk").values(
            "pk",
            "clinic",
            "condition",
            "availability",
            "is_out",
            remaining=F("remaining_treatments"),
            promised=F("promised_treatments"),
            holder=F("model__capacity_holder"),
            nominal=F("model__nominal_treatments"),
        )
    ]


# What counts of each device, and for how much.
COUNTED: dict[str, Callable[[Unit], int]] = {
    "devices": lambda unit: 1,
    "out": lambda unit: int(unit.is_out),
    "unknown_capacity": lambda unit: int(unit.remaining is None),
    "past_nominal": lambda unit: int((unit.remaining or 0) < 0),
    "remaining": lambda unit: unit.left,
    "promised": lambda unit: unit.promised if unit.remaining is not None else 0,
    "free": lambda unit: unit.free,
    "overpromised": lambda unit: max(unit.promised - unit.left, 0) if unit.remaining is not None else 0,
    "stranded": lambda unit: unit.free if unit.stranded else 0,
}


def device_rows(found: Iterable[Unit], figure: str) -> list[Row]:
    """The devices of the fleet that make `figure`."""
    counted = COUNTED[figure]
    return [
        Row(unit.clinic, unit.pk, None, unit.condition, None, number)
        for unit in found
        if unit.in_the_fleet and (number := counted(unit))
    ]


def device_counts(found: Sequence[Unit]) -> dict[str, Any]:
    """Each figure of COUNTED, and how many devices there are by condition and, of the fleet, by availability."""
    fleet = [unit for unit in found if unit.in_the_fleet]
    counts = {figure: sum(map(counted, fleet)) for figure, counted in COUNTED.items()}
    return counts | {
        "by_condition": tally(Condition.values, (unit.condition for unit in found)),
        "by_availability": tally(AVAILABILITIES, (unit.availability for unit in fleet)),
    }


def tally(names: Iterable[str], found: Iterable[str]) -> dict[str, int]:
    """How often each of `names` was found, none of them left out."""
    number = Counter(found)
    return {name: number[name] for name in names}


USUAL_COURSES = """
    SELECT clinic_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY planned_treatments)
    FROM rentals_rental
    WHERE clinic_id = ANY(%(clinics)s) AND state <> 'cancelled' AND created_at > %(since)s AND created_at <= %(at)s
    GROUP BY clinic_id
"""
# Not ready, and neither entered, returned, inspected, recalled nor spoken of since the moment `since`.
IDLE_DEVICES = """
    SELECT d.id FROM devices_device d
    WHERE d.clinic_id = ANY(%(clinics)s) AND d.condition IN ('quarantine', 'repair', 'recalled') AND greatest(
        d.created_at,
        (SELECT max(coalesce(upper(h.out), lower(h.out))) FROM rentals_holding h WHERE h.device_id = d.id),
        (SELECT max(i.at) FROM devices_inspection i WHERE i.device_id = d.id),
        (SELECT max(c.at) FROM devices_conditionchange c WHERE c.device_id = d.id),
        (
            SELECT max(r.at) FROM devices_recall_devices named JOIN devices_recall r ON r.id = named.recall_id
            WHERE named.device_id = d.id
        )
    ) <= %(since)s
"""
