"""T5: the worker, or one of its children, killed at random moments while reminders go out by SMTP.

The number of kills is the environment's KILLS, 500 unless set.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from datetime import time as clock

import psutil
import redis
from django.conf import settings

from config.models import Clinic
from patients.models import Patient
from rentals import tasks
from rentals.booking.book import new_reference
from rentals.models import Message, Reminder, Rental
from rentals.models.states import State
from rentals.reminders import outbox, plan
from tests import make
from tests.running import CHECKOUT, environment_on_this_database, eventually
from tests.sink import Sink

CELERY = [sys.executable, "-m", "celery", "--quiet", "-A", "config.celery"]
ALONE = ["--without-mingle", "--without-gossip", "--without-heartbeat"]
WORKER = [*CELERY, "worker", "--concurrency", "2", *ALONE, "--loglevel", "critical"]
CHILDREN_A_WORKER = 4
ENOUGH_TO_DO, MORE_TO_DO = 150, 200  # messages
SINK_SECONDS = 0.02


def drill() -> dict[str, str]:
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    found = kill_senders(int(os.environ.get("KILLS", "500")))
    return {**found, "two senders with the claim taken away: duplicated": str(doubled_without_claim(MORE_TO_DO))}


def kill_senders(kills: int) -> dict[str, str]:
    """Kill so many times, each fifth time the whole worker; every reminder must have arrived once, or be unknown."""
    desk = clinic_that_never_sleeps()
    workers = kills // (CHILDREN_A_WORKER + 1)
    with Sink(delay=SINK_SECONDS) as sink:
        for _ in range(workers):
            kill_children_and_worker(desk, sink)
        drain(sink)
        killed = f"{workers * CHILDREN_A_WORKER} and {workers}"
        return {"kills of children and of whole workers": killed, **figures(sink)}


def doubled_without_claim(count: int) -> int:
    """The negative control: two processes send the same messages and claim none; so many arrive twice, at least one."""
    with Sink(delay=SINK_SECONDS) as sink:
        make_overdue(clinic_that_never_sleeps(), count)
        plan.plan_reminders(datetime.now(UTC))
        environment = {**environment_on_this_database(), **mail_to(sink.port)}
        command = [sys.executable, "-m", "drills._unclaimed"]
        senders = [subprocess.Popen(command, cwd=CHECKOUT, env=environment) for _ in range(2)]
        assert [sender.wait(120) for sender in senders] == [0, 0]
        doubled = sum(number > 1 for number in sink.message_ids.values())
    assert doubled, "without the claim nothing was sent twice: the drill cannot see what it looks for"
    return doubled


def clinic_that_never_sleeps() -> Clinic:
    """A clinic whose reminders leave at any hour of any day."""
    clinic = make.clinic(at=datetime.now(UTC))
    Clinic.objects.filter(pk=clinic.pk).update(
        reminders_from=clock.min, reminders_until=clock.max, quiet_when_closed=False
    )
    clinic.refresh_from_db()
    return clinic


def kill_children_and_worker(desk: Clinic, sink: Sink) -> None:
    """Start a worker; kill some of its children and then all of it, each at a random moment while it sends."""
    give_work(desk)
    with running_worker(sink.port) as worker:
        for _ in range(CHILDREN_A_WORKER):
            wait_until_it_sends(sink)  # after a kill the other child goes on, and a new one takes its place
            time.sleep(random.uniform(0, 0.3))
            kill_a_child(worker.pid)
        wait_until_it_sends(sink)
        time.sleep(random.uniform(0, 0.3))
        os.killpg(worker.pid, signal.SIGKILL)


def kill_a_child(worker: int) -> None:
    """Kill one of the worker's children; where both were just killed it has none for a moment."""
    parent = psutil.Process(worker)
    assert eventually(lambda: bool(parent.children()), 30), "the worker replaces no child"
    random.choice(parent.children()).kill()


def give_work(desk: Clinic) -> None:
    """Have enough messages waiting, and poke for all of them as the sweep does."""
    now = datetime.now(UTC)
    if len(outbox.due_messages(now)) < ENOUGH_TO_DO:
        make_overdue(desk, MORE_TO_DO)
        plan.plan_reminders(now)
    tasks.poke(outbox.due_messages(now))


def make_overdue(clinic: Clinic, count: int) -> None:
    """Active rentals of as many patients, one day overdue; written in bulk, for a booking takes its time."""
    now = datetime.now(UTC)
    today, booked = clinic.day_of(now), now - timedelta(days=20)
    patients = Patient.objects.bulk_create(
        Patient(
            clinic=clinic,
            given_name="Ada",
            family_name="Drill",
            date_of_birth="1990-05-17",
            email=f"{new_reference().lower()}@patients.example",
            created_at=booked,
        )
        for _ in range(count)
    )
    rentals = Rental.objects.bulk_create(
        Rental(
            reference=new_reference(),
            clinic=clinic,
            patient=patient,
            terms=clinic.current_terms,
            starts_on=today - timedelta(days=15),
            due_on=today - timedelta(days=1),
            planned_treatments=14,
            created_at=booked,
        )
        for patient in patients
    )
    Rental.objects.filter(pk__in=[rental.pk for rental in rentals]).update(state=State.ACTIVE, handed_over_at=booked)


@contextmanager
def running_worker(port: int) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {**environment_on_this_database(), **mail_to(port)}
    worker = subprocess.Popen(WORKER, cwd=CHECKOUT, env=environment, start_new_session=True)
    try:
        yield worker
    finally:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def mail_to(port: int) -> dict[str, str]:
    """The environment with which a process sends its mail to the server at `port`, at any rate."""
    return {"EMAIL_URL": f"smtp://127.0.0.1:{port}", "EMAIL_PER_MINUTE": "1000000", "PYTHONWARNINGS": "ignore"}


def wait_until_it_sends(sink: Sink) -> None:
    before = len(sink.mails)
    assert eventually(lambda: len(sink.mails) > before, 60), "the worker sends nothing"


def drain(sink: Sink) -> None:
    """Let a worker finish what waits, and the sweep find what was left, its lease over."""
    with running_worker(sink.port):
        tasks.poke(outbox.due_messages(datetime.now(UTC)))
        assert eventually(lambda: not Message.objects.filter(state__in=Message.TO_SEND).exists(), 120)
        time.sleep(10 * SINK_SECONDS)  # the last ones in hand
    outbox.sweep(datetime.now(UTC) + outbox.LEASE)


def figures(sink: Sink) -> dict[str, str]:
    """What the rows say against what the sink took; fails when one was lost, doubled or hidden."""
    arrived = sink.message_ids
    messages = list(Message.objects.all())
    states = Counter(message.state for message in messages)
    unknown = [message for message in messages if message.state == Message.State.UNKNOWN]
    lost = [m.pk for m in messages if m.state != "unknown" and (m.state != "sent" or not arrived[m.message_id])]
    doubled = [name for name, count in (arrived + Counter(sink.recipients)).items() if count > 1]
    reminders = list(Reminder.objects.exclude(message=None).select_related("message"))
    shown = {reminder.message_id for reminder in reminders if reminder.state_shown == "unknown"}
    assert not lost, f"lost: {lost}"
    assert not doubled, f"doubled: {doubled}"
    assert {reminder.message_id for reminder in reminders} == {message.pk for message in messages}
    assert shown == {message.pk for message in unknown}
    assert set(arrived) <= {message.message_id for message in messages}
    return {
        "reminders due": str(len(reminders)),
        "messages": str(len(messages)),
        "sent": str(states["sent"]),
        "lost": str(len(lost)),
        "duplicated": str(len(doubled)),
        "unknown, all of them shown": str(len(unknown)),
        "of these had arrived": str(sum(arrived[message.message_id] for message in unknown)),
    }
