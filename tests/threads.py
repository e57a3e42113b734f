"""Doing the same thing several times at once, each in a thread with a database connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

Result = TypeVar("Result")


def at_once(contenders: int, do: Callable[[], Result]) -> list[Result]:
    """What each contender got; all start together."""
    start = threading.Barrier(contenders)

    def run() -> Result:
        start.wait(timeout=10)
        try:
            return do()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(contenders) as pool:
        return [contender.result(timeout=60) for contender in [pool.submit(run) for _ in range(contenders)]]
