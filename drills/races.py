"""T1: clerks at the same moment, over HTTP against the real server: each scarce thing goes to one of them.

2, 8 and 16 contenders; ROUNDS in the environment says how many races, 10,000 unless set. The last of it is the
negative control: the same races against a server without the lock and a database without the constraint, where
devices must be given twice.
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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import cycle
from typing import IO, Any

from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Count

from config.models import ApiToken, Clinic, OpeningHours, User
from devices.models import Device
from drills.contests import QUICK, SLOW, Race
from rentals.models import Holding, Rental
from tests import make
from tests.rentals.never import broken
from tests.running import CHECKOUT, environment_on_this_database, eventually, free_port
from tests.threads import all_at_once

# Of eleven races nine are a pair, the commonest at a desk, one is eight clerks and one is sixteen.
CONTENDERS = (2, 2, 8, 2, 2, 2, 16, 2, 2, 2, 2)
UNGUARDED_RACES = 40
LANES = 4  # races beside each other, so that the server is never idle
MORE_THAN_ENOUGH = 1_000_000  # treatments, where only days are scarce
DAY = timedelta(days=1)
Request = tuple[str, dict[str, Any]] | Callable[[], object]


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
    actor: User
    clinic: Clinic = field(init=False)
    device: Device = field(init=False)
    other: Device = field(init=False)
    patients: list[int] = field(init=False)
    days_used: int = field(init=False)
    answers: list[Answer] = field(default_factory=list)

    @classmethod
    def at(cls, root: str) -> "Desk":
        """A manager of its own, with a key to the API at `root`."""
        actor = make.manager()
        return cls(root, ApiToken.objects.issue(actor, datetime.now(UTC)), actor)

    def move_in(self, *, devices: int = 0) -> None:
        """Go on in a new clinic, open every day, where nothing is left from earlier races."""
        self.clinic, self.patients, self.days_used = make.clinic(), [], 0
        OpeningHours.objects.create(clinic=self.clinic, weekday=6)
        self.actor.clinics.set([self.clinic])  # what would fit is looked for at all sites that one may see
        if devices:
            self.device, self.other = (make.device(self.clinic, nominal=MORE_THAN_ENOUGH) for _ in range(devices))

    @property
    def today(self) -> date:
        return self.clinic.day_of(datetime.now(UTC))

    def next_days(self) -> date:
        """The first of four weeks that no race has asked for in this clinic."""
        self.days_used += 1
        return self.today + self.days_used * 40 * DAY

    def holders(self, device: Device, first: date) -> int:
        """How many rentals have `device` on some of the four weeks from `first`."""
        weeks = DateRange(first, first + 28 * DAY)
        return Holding.objects.filter(device=device, live=True, blocked__overlap=weeks).count()

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

    def race(self, requests: Sequence[Request]) -> Counter[str]:
        """Send all at once, and do at once what is no request; how often each outcome was given."""
        done = all_at_once([request if callable(request) else partial(self.ask, *request) for request in requests])
        answers = [answer for answer in done if isinstance(answer, Answer)]
        self.answers += answers
        assert all(answer.status in {200, 201, 409} for answer in answers), answers
        return Counter(answer.outcome for answer in answers)

    def rental(self, state: str, **wishes: Any) -> Rental:
        now = datetime.now(UTC) - timedelta(hours=1)
        return make.rental(state, self.clinic, actor=self.actor, at=now, ended=now + timedelta(minutes=30), **wishes)

    def booking(self, first: date, **wishes: Any) -> tuple[str, dict[str, Any]]:
        """A booking of four weeks from `first`, each in a race for another patient."""
        body = {
            "patient": self.next_patient(),
            "clinic": self.clinic.pk,
            "starts_on": str(first),
            "due_on": str(first + 28 * DAY),
            "planned_treatments": 28,
            "prescribed_per_day": 1,
            "indication": make.indication(),
            "screening": make.screening(),
        }
        return "/rentals/", body | wishes

    def next_patient(self) -> int:
        """One after the other, as many as ever contend."""
        if len(self.patients) < max(CONTENDERS):
            patient = make.patient(self.clinic, actor=self.actor, at=datetime.now(UTC))
            self.patients.append(patient.pk)
            return patient.pk
        self.patients.append(self.patients.pop(0))
        return self.patients[-1]

    def booked(self, first: date, **wishes: Any) -> str:
        """The address of a rental booked for four weeks from `first`."""
        answer = self.ask(*self.booking(first, **wishes))
        assert answer.status == 201, answer
        return f"/rentals/{answer.body['reference']}/"


def drill() -> dict[str, str]:
    rounds = int(os.environ.get("ROUNDS", "10000"))
    deadlocks = deadlocks_so_far()
    with served() as root, ThreadPoolExecutor(LANES) as pool:
        lanes = [pool.submit(race_on, root, rounds // LANES) for _ in range(LANES)]
        raced = [lane.result() for lane in lanes]
    names = sum((races for races, _ in raced), Counter[str]())
    answers = [answer for _, given in raced for answer in given]
    found = figures(answers, names, deadlocks_so_far() - deadlocks)
    return found | {"control without lock and constraint: given twice": str(given_twice_unguarded())}


def race_on(root: str, rounds: int) -> tuple[Counter[str], list[Answer]]:
    """One lane of races, one after the other, beside the other lanes: how often each was run, and all answers."""
    desk, names = Desk.at(root), Counter[str]()
    sizes, slow = cycle(CONTENDERS), cycle(SLOW)
    try:
        while names.total() < rounds:
            desk.move_in()
            run(next(slow), desk, next(sizes), names)
            desk.move_in(devices=2)
            for race in QUICK * 2:
                run(race, desk, next(sizes), names)
    finally:
        connection.close()
    return names, desk.answers


def run(race: Race, desk: Desk, contenders: int, names: Counter[str]) -> None:
    race(desk, contenders)
    names[race.__name__] += 1
    if names.total() % 250 == 0:
        print(f"  {names.total()} races in one of {LANES} lanes", flush=True)


def given_twice_unguarded() -> int:
    """How many of UNGUARDED_RACES devices two clerks got for one day when nothing guards them; some must be."""
    (constraint,) = [one for one in Holding._meta.constraints if one.name == "holding_blocks_device_once"]
    with connection.schema_editor() as editor:
        editor.remove_constraint(Holding, constraint)
    with served("drills._unguarded:application") as root:
        desk = Desk.at(root)
        desk.move_in()
        devices = [make.device(desk.clinic) for _ in range(UNGUARDED_RACES)]
        for device in devices:
            desk.race([desk.booking(desk.today, device=device.pk) for _ in range(8)])
    twice = Holding.objects.filter(device__in=devices, live=True).values("device").annotate(holders=Count("pk"))
    found = twice.filter(holders__gt=1).count()
    assert found, "nothing was given twice although nothing guarded it: the races are not real"
    Holding.objects.filter(device__in=devices).delete()
    with connection.schema_editor() as editor:
        editor.add_constraint(Holding, constraint)
    return found


@contextmanager
def served(application: str = "config.wsgi") -> Iterator[str]:
    """The root of the API of a real web server that serves `application` on this database."""
    port = free_port()
    with tempfile.TemporaryFile() as said, server(application, port, said):
        yield f"http://127.0.0.1:{port}/api/v1"


@contextmanager
def server(application: str, port: int, said: IO[bytes]) -> Iterator[None]:
    command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "-b", f"127.0.0.1:{port}", application]
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


def figures(answers: list[Answer], races: Counter[str], deadlocks: int) -> dict[str, str]:
    acknowledged = [answer.body["reference"] for answer in answers if answer.status == 201 and "state" in answer.body]
    lost = set(acknowledged) - set(Rental.objects.values_list("reference", flat=True))
    failed = [answer for answer in answers if answer.status >= 500]
    assert not broken(), broken()
    assert not lost, lost
    assert not failed, failed
    assert deadlocks == 0
    refused = Counter(answer.outcome for answer in answers)
    seconds = sorted(answer.seconds for answer in answers)
    return {
        **{f"races: {race.replace('_', ' ')}": str(count) for race, count in races.items()},
        "races": str(races.total()),
        "requests": str(len(answers)),
        "won": str(refused["won"]),
        "told to try again (busy)": str(refused["busy"]),
        "given twice": "0",
        "acknowledged but lost": str(len(lost)),
        "answers 5xx": str(len(failed)),
        "deadlocks": str(deadlocks),
        "p50 of an answer (ms)": f"{seconds[len(seconds) // 2] * 1000:.0f}",
        "p99 of an answer (ms)": f"{seconds[len(seconds) * 99 // 100] * 1000:.0f}",
    }
