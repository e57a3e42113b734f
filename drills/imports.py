"""Import workers killed at random moments, and overlapping files taken at once: the end is that of one clean run.

KILLS in the environment says how many kills, 50 unless set.
"""

import os
from datetime import timedelta

from django.core.management import call_command
from django.db import connections

from devices.models import Device
from rentals.models import Discrepancy, Treatment
from rentals.reconciliation import imports
from tests import make
from tests.interrupted import (
    FORK,
    everything,
    import_cleanly,
    import_under_kills,
    parts_of,
    queue_file,
)
from tests.usage import CLINIC_A, LATER, Log, csv, load_clinic_a

FILES = 10
ROUNDS = 20
MOST_TRIES = 5


def drill() -> dict[str, str]:
    kills = int(os.environ.get("KILLS", "50"))
    return {**kill_imports(max(kills // FILES, 1)), **overlap(ROUNDS)}


def kill_imports(kills_a_file: int) -> dict[str, str]:
    files = parts_of((CLINIC_A / "usage.csv").read_bytes(), FILES)
    load_clinic_a()
    seconds = import_cleanly(files, LATER)
    clean = everything(LATER)
    call_command("flush", interactive=False, verbosity=0)
    load_clinic_a()
    came = import_under_kills(files, seconds, kills_a_file, LATER)
    found = everything(LATER)
    differing = {what: set(found[what]) ^ set(clean[what]) for what in clean if found[what] != clean[what]}
    assert not differing, f"other than after a clean run: {differing}"
    return {
        "kills": str(kills_a_file * len(files)),
        "of these in the middle of an import": str(came.in_work),
        "of these after its commit": str(came.after_the_end),
        "treatments, as after a clean run": str(len(found["treatments"])),
        "discrepancies, as after a clean run": str(len(found["discrepancies"])),
    }


def overlap(rounds: int) -> dict[str, str]:
    """Two workers at once, their files overlapping and the devices in opposite order; nothing is twice or lost."""
    clinic = make.clinic()
    for _ in range(rounds):
        both_at_once(make.device(clinic), make.device(clinic))
    assert not Discrepancy.objects.filter(kind="conflicting_duplicate").exists()
    return {"pairs of overlapping files at once": str(rounds), "treatments twice or lost": "0"}


def both_at_once(one: Device, other: Device) -> None:
    queued = [
        queue_file(csv(log_of(one, 1, 40), log_of(other, 21, 60)), LATER),
        queue_file(csv(log_of(other, 1, 40), log_of(one, 21, 60)), LATER),
    ]
    connections.close_all()
    workers = [FORK.Process(target=import_until_done, args=(each.pk,)) for each in queued]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for each in queued:
        each.refresh_from_db()
    kept = Treatment.objects.filter(device__in=(one, other))
    assert [each.status for each in queued] == ["done", "done"]
    assert sum(each.accepted for each in queued) == kept.count() == 120
    assert sum(each.duplicate for each in queued) == 40
    assert all(device.treatments.values("n").distinct().count() == 60 for device in (one, other))


def log_of(device: Device, first: int, last: int) -> Log:
    """Treatments `first` to `last`, one a day, as a read-out told them on the day after."""
    begin = make.NOW + timedelta(days=1)
    read_out = Log(device, begin + timedelta(days=last), counter=last)
    return read_out.daily(range(first, last + 1), begin + timedelta(days=first - 1))


def import_until_done(import_id: int) -> None:
    """As a worker that is poked again where it had to make way for the other one."""
    for _ in range(MOST_TRIES):
        imports.run_import(import_id, at=LATER)
