"""T1: clerks at the same moment, over HTTP against the real server: each scarce thing goes to one of them.

2, 8 and 16 contenders in turn; ROUNDS in the environment says how many races, 200 unless set.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle
from typing import IO, Any

from django.db import connection

from config.models import ApiToken, Clinic, OpeningHours, User
from rentals.ledger import balance
from rentals.models import Holding, Rental
from tests import make
from tests.rentals.never import broken
from tests.running import CHECKOUT, environment_on_this_database, eventually, free_port
from tests.threads import all_at_once

CONTENDERS = (2, 8, 16)
DAY = timedelta(days=1)
HANDED_OVER = {"counter": 0, "parts": [], "delivery": {"method": "desk"}}
RETURNED = {"counter": 0, "parts": [], "notes": ""}
INSPECTED: dict[str, Any] = {"passed": True, "checks": {}, "fees": []}
REFUND = {"kind": "refund", "amount": "180.00", "method": "card"}


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    seconds: float

    @property
    def outcome(self) -> str:
        return "won" if self.status < 300 else self.body["errors"][0]["code"]


@dataclass
class Desk:
    """A clinic, its manager, and the server to ask."""

    root: str
    key: str
    clinic: Clinic
    actor: User
    answers: list[Answer] = field(default_factory=list)

    def ask(self, path: str, body: dict[str, Any]) -> Answer:
        headers = {"Authorization": f"Token {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.root + path, json.dumps(body).encode(), headers)
        started = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        return Answer(status, json.loads(content), time.monotonic() - started)

    def race(self, requests: list[tuple[str, dict[str, Any]]]) -> Counter[str]:
        """Send all at once; how often each outcome was given."""
        answers = all_at_once([partial(self.ask, path, body) for path, body in requests])
        self.answers += answers
        assert all(answer.status in {200, 201, 409} for answer in answers), answers
        return Counter(answer.outcome for answer in answers)

    def rental(self, state: str, **wishes: Any) -> Rental:
        now = datetime.now(UTC) - timedelta(hours=1)
        return make.rental(state, self.clinic, actor=self.actor, at=now, ended=now + timedelta(minutes=30), **wishes)

    def booking(self, number: int, **wishes: Any) -> tuple[str, dict[str, Any]]:
        """A booking for somebody new; `number` sets its days apart from the others."""
        first = self.clinic.day_of(datetime.now(UTC)) + number * 40 * DAY
        body = {
            "patient": make.patient(self.clinic, actor=self.actor, at=datetime.now(UTC)).pk,
            "clinic": self.clinic.pk,
            "starts_on": str(first),
            "due_on": str(first + 28 * DAY),
            "prescribed_per_day": 1,
            "indication": make.indication(),
            "screening": make.screening(),
        }
        return "/rentals/", body | wishes


def drill() -> dict[str, str]:
    rounds = int(os.environ.get("ROUNDS", "200"))
    deadlocks = deadlocks_so_far()
    with open_desk() as desk:
        names = Counter[str]()
        for race, contenders in zip(cycle(RACES), cycle(CONTENDERS), strict=False):
            if names.total() == rounds:
                break
            RACES[race](desk, contenders)
            names[race] += 1
    return figures(desk, names, deadlocks_so_far() - deadlocks)


def last_device(desk: Desk, contenders: int) -> None:
    device = make.device(desk.clinic)
    wishes = {"device": device.pk, "planned_treatments": 28}
    outcomes = desk.race([desk.booking(0, **wishes) for _ in range(contenders)])
    assert outcomes == Counter(won=1, device_unavailable=contenders - 1), outcomes
    assert device.holdings.filter(live=True).count() == 1


def last_treatments(desk: Desk, contenders: int) -> None:
    device = make.device(desk.clinic, nominal=100)
    wishes = {"device": device.pk, "planned_treatments": 51}
    outcomes = desk.race([desk.booking(number, **wishes) for number in range(contenders)])
    assert outcomes == Counter(won=1, capacity_exceeded=contenders - 1), outcomes
    assert make.capacity_of(device).free_treatments == 49


def return_against_extension(desk: Desk, contenders: int) -> None:
    rental = desk.rental("active")
    path, later = f"/rentals/{rental.reference}", {"due_on": str(rental.due_on + 7 * DAY)}
    requests = [(f"{path}/return/", RETURNED), (f"{path}/extend/", later)] * (contenders // 2)
    outcomes = desk.race(requests)
    assert set(outcomes) <= {"won", "wrong_state"}, outcomes
    assert rental.moves.filter(verb="take_back").count() == 1
    assert rental.moves.filter(verb="extend").count() == outcomes["won"] - 1


def hand_over_against_cancellation(desk: Desk, contenders: int) -> None:
    rental = make.prepare(desk.rental("reserved"), actor=desk.actor, at=datetime.now(UTC))
    path = f"/rentals/{rental.reference}"
    requests = [(f"{path}/hand-over/", HANDED_OVER), (f"{path}/cancel/", {"reason": "Ill"})] * (contenders // 2)
    outcomes = desk.race(requests)
    assert outcomes == Counter(won=1, wrong_state=contenders - 1), outcomes


def hand_over_against_recall(desk: Desk, contenders: int) -> None:
    rental = make.prepare(desk.rental("reserved"), actor=desk.actor, at=datetime.now(UTC))
    device = rental.holdings.get().device
    notice = {"part_number": device.model.part_number, "serials": [device.serial], "reason": "Heat"}
    hand_overs = [(f"/rentals/{rental.reference}/hand-over/", HANDED_OVER)] * (contenders - 1)
    outcomes = desk.race([("/recalls/", notice), *hand_overs])
    assert set(outcomes) <= {"won", "wrong_state", "device_not_ready"}, outcomes
    handed_over = outcomes["won"] - 1
    assert Holding.objects.filter(rental=rental, device=device, out__isnull=False).count() == handed_over <= 1


def inspections(desk: Desk, contenders: int) -> None:
    rental = desk.rental("returned")
    outcomes = desk.race([(f"/rentals/{rental.reference}/inspect/", INSPECTED)] * contenders)
    assert outcomes == Counter(won=1, wrong_state=contenders - 1), outcomes
    assert rental.ledger.filter(kind="refund_due").count() == 1


def refunds(desk: Desk, contenders: int) -> None:
    rental = desk.rental("closed")
    outcomes = desk.race([(f"/rentals/{rental.reference}/payments/", REFUND)] * contenders)
    assert outcomes == Counter(won=1, too_much=contenders - 1), outcomes
    assert balance(rental) == 0


RACES: dict[str, Callable[[Desk, int], None]] = {
    race.__name__: race
    for race in (
        last_device,
        last_treatments,
        return_against_extension,
        hand_over_against_cancellation,
        hand_over_against_recall,
        inspections,
        refunds,
    )
}


@contextmanager
def open_desk() -> Iterator[Desk]:
    """A clinic open every day, and the real web server on this database."""
    clinic, actor, port = make.clinic(), make.manager(), free_port()
    OpeningHours.objects.create(clinic=clinic, weekday=6)
    key = ApiToken.objects.issue(actor, datetime.now(UTC))
    with tempfile.TemporaryFile() as said, server(port, said):
        yield Desk(f"http://127.0.0.1:{port}/api/v1", key, clinic, actor)


@contextmanager
def server(port: int, said: IO[bytes]) -> Iterator[None]:
    command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "-b", f"127.0.0.1:{port}"]
    web = subprocess.Popen(command, cwd=CHECKOUT, env=environment_on_this_database(), stdout=said, stderr=said)
    try:
        assert eventually(lambda: is_alive(port), 30), "the server does not start"
        yield
        assert web.poll() is None, "the server ended"
    finally:
        web.terminate()
        web.wait(20)


def is_alive(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def deadlocks_so_far() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


def figures(desk: Desk, races: Counter[str], deadlocks: int) -> dict[str, str]:
    acknowledged = [
        answer.body["reference"] for answer in desk.answers if answer.status == 201 and "state" in answer.body
    ]
    lost = set(acknowledged) - set(Rental.objects.values_list("reference", flat=True))
    failed = [answer for answer in desk.answers if answer.status >= 500]
    assert not broken(), broken()
    assert not lost, lost
    assert not failed, failed
    assert deadlocks == 0
    seconds = sorted(answer.seconds for answer in desk.answers)
    return {
        **{f"races: {race.replace('_', ' ')}": str(count) for race, count in races.items()},
        "races": str(races.total()),
        "requests": str(len(desk.answers)),
        "given twice": "0",
        "acknowledged but lost": str(len(lost)),
        "answers 5xx": str(len(failed)),
        "deadlocks": str(deadlocks),
        "p50 of an answer (ms)": f"{seconds[len(seconds) // 2] * 1000:.0f}",
        "p99 of an answer (ms)": f"{seconds[len(seconds) * 99 // 100] * 1000:.0f}",
    }
