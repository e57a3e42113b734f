"""Workers killed while they import, and everything that an import leaves, to compare two histories by."""

import io
import multiprocessing
import random
import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connections

from devices.models import Allowance, Device, Reading, ReadOut
from rentals.models import Discrepancy, Pause, Rental, Treatment, UsageImport
from rentals.reconciliation import imports
from rentals.reconciliation.days import counted, days_of

FORK = multiprocessing.get_context("fork")
NUMBERS = re.compile(r"\d+")
HOUR = timedelta(hours=1)
OVERLAP = 5  # lines


def queue_file(content: bytes, at: datetime) -> UsageImport:
    return imports.queue_import(io.BytesIO(content), name="usage.csv", at=at, actor=None)


def import_and_kill(usage_import: UsageImport, at: datetime, seconds: float) -> bool:
    """Let a process of its own run the import and kill it (`kill -9`) after `seconds`; whether it had not ended."""
    connections.close_all()  # or both would speak over one
    worker = FORK.Process(target=import_in_a_fork, args=(usage_import.pk, at))
    worker.start()
    worker.join(seconds)
    alive = worker.is_alive()
    worker.kill()
    worker.join()
    return alive


def import_in_a_fork(import_id: int, at: datetime) -> None:
    """Run the import over a connection of this process.

    Where a browser's event loop ran in the parent, Django hides the connections made before it from the parent and
    shows them to its child: to speak over them would be to speak in the parent's name.
    """
    for inherited in connections.all(initialized_only=True):
        del connections[inherited.alias]
    imports.run_import(import_id, at=at)


@dataclass
class Kills:
    """What came of killing: how many kills hit a worker in its work, how many came after its commit."""

    in_work: int = 0
    after_the_end: int = 0


def import_cleanly(files: list[bytes], at: datetime) -> list[float]:
    """Take the files one after the other, each in a process of its own; returns the seconds that each took."""
    seconds = []
    for content in files:
        started = time.monotonic()
        queued = queue_file(content, at)
        import_and_kill(queued, at, 60)
        seconds.append(time.monotonic() - started)
        queued.refresh_from_db()
        assert queued.status == "done", queued.failure
    return seconds


def import_under_kills(files: list[bytes], seconds: list[float], kills: int, at: datetime) -> Kills:
    """Take the files as before, but kill the worker of each `kills` times at a random moment before it may end.

    After each kill either all of the file is there or nothing.
    """
    came = Kills()
    for content, usual in zip(files, seconds, strict=True):
        before = everything(at)
        queued = queue_file(content, at)
        for _ in range(kills):
            came.in_work += import_and_kill(queued, at, random.uniform(0, usual))
            queued.refresh_from_db()
            if queued.status == "done":
                came.after_the_end += 1
            else:
                assert everything(at) == before, "half of an import is there"
            at += HOUR  # the lease of the dead one is over
            imports.sweep_imports(at)
            queued.refresh_from_db()
            if queued.status == "failed":  # given up: it killed so many workers
                imports.run_again(queued, at=at)
        imports.run_import(queued.pk, at=at)
        queued.refresh_from_db()
        assert queued.status == "done", queued.failure
    return came


def parts_of(content: bytes, count: int) -> list[bytes]:
    """A CSV file cut into `count` files; neighbours overlap by some lines, as re-reads do."""
    header, *lines = content.splitlines(keepends=True)
    size = -(-len(lines) // count)
    return [b"".join([header, *lines[max(start - OVERLAP, 0) : start + size]]) for start in range(0, len(lines), size)]


def everything(at: datetime) -> dict[str, Any]:
    """What imports have left, without the ids that differ between two histories of the same."""
    return {
        "treatments": rows(
            Treatment,
            "device__serial n started_device seconds outcome code started_corrected offset_seconds method "
            "allowance__number rental__external_reference read_out__read_out_at",
        ),
        "pauses": rows(Pause, "device__serial device_days days"),
        "read_outs": rows(ReadOut, "device__serial read_out_at device_clock counter"),
        "readings": rows(Reading, "device__serial counter read_at source trusted flag"),
        "allowances": rows(Allowance, "device__serial number cause began_at carried_over counter_at_start provisional"),
        "discrepancies": discrepancies(),
        "days": sorted((rental.external_reference, str(days)) for rental, days in days_of_all(at)),
        "devices": sorted(
            (device.serial, device.counter, device.used_treatments, device.last_reading_at)
            for device in Device.objects.with_counters()
        ),
    }


def discrepancies() -> list[tuple[str, ...]]:
    """Without what is drawn anew in each history: the ids in the subject, the references in the sentences."""
    names = dict(Rental.objects.values_list("reference", "external_reference"))

    def named(text: str) -> str:
        for reference, name in names.items():
            text = text.replace(reference, name)
        return text

    found = Discrepancy.objects.values_list("kind", "state", "subject", "device__serial", "why", "action")
    return sorted(
        (kind, state, NUMBERS.sub("#", named(subject)), serial or "", named(why), named(action))
        for kind, state, subject, serial, why, action in found
    )


def days_of_all(at: datetime) -> list[tuple[Rental, Any]]:
    rentals = list(Rental.objects.select_related("clinic"))
    days = days_of(rentals, at)
    return [(rental, counted(days[rental.pk])) for rental in rentals]


def rows(model: Any, columns: str) -> list[str]:
    return sorted(map(str, model.objects.values_list(*columns.split())))
