"""Reconciling all devices from their raw records, against a raw UPDATE of the same derived columns of the same rows.

`CALLUS_BENCH_ROWS` sets the number of treatments, as for `usage_import`.
"""

import os
import tempfile
from itertools import chain
from pathlib import Path

from django.db import connection, transaction

from bench import Measurement
from bench.usage_import import AT, DEVICES, HEADER, fleet, imported, memory, timed, usage
from rentals.deciding import deciding, lock_devices
from rentals.history import load_fleet
from rentals.models import Discrepancy, Treatment
from rentals.reconciliation.reconcile import reconcile_whole
from rentals.reconciliation.sql import execute, rows

# What no reconcile would leave: an hour off, the wrong rental.
SPOIL = """
    UPDATE rentals_treatment SET offset_seconds = offset_seconds + 3600, rental_id = NULL,
        started_corrected = started_corrected + interval '1 hour'
"""
TRUTH = "SELECT id, started_corrected, offset_seconds, method, allowance_id, rental_id FROM rentals_treatment"


def measure() -> list[Measurement]:
    sessions = int(os.environ.get("CALLUS_BENCH_ROWS", "200000")) // DEVICES
    if not Treatment.objects.exists():  # else those of the measurement before
        bring_in(sessions)
    execute(f"CREATE TABLE truth AS {TRUTH}")
    execute("ALTER TABLE truth ADD PRIMARY KEY (id)")
    kept = timed(reconcile_all)
    execute(SPOIL)
    Path("/proc/self/clear_refs").write_text("5")
    idle = memory("VmRSS")
    spoilt = timed(reconcile_all)
    print(f"    reconciling took {memory('VmHWM') - idle:.0f} MB of memory above idle", flush=True)
    assert not rows(f"({TRUTH} EXCEPT SELECT * FROM truth) LIMIT 1"), "the same as before"
    assert not Discrepancy.objects.filter(state="open").exists(), "the data of the measurement is clean"
    execute(SPOIL)
    raw = timed(raw_update)
    yardstick = "raw SQL: UPDATE of the same columns of all rows"
    count = Treatment.objects.count()
    return [
        Measurement(f"reconcile of {count:,} treatments, all wrong", spoilt, yardstick, raw),
        Measurement("the same, nothing wrong", kept, yardstick, raw),
    ]


def bring_in(sessions: int) -> None:
    load_fleet(fleet(sessions), at=AT)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "usage.csv"
        with file.open("w") as lines:
            lines.writelines(f"{line}\n" for line in chain([HEADER], usage(sessions)))
        imported(file)


def reconcile_all() -> None:
    with deciding():
        execute("SET LOCAL jit = off")
        execute("SET LOCAL work_mem = '64MB'")
        devices = [device for (device,) in rows("SELECT id FROM devices_device ORDER BY id")]
        lock_devices(devices)
        reconcile_whole(devices, AT)


def raw_update() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE rentals_treatment t SET started_corrected = o.started_corrected, offset_seconds = o.offset_seconds,
                method = o.method, allowance_id = o.allowance_id, rental_id = o.rental_id
            FROM truth o WHERE o.id = t.id
            """
        )
