"""Both embedded servers together: the first who needs them starts them, the last who leaves stops them."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from config.embedded.layout import Layout, make_private
from config.embedded.postgres import Postgres
from config.embedded.server import Server
from config.embedded.valkey import Valkey


class Servers:
    """The servers of one checkout. Locks on files in its state folder tell its users from each other;
    the system drops them when a process ends, however it ends."""

    def __init__(self, layout: Layout, *, durable: bool = True) -> None:
        self.layout = layout
        self.postgres = Postgres(layout, durable=durable)
        self.valkey = Valkey(layout)
        self.all: list[Server] = [self.postgres, self.valkey]

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Have both running; when nobody else uses them at the end, stop them."""
        with self._users() as users:
            try:
                with self._one_at_a_time():
                    fcntl.flock(users, fcntl.LOCK_SH)
                    self._start()
                yield
            finally:
                with self._one_at_a_time(), suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._stop()

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Have both running for as long as this process lives, and stop them at the end whoever uses them."""
        with self._users() as users:
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                self.keep()
                yield
            finally:
                with self._one_at_a_time():
                    self._stop()

    def keep(self) -> None:
        """Start whichever has stopped; they end with this process."""
        if not all(server.pid() for server in self.all):
            with self._one_at_a_time():
                self._start(dies_with_starter=True)

    def _start(self, *, dies_with_starter: bool = False) -> None:
        for server in self.all:
            server.start(dies_with_starter=dies_with_starter)

    def _stop(self) -> None:
        for server in self.all:
            server.stop()

    def _users(self) -> IO[str]:
        return self._open("servers.users")

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        with self._open("servers.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _open(self, name: str) -> IO[str]:
        make_private(self.layout.state)
        return Path(self.layout.state, name).open("a")
