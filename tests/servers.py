"""The PostgreSQL and Valkey of a test run; loaded by pytest before Django's settings are.

Embedded servers of their own under `var/test`, shared by all runs of this checkout, or those named by
DATABASE_URL and REDIS_URL. Each run takes a free slot, and each worker of it its own database and its
own number in Valkey, so that runs beside each other never meet.
"""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit, urlunsplit

import pytest

from config import environment
from config.embedded.layout import layout, make_private
from config.embedded.servers import Servers

CHECKOUT = Path(__file__).resolve().parent.parent
WORKERS_PER_SLOT = 8
SLOTS = 32

_open_until_the_end = ExitStack()


def _take_free_slot(state: Path) -> int:
    """Return a number that no other test run of this checkout holds until this process ends."""
    for slot in range(SLOTS):
        lock: IO[str] = (state / f"slot-{slot}").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _open_until_the_end.enter_context(lock)
        return slot
    raise pytest.UsageError(f"{SLOTS} test runs are already going on in this checkout.")


def _worker_number() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS_PER_SLOT


def _choose_surroundings() -> None:
    """Point the settings at this worker's part of the test servers."""
    embedded = environment.is_embedded()
    state = Path(os.environ.setdefault("CALLUS_STATE_DIR", str(CHECKOUT / "var" / "test")))
    make_private(state)
    slot = int(os.environ.setdefault("CALLUS_TEST_SLOT", "") or _take_free_slot(state))
    os.environ["CALLUS_TEST_SLOT"] = str(slot)
    os.environ.setdefault("EMAIL_PER_MINUTE", "1000000")  # tests at one imagined minute share its counter
    number = slot * WORKERS_PER_SLOT + _worker_number()
    if embedded:
        os.environ["CALLUS_REDIS_NUMBER"] = str(number)
    else:
        os.environ["CALLUS_LOCAL"] = "1"
        os.environ["REDIS_URL"] = urlunsplit(urlsplit(environment.text("REDIS_URL"))._replace(path=f"/{number}"))


def pytest_sessionstart(session: pytest.Session) -> None:
    if environment.is_embedded() and not hasattr(session.config, "workerinput"):
        servers = Servers(layout(environment.state_dir(CHECKOUT)), durable=False)
        _open_until_the_end.enter_context(servers.in_use())


def pytest_unconfigure() -> None:
    _open_until_the_end.close()


_choose_surroundings()
