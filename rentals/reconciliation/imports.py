"""Usage imports: a file is queued, claimed by a worker and taken in one transaction, or not at all (I7).

The row is the truth. A claim is a conditional UPDATE with a lease; the worker that has it then keeps the
row locked while it works, so that a lease may be short: who finds it run out and the row unlocked knows
that the worker is gone.
"""

import logging
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import IO
from uuid import uuid4

from django.core.files import File
from django.db import transaction
from django.db.models import F, Q
from kombu.exceptions import OperationalError

from config.models import User
from config.refusals import Refusal
from rentals.deciding import deciding
from rentals.models import UsageImport
from rentals.reconciliation.formats import Rejected, refuse_what_is_no_usage_data, staging_lines
from rentals.reconciliation.sql import execute
from rentals.reconciliation.taking import MOST_REJECTED, Taken, stage, take_staged

LEASE = timedelta(minutes=2)
MOST_ATTEMPTS = 5
LOCK_TIMEOUT = "10min"  # an import may wait for another one; nobody stands at its desk
STATUS = UsageImport.Status
logger = logging.getLogger(__name__)


def queue_import(file: IO[bytes], *, name: str, at: datetime, actor: User | None) -> UsageImport:
    """Keep `file` (CSV or JSON lines; `name` as the uploader called it) for the worker.

    Raises `not_usage_data` (400) for what is plainly neither.
    """
    refuse_what_is_no_usage_data(file)
    usage_import = UsageImport(name=PurePath(name).name[:200], uploaded_by=actor, created_at=at)
    with transaction.atomic():
        usage_import.file.save(str(uuid4()), File(file), save=True)
        transaction.on_commit(lambda: poke([usage_import.pk]))
    return usage_import


def poke(import_ids: Iterable[int]) -> None:
    """Ask the workers to run the imports. A dead queue loses nothing: the next sweep asks again."""
    from rentals.tasks import run_import as task  # tasks import this module

    try:
        for import_id in import_ids:
            task.apply_async((import_id,), retry=False)
    except OperationalError:
        logger.warning("the queue does not answer; imports wait for the next sweep")


def sweep_imports(at: datetime) -> None:
    """Poke the imports that wait and those whose worker died; give up those that killed every worker."""
    died = Q(status=STATUS.RUNNING, lease_until__lt=at)
    UsageImport.objects.filter(died, attempts__gte=MOST_ATTEMPTS).update(
        status=STATUS.FAILED,
        finished_at=at,
        failure=f"This file could not be read in {MOST_ATTEMPTS} attempts; nothing was taken. Export it again.",
    )
    waiting = UsageImport.objects.filter(Q(status=STATUS.QUEUED) | died).order_by("pk")
    poke(waiting.values_list("pk", flat=True))


def run_import(import_id: int, *, at: datetime) -> None:
    """Take the import, if it waits or its worker died: all good records in one transaction, or nothing.

    A file that cannot be taken ends `failed` with a sentence; anything else that goes wrong is raised,
    and the sweep runs it again.
    """
    if not claim(import_id, at):
        return
    rejected: list[Rejected] = []
    try:
        with deciding():
            usage_import = UsageImport.objects.select_for_update(no_key=True).get(pk=import_id)
            execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            execute("SET LOCAL jit = off")  # compiling these statements takes longer than running them
            execute("SET LOCAL work_mem = '64MB'")  # for the few large sorts
            taken = take(usage_import, at, rejected)
            finish(usage_import, taken, at, rejected)
    except Refusal as refusal:
        if refusal.code == "busy":
            release(import_id)
        else:
            fail(import_id, refusal.message, at, rejected)


def claim(import_id: int, at: datetime) -> bool:
    """Whether the import is now ours: it waited, or its lease had run out and nobody holds the row."""
    free = UsageImport.objects.select_for_update(no_key=True, skip_locked=True).filter(
        Q(status=STATUS.QUEUED) | Q(status=STATUS.RUNNING, lease_until__lt=at),
        pk=import_id,
        attempts__lt=MOST_ATTEMPTS,
    )
    with transaction.atomic():
        claimed = UsageImport.objects.filter(pk__in=free.values("pk")).update(
            status=STATUS.RUNNING, lease_until=at + LEASE, attempts=F("attempts") + 1
        )
    return bool(claimed)


def take(usage_import: UsageImport, at: datetime, rejected: list[Rejected]) -> Taken:
    """Stage the file and take what is good in it. The caller holds the transaction."""

    def reject(bad: Rejected) -> None:
        rejected.append(bad)
        refuse_too_many(rejected)

    with usage_import.file.open("rb") as file:
        stage(staging_lines(file, at=at, reject=reject))
    taken = take_staged(usage_import, at=at, rejected=rejected)
    refuse_too_many(rejected)
    return taken


def refuse_too_many(rejected: list[Rejected]) -> None:
    """A file that is mostly wrong is better sent again than taken in part."""
    if len(rejected) > MOST_REJECTED:
        raise Refusal(
            "not_usage_data",
            f"More than {MOST_REJECTED} records are wrong, so nothing was taken. The first is on line "
            f"{rejected[0].line}: {rejected[0].reason}",
            status=400,
        )


def finish(usage_import: UsageImport, taken: Taken, at: datetime, rejected: list[Rejected]) -> None:
    UsageImport.objects.filter(pk=usage_import.pk).update(
        status=STATUS.DONE,
        lease_until=None,
        finished_at=at,
        accepted=taken.accepted,
        duplicate=taken.duplicate,
        rejected=[asdict(bad) for bad in sorted(rejected, key=lambda bad: bad.line)],
    )


def release(import_id: int) -> None:
    """Let the import wait again: others hold its devices, which is no fault of the file."""
    UsageImport.objects.filter(pk=import_id).update(status=STATUS.QUEUED, lease_until=None, attempts=F("attempts") - 1)


def fail(import_id: int, why: str, at: datetime, rejected: list[Rejected]) -> None:
    """End the import with nothing taken, and name the first bad lines."""
    UsageImport.objects.filter(pk=import_id).update(
        status=STATUS.FAILED,
        lease_until=None,
        finished_at=at,
        failure=why,
        rejected=[asdict(bad) for bad in rejected[:100]],
    )
