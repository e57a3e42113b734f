"""One usage file, imported as the worker does, against raw SQL bringing the same rows into a table.

`CALLUS_BENCH_ROWS` sets the number of treatments: 200,000 unless given, 1,000,000 for the full size.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

from django.db import connection, transaction

from bench import Measurement
from rentals.history import load_fleet
from rentals.models import Discrepancy, Treatment, UsageImport
from rentals.reconciliation import imports

DEVICES = 1000
SESSIONS_A_READ_OUT = 30
BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
AT = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = "serial,part_number,read_out_at,device_clock,counter,n,started,seconds,outcome,code,paused_from,paused_to"
COLUMNS = """device_id, read_out_id, n, started_device, seconds, outcome, code, allowance_id, started_corrected,
    offset_seconds, method, rental_id"""


def measure() -> list[Measurement]:
    rows = int(os.environ.get("CALLUS_BENCH_ROWS", "200000"))
    load_fleet(fleet(rows // DEVICES), at=AT)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "usage.csv"
        with file.open("w") as lines:
            lines.writelines(f"{line}\n" for line in chain([HEADER], usage(rows // DEVICES)))
        first, megabytes = imported(file)
        assert Treatment.objects.count() == rows
        raw = raw_sql(Path(folder) / "rows")
        again, _ = imported(file)
    yardstick = "raw SQL: COPY, INSERT … ON CONFLICT DO NOTHING"
    print(f"    the import took {megabytes:.0f} MB of memory above idle", flush=True)
    return [
        Measurement(f"import of {rows:,} treatments", first, yardstick, raw),
        Measurement("the same file again", again, yardstick, raw),
    ]


def fleet(sessions: int) -> dict[str, object]:
    """A clinic of devices, each with two rentals one after the other, of so many sessions together."""
    half = sessions // 2
    rentals = [
        (BEGAN, BEGAN + timedelta(days=half), 0, half - 1),
        (BEGAN + timedelta(days=half), AT, half - 1, sessions),
    ]
    return {
        "clinic": {"name": "Bench", "time_zone": "Australia/Sydney"},
        "models": [{"part_number": "71034400", "name": "Exogen", "nominal_treatments": None}],
        "devices": [
            {"serial": f"{device:010}", "part_number": "71034400", "counter_at_start": 0} for device in range(DEVICES)
        ],
        "patients": [
            {"key": "P", "given_name": "Ada", "family_name": "Example", "date_of_birth": "1990-05-17"},
        ],
        "rentals": [
            {
                "key": f"{device}-{number}",
                "serial": f"{device:010}",
                "patient": "P",
                "starts_on": out.date().isoformat(),
                "due_on": back.date().isoformat(),
                "handed_over_at": (out + timedelta(hours=1)).isoformat(),
                "returned_at": back.isoformat(),
                "prescribed_per_day": 1,
                "counter_out": counter_out,
                "counter_back": counter_back,
            }
            for device in range(DEVICES)
            for number, (out, back, counter_out, counter_back) in enumerate(rentals)
        ],
    }


def usage(sessions: int) -> Iterator[str]:
    """One session a day of each device, read out once a month."""
    for device in range(DEVICES):
        for first in range(1, sessions + 1, SESSIONS_A_READ_OUT):
            last = min(first + SESSIONS_A_READ_OUT - 1, sessions)
            read_out = BEGAN + timedelta(days=last, hours=12)
            clock = (read_out + timedelta(hours=10)).replace(tzinfo=None)
            for n in range(first, last + 1):
                started = clock - timedelta(days=last - n, hours=4)
                yield (f"{device:010},71034400,{read_out.isoformat()},{clock},{last},{n},{started},1200,completed,,,")


def imported(file: Path) -> tuple[float, float]:
    """Seconds, and megabytes above idle, that the worker's part of the import takes."""
    with file.open("rb") as content:
        queued = imports.queue_import(content, name=file.name, at=AT, actor=None)
    # Linux forgets the peak that it has seen so far.
    Path("/proc/self/clear_refs").write_text("5")
    idle = memory("VmRSS")
    seconds = timed(lambda: imports.run_import(queued.pk, at=AT))
    queued.refresh_from_db()
    assert queued.status == UsageImport.Status.DONE, queued.failure
    assert not Discrepancy.objects.exists(), "the data of the measurement is clean"
    return seconds, memory("VmHWM") - idle


def memory(name: str) -> float:
    """A line of this process's status, in megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def raw_sql(file: Path) -> float:
    """Seconds for the rows that the import made, copied to a staging table and inserted under the same indexes."""
    with connection.cursor() as cursor:
        copying = cursor.copy(f"COPY (SELECT {COLUMNS} FROM rentals_treatment ORDER BY id) TO STDOUT")
        with copying as copy, file.open("wb") as rows:
            rows.writelines(bytes(part) for part in copy)
        cursor.execute("CREATE TABLE plain (LIKE rentals_treatment INCLUDING IDENTITY INCLUDING INDEXES)")
    return timed(lambda: copy_and_insert(file))


def copy_and_insert(file: Path) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE copied ON COMMIT DROP AS SELECT {COLUMNS} FROM plain WITH NO DATA")
        with cursor.copy(f"COPY copied ({COLUMNS}) FROM STDIN") as copy, file.open("rb") as rows:
            while part := rows.read(2**16):
                copy.write(part)
        cursor.execute(f"INSERT INTO plain ({COLUMNS}) SELECT {COLUMNS} FROM copied ON CONFLICT DO NOTHING")


def timed(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
