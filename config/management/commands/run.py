"""`make run`: everything of the desk on this machine, until Ctrl-C."""

import fcntl
import http.client
import io
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import OperationalError, connection

from config import health
from config.embedded.layout import layout, make_private
from config.embedded.servers import Servers
from config.embedded.support import why_unsupported_here
from config.environment import WrongEnvironment, text
from config.models import Clinic, User
from config.supervisor import Supervisor, children_of_the_desk, say

HIGHEST_PORT = 65535
SECONDS_OF_PATIENCE = 10


class Command(BaseCommand):
    help = "Runs servers, web, worker and scheduler on this machine. PORT and DEMO come from the environment."
    requires_system_checks = ()  # `migrate` makes them, once the database answers

    def handle(self, *args: Any, **options: Any) -> None:
        port = _port()
        _refuse_a_taken_port(port)
        with _stopping_on_signals() as stop, _alone(port), _servers() as servers:
            logins, demo = _prepare()
            welcome = _Welcome(port, logins)

            def tick() -> None:
                _keep(servers)
                welcome.when_ready()

            supervisor = Supervisor(children_of_the_desk(port, demo=demo), tick)
            stop.supervisor = supervisor
            supervisor.run()
        say("callus", "stopped")


class _Welcome:
    """Says where the desk is, once everything answers; until then says now and then what does not."""

    def __init__(self, port: int, logins: str) -> None:
        self.address = f"http://localhost:{port}"
        self.port = port
        self.logins = logins
        self.said = False
        self.next_word = time.monotonic() + SECONDS_OF_PATIENCE

    def when_ready(self) -> None:
        if self.said:
            return
        missing = _what_is_missing(self.port)
        if not missing:
            self.said = True
            for line in [f"Callus is ready: {self.address}", *self.logins.splitlines()]:
                say("callus", line)
        elif time.monotonic() >= self.next_word:
            self.next_word = time.monotonic() + SECONDS_OF_PATIENCE
            say("callus", f"not ready yet: {', '.join(missing)}")


class _Stop:
    """What SIGINT and SIGTERM do: end the start-up at once, or ask the supervisor to end; only the first counts."""

    def __init__(self) -> None:
        self.supervisor: Supervisor | None = None
        self.asked = False

    def __call__(self, *_: object) -> None:
        if self.asked:
            return
        self.asked = True
        if self.supervisor is None:
            raise KeyboardInterrupt
        self.supervisor.stopping.set()


@contextmanager
def _stopping_on_signals() -> Iterator[_Stop]:
    stop = _Stop()
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, stop)
    try:
        yield stop
    except KeyboardInterrupt:
        say("callus", "stopped before it was ready")


def _port() -> int:
    value = text("PORT") or "8000"
    if not value.isdigit() or not 0 < int(value) <= HIGHEST_PORT:
        raise CommandError(f"PORT is {value!r}; it must be a number from 1 to {HIGHEST_PORT}.")
    return int(value)


def _refuse_a_taken_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be used ({error.strerror}). Try: make run PORT={port + 1}"
            ) from error


@contextmanager
def _alone(port: int) -> Iterator[None]:
    """Refuse a second run from the same checkout."""
    make_private(settings.STATE_DIR)
    with Path(settings.STATE_DIR, "run.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise CommandError(f"Callus already runs from this folder: {lock.read().strip()}") from error
        lock.truncate(0)
        lock.write(f"http://localhost:{port} (process {os.getpid()})\n")
        lock.flush()
        yield


@contextmanager
def _servers() -> Iterator[Servers | None]:
    if not settings.EMBEDDED:
        yield None
        return
    if why := why_unsupported_here():
        raise CommandError(f"{why} Set DATABASE_URL and REDIS_URL to use servers of your own.")
    say("callus", "starting PostgreSQL and Valkey")
    servers = Servers(layout(settings.STATE_DIR))
    with servers.owned():
        yield servers


def _keep(servers: Servers | None) -> None:
    if servers is not None:
        try:
            servers.keep()
        except WrongEnvironment as error:
            say("callus", str(error))


def _prepare() -> tuple[str, bool]:
    """Bring the database up to date and set the first clinic up; return what `_set_up_first_clinic` does."""
    say("callus", "bringing the database up to date")
    try:
        call_command("migrate", verbosity=0, interactive=False)
        health.forget_signs()
    except OperationalError as error:
        raise CommandError(f"The database does not answer: {str(error).splitlines()[0]}") from error
    except redis.RedisError as error:
        raise CommandError(f"The queue does not answer: {error}") from error
    set_up = _set_up_first_clinic()
    connection.close()
    return set_up


def _set_up_first_clinic() -> tuple[str, bool]:
    """Make the first clinic once; return what the person at the screen should know, and whether this is the demo.

    The demo's random passwords are kept in the state folder, for its owner only, to be shown at each start.
    """
    if Clinic.objects.exists():
        kept = _demo_logins()
        return (kept.read_text(), True) if kept.exists() else ("", False)
    for gone in Path(settings.STATE_DIR).glob("demo-logins-*"):  # those of a database that is gone
        gone.unlink()
    if text("DEMO") not in ("", "1"):
        return _said_by("set_up_clinic"), False
    say("callus", "making the demo clinic")
    logins = _said_by("set_up_demo")
    kept = _demo_logins()
    kept.touch(mode=0o600)
    kept.write_text(logins)
    return logins, True


def _demo_logins() -> Path:
    """Where the logins of this database's demo are kept; where there is no such file, it holds no demo.

    Named by the moment its first user was made: another database, used from the same folder, is not taken for the demo.
    """
    first = User.objects.order_by("pk").values_list("date_joined", flat=True).first()
    return Path(settings.STATE_DIR, f"demo-logins-{first:%Y%m%d%H%M%S%f}" if first else "demo-logins-nobody")


def _said_by(command: str) -> str:
    said = io.StringIO()
    call_command(command, stdout=said)
    return said.getvalue()


def _what_is_missing(port: int) -> list[str]:
    """Return the parts that /readyz does not call ok."""
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_OF_PATIENCE)
    try:
        asking.request("GET", "/readyz")
        parts = json.load(asking.getresponse())
    except (OSError, ValueError, http.client.HTTPException):
        return ["web"]
    finally:
        asking.close()
    return [part for part, state in parts.items() if state != "ok"]
