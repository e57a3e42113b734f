"""Real surroundings for tests, drills and measurements: servers, databases, and a whole running desk."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil

from config.embedded.layout import layout
from config.embedded.servers import Servers

CHECKOUT = Path(__file__).resolve().parent.parent
SECONDS_TO_START = 120  # from an empty folder, when other tests have half the machine


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment_of(state: Path, port: int, **more: str) -> dict[str, str]:
    """What a person's shell has: none of this test run's own settings."""
    ours = ("CALLUS_", "DATABASE_URL", "REDIS_URL", "DJANGO_", "EMAIL_URL", "SECRET_KEY", "ALLOWED_HOSTS")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**clean, "CALLUS_STATE_DIR": str(state), "PORT": str(port), "DEMO": "0", **more}


class Run:
    """One `manage.py run`, and what can be seen of it from outside."""

    def __init__(self, state: Path, port: int, **more: str) -> None:
        self.port = port
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run"],
            cwd=CHECKOUT,
            env=environment_of(state, port, **more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        self.said.extend(self.process.stdout or [])

    def until_ready(self, seconds: float = SECONDS_TO_START) -> "Run":
        assert eventually(lambda: any("Callus is ready" in line for line in self.said), seconds), self.text
        return self

    @property
    def text(self) -> str:
        return "".join(self.said)

    def health(self) -> dict[str, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=10) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as answer:
            return dict(json.load(answer))
        except OSError:
            return {}

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, word: str) -> psutil.Process:
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if any(part == word or part.endswith(word) for part in child.cmdline()))

    def has_a_new(self, word: str, old: psutil.Process) -> bool:
        try:
            return self.child(word).pid != old.pid
        except (StopIteration, psutil.Error):
            return False

    def stop(self, sign: signal.Signals) -> float:
        started = time.monotonic()
        self.process.send_signal(sign)
        self.process.wait(30)
        return time.monotonic() - started


def eventually(happens: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if happens():
            return True
        time.sleep(0.1)
    return False


def gone(processes: list[psutil.Process]) -> bool:
    return not any(lives(process) for process in processes)


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it ended between the two questions
        return False


def servers_in(folder: Path) -> Iterator[Servers]:
    """Servers in a state folder of their own; whatever they kept outside it is removed at the end."""
    servers = Servers(layout(folder))
    yield servers
    for server in servers.all:
        server.stop()
    for left in filter(None, [servers.layout.system, servers.layout.sockets]):
        shutil.rmtree(left, ignore_errors=True)


def environment_on_this_database() -> dict[str, str]:
    """The environment with which a real process (web, worker, command) works on the present database and queue."""
    from django.conf import settings
    from django.db import connection

    return {
        **os.environ,
        "CALLUS_LOCAL": "1",
        "DATABASE_URL": _database_url(connection.settings_dict),
        "REDIS_URL": settings.REDIS_URL,
    }


@contextmanager
def fresh_database(name: str) -> Iterator[None]:
    """Django with an empty, migrated database on durable servers under `var/NAME`; for drills and measurements."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    state = Path(os.environ.setdefault("CALLUS_STATE_DIR", str(CHECKOUT / "var" / name)))
    import django
    from django.test.utils import setup_databases, teardown_databases

    with Servers(layout(state)).in_use():
        django.setup()
        databases = setup_databases(verbosity=0, interactive=False)
        try:
            yield
        finally:
            teardown_databases(databases, verbosity=0)


def _database_url(database: dict[str, str]) -> str:
    login = quote(database["USER"]) + (f":{quote(database['PASSWORD'])}" if database["PASSWORD"] else "")
    if database["HOST"].startswith("/"):
        return f"postgresql://{login}@/{database['NAME']}?host={quote(database['HOST'])}"
    return f"postgresql://{login}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
