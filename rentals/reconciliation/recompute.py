"""Everything derived, rebuilt from the raw records, and how much of it was not what had been kept (I6, I7).

What is an event cannot be rebuilt and stays: a conflicting duplicate and an unknown device arrive and leave no record
of their own, and what a person has closed stays closed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from django.db import transaction

from rentals.deciding import deciding, lock_devices
from rentals.models import Rental
from rentals.reconciliation.days import Day, days_of
from rentals.reconciliation.reconcile import reconcile_whole
from rentals.reconciliation.sql import execute, rows

DEVICES_A_BATCH = 100
PATIENCE = "10min"  # for a lock; an import may have the devices, and nobody stands at the desk


@dataclass
class Differences:
    """How many of each were not as the raw records tell; days are those whose status or count was another."""

    treatments: int = 0
    pauses: int = 0
    allowances: int = 0
    readings: int = 0
    holdings: int = 0
    days: int = 0
    discrepancies: int = 0

    def __iadd__(self, other: "Differences") -> "Differences":
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
        return self

    @property
    def total(self) -> int:
        return sum(getattr(self, each.name) for each in fields(self))


# What is derived of each kind of row, so that two looks at it can be compared. An allowance that is provisional has
# no name of its own: it is what it says.
DERIVED = {
    "treatments": """
        SELECT id, allowance_id, started_corrected, offset_seconds, method, rental_id
        FROM rentals_treatment WHERE device_id = ANY(%(devices)s)""",
    "pauses": "SELECT id, days FROM rentals_pause WHERE device_id = ANY(%(devices)s)",
    "allowances": """
        SELECT device_id, number, cause, began_at, nominal_treatments, carried_over, counter_at_start, provisional
        FROM devices_allowance WHERE device_id = ANY(%(devices)s)""",
    "readings": "SELECT id, allowance_id, trusted FROM devices_reading WHERE device_id = ANY(%(devices)s)",
    "holdings": "SELECT id, used_out, used_back FROM rentals_holding WHERE device_id = ANY(%(devices)s)",
    "discrepancies": """
        SELECT kind, subject, state, device_id, clinic_id, rental_id, why, action
        FROM rentals_discrepancy WHERE device_id = ANY(%(devices)s)""",
}


def recompute(devices: Iterable[int], at: datetime, *, keep: bool = True) -> Differences:
    """Rebuild what follows from the raw records of the devices (ids), a batch under its locks at a time.

    Without `keep` it is only compared, and nothing is changed.
    """
    found = Differences()
    ids = sorted(devices)
    for first in range(0, len(ids), DEVICES_A_BATCH):
        with deciding():
            found += recompute_batch(ids[first : first + DEVICES_A_BATCH], at)
            transaction.set_rollback(not keep)
    return found


def recompute_batch(devices: Sequence[int], at: datetime) -> Differences:
    """Rebuild the devices in the running transaction; returns what differed."""
    execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
    execute("SET LOCAL jit = off")
    execute("SET LOCAL work_mem = '64MB'")
    lock_devices(devices)
    remember(devices)
    days_before = days_by_rental(devices, at)
    reconcile_whole(devices, at)
    return Differences(
        **{kind: differing(kind, devices) for kind in DERIVED},
        days=different_days(days_before, days_by_rental(devices, at)),
    )


def remember(devices: Sequence[int]) -> None:
    """Keep what is derived now in scratch tables."""
    for kind, query in DERIVED.items():
        execute(f"DROP TABLE IF EXISTS pg_temp.kept_{kind}")
        execute(f"CREATE TEMPORARY TABLE kept_{kind} ON COMMIT DROP AS {query}", {"devices": list(devices)})


def differing(kind: str, devices: Sequence[int]) -> int:
    """How many rows of `kind` are not what they were when remembered; one that came or went counts too."""
    [[changed, gone]] = rows(
        f"""
        SELECT (SELECT count(*) FROM ({DERIVED[kind]} EXCEPT SELECT * FROM kept_{kind}) changed),
            (SELECT count(*) FROM (SELECT * FROM kept_{kind} EXCEPT ({DERIVED[kind]})) gone)
        """,
        {"devices": list(devices)},
    )
    return max(changed, gone)


def days_by_rental(devices: Sequence[int], at: datetime) -> dict[int, list[Day]]:
    """The days of each rental that had one of the devices."""
    had = Rental.objects.filter(holdings__device__in=devices, holdings__out__isnull=False).distinct()
    return days_of(list(had.select_related("clinic")), at)


def different_days(before: dict[int, list[Day]], after: dict[int, list[Day]]) -> int:
    return sum(day not in known for rental, days in after.items() for known in [set(before[rental])] for day in days)
