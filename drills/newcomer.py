"""Somebody new: `manage.py run` from an empty folder, each login tried, stopped by Ctrl-C, started again with its data.

What `make run` does once its environment is installed.
"""

import re
import signal
import tempfile
import time
from pathlib import Path

from drills.person import Person
from tests.running import Run, free_port, gone, servers_in

ROLES = {"reception", "clinician", "manager", "auditor"}
SECONDS_TO_START = 1800  # the demo clinic lives through months first
LOGIN = re.compile(r"Login: (\w+) (\S+)")
ADDRESS = re.compile(r"Callus is ready: (http://localhost:\d+)")


def drill() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "var"
        for _ in servers_in(state):
            first, second = run_once(state), run_once(state)
    assert first["logins"] == second["logins"], "other logins after the second start"
    assert first["references"] == second["references"] != "", "other data after the second start"
    return {
        "from nothing to ready, s": first["seconds"],
        "logins that work, each at Today": f"{len(ROLES)} of {len(ROLES)}",
        "started again with its data, s": second["seconds"],
        "stopped by Ctrl-C, s": f"{first['stopped']} and {second['stopped']}; processes left 0 and 0",
    }


def run_once(state: Path) -> dict[str, str]:
    """Start the desk, try each login that it prints, look at its rentals, and stop it by Ctrl-C."""
    started = time.monotonic()
    run = Run(state, free_port(), DEMO="1")
    try:
        run.until_ready(SECONDS_TO_START)
        seconds = time.monotonic() - started
        time.sleep(1)  # what it prints after the address
        logins, address = dict(LOGIN.findall(run.text)), ADDRESS.search(run.text)
        assert address, run.text
        assert set(logins) == ROLES, run.text
        for username, password in logins.items():
            Person(address[1]).sign_in(username, password)
        references = rentals_seen(address[1], logins["manager"])
        family = run.family()
        stopped = run.stop(signal.SIGINT)
    finally:
        if run.process.poll() is None:
            run.stop(signal.SIGTERM)
    assert run.process.returncode == 0, run.text
    assert gone(family), [process for process in family if not gone([process])]
    return {
        "seconds": f"{seconds:.0f}",
        "logins": str(sorted(logins.items())),
        "references": references,
        "stopped": f"{stopped:.1f}",
    }


def rentals_seen(address: str, password: str) -> str:
    """The references on the manager's first page of rentals."""
    manager = Person(address)
    manager.sign_in("manager", password)
    assert manager.see("/rentals/") == 200
    return " ".join(sorted(set(re.findall(r"/rentals/([A-Z0-9-]+)/", manager.page))))
