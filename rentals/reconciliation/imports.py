"""Usage imports: a file is queued, claimed by a worker and taken in one transaction, or not at all (I7).

The row is the truth. A claim is a conditional UPDATE with a lease; the worker that has it then holds an
advisory lock on the import until its transaction ends, and renews the lease (`heartbeat.py`): who finds the
lease run out and the lock free knows that the worker is gone. The row itself stays writable, so that it can
say how far the work is and that somebody cancelled it.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import PurePath
from typing import IO, Any
from uuid import uuid4

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from config.models import User
from config.refusals import Refusal
from rentals.deciding import deciding
from rentals.models import UsageImport
from rentals.reconciliation.formats import MOST_REJECTED, Rejected, refuse_what_is_no_usage_data, staging_lines
from rentals.reconciliation.heartbeat import LEASE, Cancelled, Heartbeat, watched
from rentals.reconciliation.sql import execute, rows
from rentals.reconciliation.taking import Taken, stage, take_staged

MOST_ATTEMPTS = 5
LOCK_TIMEOUT = "10min"  # an import may wait for another one; nobody stands at its desk
IMPORTS = 5 << 40  # where the keys of the imports' advisory locks begin, which nothing else uses
STATUS, ROUTE = UsageImport.Status, UsageImport.Route
logger = logging.getLogger(__name__)


def queue_import(
    file: IO[bytes], *, name: str, at: datetime, actor: User | None, route: str = ROUTE.UPLOAD
) -> UsageImport:
    """Keep `file` (CSV or JSON lines; `name` as the sender called it) for the worker.

    Raises `not_usage_data` (400) for what is plainly neither.
    """
    refuse_what_is_no_usage_data(file)
    usage_import = UsageImport(name=PurePath(name).name[:200], uploaded_by=actor, created_at=at, route=route)
    with transaction.atomic():
        usage_import.file.save(str(uuid4()), File(file), save=True)
        transaction.on_commit(lambda: poke([usage_import.pk]))
    return usage_import


def json_lines(readouts: Iterable[Mapping[str, Any]]) -> bytes:
    """Read-outs that came as one JSON list, as the JSON lines that an import reads."""
    return "".join(f"{json.dumps(readout)}\n" for readout in readouts).encode()


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
    for cancelled in UsageImport.objects.filter(Q(status=STATUS.QUEUED) | died, cancelled_by__isnull=False):
        end_cancelled(cancelled.pk, at)
    UsageImport.objects.filter(died, attempts__gte=MOST_ATTEMPTS).update(
        status=STATUS.FAILED,
        lease_until=None,
        finished_at=at,
        failure=f"This file could not be read in {MOST_ATTEMPTS} attempts; nothing was taken. Export it again.",
    )
    waiting = UsageImport.objects.filter(Q(status=STATUS.QUEUED) | died).order_by("pk")
    poke(waiting.values_list("pk", flat=True))


def run_import(import_id: int, *, at: datetime) -> None:
    """Take the import, if it waits or its worker died: all good records in one transaction, or nothing.

    A file that cannot be taken ends `failed` with a sentence, so does a cancelled one; anything else that goes
    wrong is raised, and the sweep runs it again.
    """
    attempt = claim(import_id, at)
    if not attempt:
        return
    mine = claimed_by(import_id, attempt)
    rejected: list[Rejected] = []
    try:
        # Why a file cannot be taken is kept: in English, whoever has the import run.
        with translation.override(settings.LANGUAGE_CODE), Heartbeat(import_id, attempt, at) as heartbeat, deciding():
            execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            execute("SELECT pg_advisory_xact_lock(%s)", [IMPORTS + import_id])
            execute("SET LOCAL jit = off")  # compiling these statements takes longer than running them
            execute("SET LOCAL work_mem = '64MB'")  # for the few large sorts
            if usage_import := mine.select_related("uploaded_by").first():
                finish(mine, take(usage_import, at, rejected, heartbeat), at, rejected)
    except Cancelled:
        end_cancelled(import_id, at)
    except Refusal as refusal:
        if refusal.code == "busy":
            release(mine)
            end_cancelled(import_id, at)
        else:
            fail(mine, refusal.message, at, rejected)


def claim(import_id: int, at: datetime) -> int:
    """The number of the attempt that is now ours; 0 when the import is finished, cancelled or in other hands."""
    free = UsageImport.objects.filter(
        Q(status=STATUS.QUEUED) | Q(status=STATUS.RUNNING, lease_until__lt=at),
        pk=import_id,
        attempts__lt=MOST_ATTEMPTS,
        cancelled_by=None,
    )
    with transaction.atomic():
        if not nobody_works_on(import_id):
            return 0
        claimed = free.update(
            status=STATUS.RUNNING, lease_until=at + LEASE, attempts=F("attempts") + 1, progress=0, finished_at=None
        )
        return UsageImport.objects.values_list("attempts", flat=True).get(pk=import_id) if claimed else 0


def claimed_by(import_id: int, attempt: int) -> QuerySet[UsageImport]:
    """The import while `attempt` has it; nothing once somebody else decided about it."""
    return UsageImport.objects.filter(pk=import_id, status=STATUS.RUNNING, attempts=attempt)


def nobody_works_on(import_id: int) -> bool:
    """Whether no transaction is taking the import; if so none begins before ours ends."""
    [[free]] = rows("SELECT pg_try_advisory_xact_lock(%s)", [IMPORTS + import_id])
    return bool(free)


def take(usage_import: UsageImport, at: datetime, rejected: list[Rejected], heartbeat: Heartbeat) -> Taken:
    """Stage the file and take what is good in it. The caller holds the transaction."""

    def reject(bad: Rejected) -> None:
        rejected.append(bad)
        refuse_too_many(rejected)

    with usage_import.file.open("rb") as file:
        stage(staging_lines(watched(file, usage_import.file.size, heartbeat), at=at, reject=reject))
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


def finish(mine: QuerySet[UsageImport], taken: Taken, at: datetime, rejected: list[Rejected]) -> None:
    """Say what was taken, in the transaction that took it.

    Raises `Cancelled` where the import is not ours any more: cancelled, or given up by the sweep meanwhile.
    """
    finished = mine.filter(cancelled_by=None).update(
        status=STATUS.DONE,
        lease_until=None,
        finished_at=at,
        progress=100,
        accepted=taken.accepted,
        duplicate=taken.duplicate,
        rejected=[asdict(bad) for bad in sorted(rejected, key=lambda bad: bad.line)],
    )
    if not finished:
        raise Cancelled


def release(mine: QuerySet[UsageImport]) -> None:
    """Let the import wait again: others hold its devices, which is no fault of the file."""
    mine.update(status=STATUS.QUEUED, lease_until=None, attempts=F("attempts") - 1)


def fail(mine: QuerySet[UsageImport], why: str, at: datetime, rejected: list[Rejected]) -> None:
    """End the import with nothing taken, and name the first bad lines."""
    mine.update(
        status=STATUS.FAILED,
        lease_until=None,
        finished_at=at,
        failure=why,
        rejected=[asdict(bad) for bad in rejected[:100]],
    )


def cancel_import(usage_import: UsageImport, *, at: datetime, actor: User) -> None:
    """Stop an import that waits, at once, or one that is being read, as soon as its worker sees it; nothing is taken.

    Raises `wrong_state` when it has ended.
    """
    with deciding():
        cancelled = UsageImport.objects.filter(
            pk=usage_import.pk, status__in=(STATUS.QUEUED, STATUS.RUNNING), cancelled_by=None
        ).update(cancelled_by=actor)
        if not cancelled:
            raise Refusal("wrong_state", _("This file is not being read any more; look at what became of it."))
        waited = UsageImport.objects.filter(pk=usage_import.pk, status=STATUS.QUEUED).exists()
        if waited or nobody_works_on(usage_import.pk):
            end_cancelled(usage_import.pk, at)


def end_cancelled(import_id: int, at: datetime) -> None:
    """Fail the import if it was cancelled; whoever may be working on it cannot commit any more."""
    cancelled = UsageImport.objects.filter(
        pk=import_id, status__in=(STATUS.QUEUED, STATUS.RUNNING), cancelled_by__isnull=False
    )
    for usage_import in cancelled.select_related("cancelled_by"):
        cancelled.update(
            status=STATUS.FAILED,
            lease_until=None,
            finished_at=at,
            failure=f"{usage_import.cancelled_by} cancelled it; nothing was taken.",
        )


def run_again(usage_import: UsageImport, *, at: datetime) -> None:
    """Have a failed import read once more, as if it had come just now. Raises `wrong_state` for any other."""
    with deciding():
        # Of an import that waits, `lease_until` is since when it does, where that is not since it was sent.
        queued = UsageImport.objects.filter(pk=usage_import.pk, status=STATUS.FAILED).update(
            status=STATUS.QUEUED,
            lease_until=at,
            attempts=0,
            progress=0,
            finished_at=None,
            failure="",
            rejected=[],
            cancelled_by=None,
        )
        if not queued:
            raise Refusal(
                "wrong_state", _("Only a file that failed can be read again; look at what became of this one.")
            )
        transaction.on_commit(lambda: poke([usage_import.pk]))
