"""Usage imports: a file is queued, claimed by the worker and taken in one transaction, or not at all (I7)."""

from datetime import datetime
from typing import IO

from config.models import User
from rentals.models import UsageImport


def queue_import(file: IO[bytes], *, name: str, at: datetime, actor: User | None) -> UsageImport:
    """Keep `file` (CSV or JSON lines; `name` as the uploader called it) for the worker.

    Raises `not_usage_data` (400) for what is plainly neither.
    """
    raise NotImplementedError


def run_import(import_id: int, *, at: datetime) -> None:
    """Take the queued import, if nobody else has it."""
    raise NotImplementedError


def sweep_imports(at: datetime) -> None:
    """Poke again the imports that wait, and those whose worker died."""
    raise NotImplementedError
