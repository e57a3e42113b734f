"""The sign of life of a running import.

The transaction that takes a file shows nothing before it ends. So how far it is, its lease and whether somebody
cancelled it go over a connection of their own, in a thread that ends with its process.
"""

import io
import logging
import time
from datetime import datetime, timedelta
from threading import Event, Thread
from types import TracebackType
from typing import IO

from django.db import DatabaseError, connections, transaction

from rentals.models import UsageImport

LEASE = timedelta(minutes=2)
BEAT = 0.5  # seconds
CHUNK = 2**18  # bytes
READING = 60  # percent of the work; the rest is PostgreSQL's, which does not say how far it is
logger = logging.getLogger(__name__)


class Cancelled(Exception):
    """Somebody cancelled the import; its transaction must not commit."""


class Heartbeat:
    """While it is entered, the row of the import says every half second how far its `attempt` is; `at`: its start."""

    def __init__(self, import_id: int, attempt: int, at: datetime) -> None:
        self.import_id, self.attempt, self.at = import_id, attempt, at
        self.percent = 0
        self.cancelled = False
        self._started = time.monotonic()
        self._over = Event()
        self._thread = Thread(target=self._beat_until_the_end, name=f"heartbeat {import_id}", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat_until_the_end(self) -> None:
        try:
            while not self._over.wait(BEAT):
                try:
                    self._beat()
                except DatabaseError:  # the import itself learns of it too, or the next beat finds it over
                    logger.warning("the heartbeat of a usage import does not reach the database")
                    connections.close_all()
        finally:
            connections.close_all()

    def _beat(self) -> None:
        mine = UsageImport.objects.filter(pk=self.import_id, status=UsageImport.Status.RUNNING, attempts=self.attempt)
        # Never waits: whoever has the row, the import itself perhaps, would wait for us.
        free = mine.select_for_update(no_key=True, skip_locked=True)
        lease_until = self.at + timedelta(seconds=time.monotonic() - self._started) + LEASE
        with transaction.atomic():
            UsageImport.objects.filter(pk__in=free.values("pk")).update(progress=self.percent, lease_until=lease_until)
        self.cancelled = mine.filter(cancelled_by__isnull=False).exists()


def watched(file: IO[bytes], size: int, heartbeat: Heartbeat) -> IO[bytes]:
    """`file` of `size` bytes; reading it moves the percentage on, and raises `Cancelled` once that is asked for."""
    return io.BufferedReader(Watched(file, size, heartbeat), CHUNK)


class Watched(io.RawIOBase):
    def __init__(self, file: IO[bytes], size: int, heartbeat: Heartbeat) -> None:
        self._file, self._size, self._heartbeat = file, max(size, 1), heartbeat
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        if self._heartbeat.cancelled:
            raise Cancelled
        chunk = self._file.read(len(buffer))
        buffer[: len(chunk)] = chunk
        self._read += len(chunk)
        self._heartbeat.percent = min(READING * self._read // self._size, READING)
        return len(chunk)
