"""T9: two schedulers at once, each a process of its own that plans and sends the same, again and again.

ROUNDS of them, 20 unless set, with a hundred reminders due in each.
"""

import os
import subprocess
import sys

from drills.kills import clinic_that_never_sleeps, figures, mail_to, make_overdue
from tests.running import CHECKOUT, environment_on_this_database
from tests.sink import Sink

DUE = 100


def drill() -> dict[str, str]:
    return run_twice(int(os.environ.get("ROUNDS", "20")), DUE)


def run_twice(rounds: int, due: int) -> dict[str, str]:
    """In each round so many reminders fall due and two processes plan and send them at once."""
    desk = clinic_that_never_sleeps()
    with Sink() as sink:
        environment = {**environment_on_this_database(), **mail_to(sink.port)}
        for _ in range(rounds):
            make_overdue(desk, due)
            command = [sys.executable, "manage.py", "remind"]
            both = [subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE) for _ in "ab"]
            said = [scheduler.communicate(timeout=300)[0] for scheduler in both]
            assert [scheduler.returncode for scheduler in both] == [0, 0], said
        found = figures(sink)
    assert found["sent"] == str(rounds * due), found
    return {"rounds with two schedulers": str(rounds), **found}
