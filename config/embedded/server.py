"""What PostgreSQL and Valkey have in common as embedded servers: found, started, stopped."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import IO, ClassVar

import psutil

from config.embedded.layout import Layout, make_private
from config.environment import WrongEnvironment

SECONDS_TO_START = 60  # enough to read back what a killed server had not yet written out
SECONDS_TO_STOP = 7
ATTEMPTS = 5
LARGEST_LOG = 10 * 1024 * 1024
PR_SET_PDEATHSIG = 1


class Server(ABC):
    """One embedded server. It may have been started by this process, by another one, or not at all."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def pid_file(self) -> Path: ...

    @property
    @abstractmethod
    def mark(self) -> str:
        """What the server's command line shows and no other process's does."""

    @abstractmethod
    def prepare(self) -> None:
        """Make whatever must exist before the server starts."""

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def answers(self) -> bool: ...

    def user(self) -> pwd.struct_passwd | None:
        """The system user the server runs as; None for the one who asks."""
        return None

    @property
    def log(self) -> Path:
        return self.layout.logs / f"{self.name}.log"

    def pid(self) -> int | None:
        """Return the id of the running server, None when there is none (a stale file does not count)."""
        if self._process is not None and self._process.poll() is None:
            return self._process.pid  # ours, also when its file was taken away
        try:
            pid = int(self.pid_file.read_text().split("\n")[0])
            return pid if self.mark in " ".join(psutil.Process(pid).cmdline()) else None
        except (OSError, ValueError, psutil.Error):
            return None

    def start(self, *, dies_with_starter: bool = False) -> None:
        """Have the server running. With `dies_with_starter`, Linux stops it when this process is killed."""
        if self.pid() is None:
            make_private(self.layout.logs)
            make_private(self.layout.sockets)
            self.prepare()
            self._spawn_until_it_stays(dies_with_starter)
        if not self._wait_until_it_answers():
            raise WrongEnvironment(f"{self.name} does not start. The end of {self.log}:\n{self._last_words()}")

    def _spawn_until_it_stays(self, dies_with_starter: bool) -> None:
        """Start it again when it ends at once: what a killed server left behind takes a moment to end."""
        for _ in range(ATTEMPTS):
            self._process = self._spawn(dies_with_starter)
            if self._wait_until_it_answers() or self._process.poll() is None:
                return
            time.sleep(0.5)

    def stop(self) -> None:
        """Stop the server, wherever it was started; by force when it does not listen."""
        pid = self.pid()
        if pid is None:
            return
        server = psutil.Process(pid)
        server.send_signal(self.stop_signal)
        if not _ends(server, SECONDS_TO_STOP):
            server.kill()
            _ends(server, SECONDS_TO_STOP)

    def _spawn(self, dies_with_starter: bool) -> "subprocess.Popen[bytes]":
        user = self.user()
        with _open_log(self.log) as log:
            return subprocess.Popen(  # noqa: S603  (our own command)
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.pid_file.parent,
                env=server_environment(),
                start_new_session=True,  # Ctrl-C in the terminal is for the supervisor alone
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
                preexec_fn=die_with_parent(self.stop_signal) if dies_with_starter else None,
            )

    def _wait_until_it_answers(self) -> bool:
        end = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < end:
            if self.pid() and self.answers():
                return True
            if self._process is not None and self._process.poll() is not None:
                return False
            time.sleep(0.02)
        return False

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])


def server_environment() -> dict[str, str]:
    """The environment of a server: no locale that this machine may lack, no setting meant for another."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def die_with_parent(sign: signal.Signals) -> Callable[[], None] | None:
    """Return what a child runs first, so that it gets `sign` when its parent dies; Linux only."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, int(sign))


def _ends(process: psutil.Process, seconds: float) -> bool:
    try:
        process.wait(seconds)
    except psutil.TimeoutExpired:
        return False
    return True


def _open_log(path: Path) -> IO[bytes]:
    if path.exists() and path.stat().st_size > LARGEST_LOG:
        path.replace(path.with_suffix(".log.old"))
    return path.open("ab")
