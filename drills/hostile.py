"""T11: 200 hostile files and files of 1 GB through the whole import, memory measured.

`GIGABYTES` sets the size of the large ones, 1 unless given.
"""

import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from django.test import override_settings

from config.refusals import Refusal
from rentals.models import Treatment, UsageImport
from rentals.reconciliation import imports
from tests import make
from tests.rentals.reconciliation import hostile
from tests.rentals.reconciliation.reference import NoUsageData, reference
from tests.usage import HEADER, LATER, import_file

MOST_MEGABYTES = 300
FIRST_SERIAL = 2_000_000_000
DEVICES = 200


def drill() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder, override_settings(MEDIA_ROOT=folder):
        figures = hostile_files()
        size = int(float(os.environ.get("GIGABYTES", "1")) * 2**30)
        for name, write in {"good lines": good_lines, "one line": one_line, "lines of noise": noise}.items():
            figures |= large_file(name, size, write)
    return figures


def hostile_files() -> dict[str, str]:
    """Each file twice; what is there afterwards must be what an obvious reader finds in it, and nothing else."""
    model = make.device_model(part_number=hostile.PART_NUMBER)
    ended: Counter[str] = Counter()
    wrong = 0
    forget_peak()
    idle = megabytes("VmRSS")
    for number, made in enumerate(hostile.hostile_files()):
        serial = f"{FIRST_SERIAL + number}"
        make.device(model=model, serial=serial, at=LATER - timedelta(days=900))
        content = for_device(made.content, serial)
        ended[outcome(content)] += 1
        ended[f"again {outcome(content)}"] += 1
        wrong += len(taken_from(serial) - right_in(content, serial))
    peak = megabytes("VmHWM") - idle
    assert not wrong, f"{wrong} rows are in no file"
    assert peak < MOST_MEGABYTES, f"{peak:.0f} MB"
    return {
        "hostile files": str(hostile.FILES),
        "done, failed with a sentence, refused at once": f"{ended['done']}, {ended['failed']}, {ended['refused']}",
        "wrong rows": str(wrong),
        "their memory above idle": f"{peak:.0f} MB",
    }


def for_device(content: bytes, serial: str) -> bytes:
    """The same file about a device of its own, in whatever encoding it is."""
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        content = content.replace(hostile.SERIAL.encode(encoding), serial.encode(encoding))
    return content


def outcome(content: bytes) -> str:
    """How the import ended. Each bad line must have been named."""
    try:
        done = import_file(content)
    except Refusal:
        return "refused"
    assert done.status in (UsageImport.Status.DONE, UsageImport.Status.FAILED), done.status
    assert done.status == UsageImport.Status.DONE or done.failure, "failed without a sentence"
    assert all(each["line"] and each["reason"] for each in done.rejected)
    return done.status


def taken_from(serial: str) -> set[tuple[object, ...]]:
    columns = ("n", "started_device", "seconds", "outcome", "code")
    found = Treatment.objects.filter(device__serial=serial).values_list(*columns)
    return {(n, str(started), *rest) for n, started, *rest in found}


def right_in(content: bytes, serial: str) -> set[tuple[object, ...]]:
    try:
        good, _ = reference(content)
    except NoUsageData:
        return set()
    return {row[2:] for row in good if row[1] == serial}


def large_file(name: str, size: int, write: Callable[[int], Iterator[bytes]]) -> dict[str, str]:
    """One file of `size` bytes, queued and taken as the worker does it."""
    with tempfile.TemporaryFile() as file:
        file.writelines(write(size))
        file.seek(0)
        forget_peak()
        idle = megabytes("VmRSS")
        started = time.monotonic()
        queued = imports.queue_import(file, name=name, at=LATER, actor=None)
        imports.run_import(queued.pk, at=LATER)
    seconds, peak = time.monotonic() - started, megabytes("VmHWM") - idle
    queued.refresh_from_db()
    Path(queued.file.path).unlink()
    assert queued.status in (UsageImport.Status.DONE, UsageImport.Status.FAILED), queued.status
    assert peak < MOST_MEGABYTES, f"{peak:.0f} MB"
    said = f"{queued.status}, {queued.accepted:,} taken, {queued.duplicate:,} known, {len(queued.rejected):,} rejected"
    return {f"{size / 2**30:g} GB of {name}": f"{said}; {seconds:.0f} s, {peak:.0f} MB above idle"}


def good_lines(size: int) -> Iterator[bytes]:
    """Read-outs of many devices, over and over: the second time each line is known."""
    model = make.device_model()
    devices = [make.device(model=model, at=LATER - timedelta(days=900)) for _ in range(DEVICES)]
    lines = [line.encode() for line in hostile.good_lines()[1:]]
    old = f"{hostile.SERIAL},{hostile.PART_NUMBER}".encode()
    yield HEADER.encode() + b"\n"
    written = 0
    while written < size:
        for device in devices:
            new = f"{device.serial},{model.part_number}".encode()
            block = b"".join(line.replace(old, new) + b"\n" for line in lines)
            written += len(block)
            yield block


def one_line(size: int) -> Iterator[bytes]:
    yield f"{HEADER}\n".encode()
    for _ in range(size // 2**20):
        yield b"7," * 2**19
    yield f"\n{hostile.good_lines()[1]}\n".encode()


def noise(size: int) -> Iterator[bytes]:
    yield f"{HEADER}\n".encode()
    for _ in range(size // 2**20):
        yield os.urandom(2**20)


def forget_peak() -> None:
    """Linux forgets the peak that it has seen so far."""
    Path("/proc/self/clear_refs").write_text("5")


def megabytes(name: str) -> float:
    """A line of this process's status, in megabytes."""
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024
