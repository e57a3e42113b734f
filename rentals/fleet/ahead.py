"""How long the fleet lasts: what is asked of it, at the pace of the period, against what it has.

Two things run out, each by plain arithmetic. Treatments: each new rental takes what rentals take on average, until
nothing is free. Devices: those that are held now come back as planned, and each week so many more go out, for as long
as rentals last on average, until more are needed than can serve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from functools import cached_property
from typing import Any, NamedTuple

from devices.models import DeviceModel
from rentals.fleet.capacity import SERVING, Unit
from rentals.fleet.scope import SCOPE, Scope
from rentals.reconciliation.sql import rows

CapacityHolder = DeviceModel.CapacityHolder
WEEKS_LOOKED_AHEAD = 52
WEEKS_TO_BUY_FOR = 26


class Held(NamedTuple):
    """For which days a device is held: from the one, up to before the other, counted from today."""

    clinic: int
    since: int
    until: int


@dataclass(frozen=True)
class Outlook:
    """What was asked for in so many `days` (rentals booked, treatments planned, days for which each needs a device),
    what is `held`, and what the units that can serve have."""

    days: int
    bookings: int
    treatments: int
    device_days: int
    held: Sequence[Held]
    units: Sequence[Unit]

    @property
    def known(self) -> bool:
        """Whether anything was asked for, so that there is a pace."""
        return bool(self.days and self.bookings)

    @property
    def weekly(self) -> Decimal:
        """New rentals a week."""
        return Decimal(7 * self.bookings) / self.days

    @property
    def weekly_treatments(self) -> Decimal:
        return Decimal(7 * self.treatments) / self.days

    @cached_property
    def free(self) -> int | None:
        """Treatments that may still be promised; None where nobody knows of any device what it has left."""
        known = [unit.free for unit in self.units if unit.remaining is not None]
        return sum(known) if known else None

    def devices_needed(self, week: int) -> Decimal:
        """How many devices are with patients, or kept for them, so many weeks from now."""
        held = sum(one.since <= 7 * week < one.until for one in self.held)
        weeks_each = Decimal(self.device_days) / self.bookings / 7
        return held + self.weekly * min(Decimal(week), weeks_each)

    def treatments_needed(self, week: int) -> Decimal:
        """What has been promised to new rentals by then."""
        return self.weekly_treatments * week

    @cached_property
    def weeks_of_treatments(self) -> Decimal | None:
        if not self.known or self.free is None or not self.treatments:
            return None
        return self.free / self.weekly_treatments

    @cached_property
    def weeks_of_devices(self) -> Decimal | None:
        """None also where devices suffice for all the weeks that are looked at."""
        weeks = range(WEEKS_LOOKED_AHEAD + 1) if self.known else ()
        return next((Decimal(week) for week in weeks if self.devices_needed(week) > len(self.units)), None)

    @property
    def weeks(self) -> Decimal | None:
        """The runway: until the first of the two runs out."""
        ends = [weeks for weeks in (self.weeks_of_treatments, self.weeks_of_devices) if weeks is not None]
        return min(ends, default=None)

    def to_buy(self) -> tuple[int, int] | None:
        """Units to buy and cards to order, so that both last for half a year; None where nobody can say."""
        if not self.known:
            return None
        weeks = range(WEEKS_TO_BUY_FOR + 1)
        units = whole(max(self.devices_needed(week) for week in weeks) - len(self.units))
        short = self.treatments_needed(WEEKS_TO_BUY_FOR) - (self.free or 0) if self.free is not None else Decimal()
        each = [unit.nominal for unit in self.units if unit.nominal]
        cards = [unit.nominal for unit in self.units if unit.nominal and unit.holder == CapacityHolder.CARD]
        if short <= 0 or not each:
            return units, 0
        short -= units * mean(each)
        if cards:
            return units, whole(short / mean(cards))
        return units + whole(short / mean(each)), 0


def mean(numbers: Sequence[int]) -> Decimal:
    return Decimal(sum(numbers)) / len(numbers)


def whole(number: Decimal) -> int:
    """Rounded up, and never below nothing."""
    return max(int(number.to_integral_value(ROUND_CEILING)), 0)


def ahead(outlook: Outlook, scope: Scope) -> dict[str, Any]:
    """The figures that follow from `outlook`, by their names."""
    buy = outlook.to_buy()
    units, cards = buy or (None, None)
    lasts = outlook.weeks
    by = scope.today + timedelta(days=int(7 * lasts)) if lasts is not None and (units or cards) else None
    return {
        "bookings": outlook.bookings,
        "treatments_booked": outlook.treatments,
        "runway_weeks": lasts,
        "runway_treatments_weeks": outlook.weeks_of_treatments,
        "runway_devices_weeks": outlook.weeks_of_devices,
        "units_to_buy": units,
        "cards_to_order": cards,
        "buy_by": by,
    }


def held_days(scope: Scope) -> list[Held]:
    """For which days live rentals hold a device that can serve, or wait for one that was taken away."""
    return [Held(*found) for found in rows(SCOPE + HELD, {**scope.parameters(), "serving": list(SERVING)})]


# Who has a device keeps it for today at least.
HELD = """
    SELECT r.clinic_id, lower(h.blocked) - today,
        CASE WHEN h.out IS NULL THEN upper(h.blocked) - today ELSE greatest(upper(h.blocked) - today, 1) END
    FROM hired r JOIN rentals_holding h ON h.rental_id = r.id AND h.live
    LEFT JOIN devices_device d ON d.id = h.device_id
    WHERE d.id IS NULL OR d.condition = ANY(%(serving)s)
    ORDER BY h.id
"""
BOOKED = """
    SELECT clinic_id, NULL::bigint AS device_id, id AS rental_id, planned_treatments || ' treatments' AS detail,
        (created_at AT TIME ZONE time_zone)::date AS day, {number} AS number, {whole} AS whole
    FROM hired WHERE state <> 'cancelled' AND created_at >= begins AND created_at < ends AND created_at <= %(at)s
"""
ROWS = {
    "bookings": BOOKED.format(number="1", whole="NULL::numeric"),
    "treatments_booked": BOOKED.format(
        number="planned_treatments", whole="(due_on - starts_on + 1 + turnaround_days)::numeric"
    ),
}
