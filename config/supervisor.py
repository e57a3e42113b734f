"""Keeps a few processes running: prefixes what they say, starts again what dies, stops all of it in time."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO

from config.embedded.server import die_with_parent

SECONDS_TO_STOP = 7.0
SECONDS_OF_HEALTH = 60.0  # a child that lived this long is started again without a pause
SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
TICK = 0.5

Say = Callable[[str, str], None]


def say(name: str, line: str) -> None:
    """Print one line under its speaker's name; a reader that went away is no reason to stop."""
    with suppress(OSError):
        print(f"{name:>9} | {line}", flush=True)


class Child:
    """One process to keep running. It leads a process group of its own, so that nothing of it can stay behind."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], tell: Say = say) -> None:
        self.name = name
        self.command = command
        self.environment = environment
        self.tell = tell
        self.process: subprocess.Popen[str] | None = None
        self._started = 0.0
        self._pause = 0.0

    def keep(self) -> None:
        """Start the process when it does not run, after a pause that grows while it keeps dying."""
        if self.process is None:
            self.start()
        elif self.process.poll() is not None and time.monotonic() >= self._started + self._next_pause():
            self._pause = self._next_pause()
            self.tell(self.name, f"ended with {self.process.returncode}; starting it again")
            self.end_group()
            self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603  (our own command)
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),  # one system call, nothing more
        )
        self._started = time.monotonic()
        threading.Thread(target=self._repeat, args=[self.process.stdout], daemon=True).start()

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def end_group(self) -> None:
        """Kill whatever is left of the process and of those it started."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _next_pause(self) -> float:
        if time.monotonic() - self._started > SECONDS_OF_HEALTH:
            return 0.0
        return min(max(self._pause * 2, SHORTEST_PAUSE), LONGEST_PAUSE)

    def _repeat(self, output: IO[str]) -> None:
        for line in output:
            self.tell(self.name, line.rstrip())


class Supervisor:
    """Runs until SIGINT or SIGTERM. `tick` is called twice a second, between looks at the children."""

    def __init__(self, children: Sequence[Child], tick: Callable[[], None]) -> None:
        self.children = children
        self.tick = tick
        self.stopping = threading.Event()

    def run(self) -> None:
        try:
            while not self.stopping.wait(TICK):
                for child in self.children:
                    child.keep()
                self.tick()
        finally:
            self.stop()

    def stop(self) -> None:
        """Ask all to end, wait a little, then end what is left."""
        for child in self.children:
            child.ask_to_stop()
        end = time.monotonic() + SECONDS_TO_STOP
        for child in self.children:
            with suppress(subprocess.TimeoutExpired):
                if child.process is not None:
                    child.process.wait(max(0.0, end - time.monotonic()))
            child.end_group()


def children_of_the_desk(port: int, *, demo: bool) -> list[Child]:
    """Return web, worker and scheduler as `make run` runs them; told when this is the demo, which pages say."""
    python = sys.executable
    ours = {"CALLUS_DEMO": str(int(demo)), "CALLUS_PORT": str(port)}
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "REMAP_SIGTERM": "SIGQUIT", **ours}
    celery = [python, "-m", "celery", "-A", "config.celery"]
    alone = ["--without-mingle", "--without-gossip", "--without-heartbeat"]  # no talk between workers
    return [
        Child("web", [python, "-m", "gunicorn", "-c", "config/gunicorn.py", "-b", f"127.0.0.1:{port}"], environment),
        Child("worker", [*celery, "worker", "--concurrency", "2", *alone], environment),
        Child("scheduler", [*celery, "beat", "--pidfile="], environment),
    ]
