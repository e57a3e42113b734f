"""Doing things at once, each in a thread with a database connection of its own."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection, connections

Result = TypeVar("Result")


def at_once(contenders: int, do: Callable[[], Result]) -> list[Result]:
    """What each contender got who did the same thing; all start together."""
    return all_at_once([do] * contenders)


def all_at_once(actions: Sequence[Callable[[], Result]]) -> list[Result]:
    """What each of the `actions` gave, in their order; all start together, already connected."""
    start = threading.Barrier(len(actions))

    def run(action: Callable[[], Result]) -> Result:
        try:
            connection.ensure_connection()
            start.wait(timeout=10)
            return action()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(actions)) as pool:
        return [contender.result(timeout=60) for contender in [pool.submit(run, action) for action in actions]]


def in_its_own_connection(do: Callable[..., Result], *details: object) -> Result:
    """What `do` gives, for a thread that is about to end."""
    try:
        return do(*details)
    finally:
        connections.close_all()


def until_somebody_waits_for_a_lock() -> None:
    """Return once another connection waits for what the caller's transaction has locked."""
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
            if cursor.fetchone():
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits for a lock")
