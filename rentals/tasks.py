"""Background work. Each task is only a poke: the rows say what is to be done, and a sweep finds what was missed."""

from datetime import UTC, datetime

from celery import shared_task

from rentals.reconciliation import imports

# An import may be long; its row is claimed under a lease, so a message delivered again does nothing.
IMPORT_SECONDS = 3600


@shared_task(time_limit=IMPORT_SECONDS)
def run_import(import_id: int) -> None:
    imports.run_import(import_id, at=datetime.now(UTC))


@shared_task
def sweep_imports() -> None:
    imports.sweep_imports(datetime.now(UTC))
