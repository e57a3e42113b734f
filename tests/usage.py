"""Usage files for tests: made from what a device would log, and brought in as the worker does it."""

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.models import User
from devices.models import Device
from rentals.history import Loaded, load_fleet
from rentals.models import UsageImport
from rentals.reconciliation import imports

CLINIC_A = Path(__file__).parent / "data" / "clinic-a"
LATER = datetime(2026, 8, 1, tzinfo=UTC)
HEADER = "serial,part_number,read_out_at,device_clock,counter,n,started,seconds,outcome,code,paused_from,paused_to"
STANDARD = timedelta(hours=10)  # what a device of the Sydney clinic shows all year, ahead of UTC


@dataclass
class Log:
    """What one read-out of `device` at `at` (UTC) says; `fast_by` is how far its clock is ahead."""

    device: Device
    at: datetime
    counter: int | None = None
    fast_by: timedelta = timedelta()
    sessions: list[str] = field(default_factory=list)

    def session(self, n: int, at: datetime, seconds: int = 1200, outcome: str = "completed") -> "Log":
        """Add treatment `n`, begun at the true moment `at` (UTC)."""
        started = (at + STANDARD + self.fast_by).replace(tzinfo=None)
        self.sessions.append(f"{n},{started},{seconds},{outcome},,,")
        return self

    def daily(self, numbers: Iterable[int], first: datetime) -> "Log":
        """Add a treatment a day, the first at the moment `first`."""
        for day, n in enumerate(numbers):
            self.session(n, first + timedelta(days=day))
        return self

    def pause(self, first: str, last: str) -> "Log":
        self.sessions.append(f",,,,,{first},{last}")
        return self

    def lines(self) -> list[str]:
        clock = (self.at + STANDARD + self.fast_by).replace(tzinfo=None)
        counter = "" if self.counter is None else self.counter
        read_out = f"{self.device.serial},{self.device.model.part_number},{self.at.isoformat()},{clock},{counter}"
        return [f"{read_out},{session}" for session in self.sessions or [",,,,,,"]]


def csv(*logs: Log) -> bytes:
    return "\n".join([HEADER, *(line for log in logs for line in log.lines()), ""]).encode()


def import_file(content: bytes, *, at: datetime = LATER, actor: User | None = None) -> UsageImport:
    """Queue `content` and take it at once."""
    queued = imports.queue_import(io.BytesIO(content), name="usage", at=at, actor=actor)
    imports.run_import(queued.pk, at=at)
    queued.refresh_from_db()
    return queued


def import_logs(*logs: Log, at: datetime = LATER) -> UsageImport:
    """Bring in what the devices logged; all of it must be good."""
    taken = import_file(csv(*logs), at=at)
    assert (taken.status, taken.rejected) == ("done", []), taken.failure or taken.rejected
    return taken


def load_clinic_a() -> Loaded:
    return load_fleet(json.loads((CLINIC_A / "fleet.json").read_bytes()), at=LATER)


def truth_of_clinic_a() -> dict[str, Any]:
    return json.loads((CLINIC_A / "truth.json").read_bytes())
