"""20,000 reminders due at once: planned, and sent by two worker processes to a mail server on loopback.

Planning stands against plain SQL that inserts as many messages and reminders; sending against two processes of plain
smtplib that hand the same server the same mail as often, over one connection each. REMINDERS says how many, 20,000
unless set. Fails when planning takes longer than 20 s, or when one is lost or sent twice.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import redis
from django.conf import settings
from django.db import connection, transaction
from django.test import override_settings

from bench import Measurement
from drills.kills import clinic_that_never_sleeps, make_overdue, running_worker
from rentals import tasks
from rentals.models import Message, Reminder
from rentals.reminders import outbox, plan
from tests.running import CHECKOUT

WORKERS = 2
SECONDS_TO_PLAN = 20
SECONDS_TO_SEND = 3600
SECONDS_BETWEEN_SWEEPS = 30
INSERT = [
    """INSERT INTO rentals_message (patient_id, recipient, channel, state, created_at, next_attempt_at, attempts, why,
           mail_key, subject, text, html, provider_id, decision)
       SELECT patient_id, 'patient', 'email', 'queued', %(at)s, %(at)s, 0, '', gen_random_uuid(), '', '', '', '', ''
       FROM rentals_rental""",
    """INSERT INTO rentals_reminder (rental_id, kind, occasion, recipient, channel, due_at, void, why, message_id)
       SELECT r.id, 'overdue', 'bench', 'patient', 'email', %(at)s, false, '', min(m.id)
       FROM rentals_rental r JOIN rentals_message m ON m.patient_id = r.patient_id GROUP BY r.id""",
]


def measure() -> Iterator[Measurement]:
    number = int(os.environ.get("REMINDERS", "20000"))
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    make_overdue(clinic_that_never_sleeps(), number)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    yardstick = seconds_of_plain_inserts()
    started = time.perf_counter()
    planned = plan.plan_reminders(datetime.now(UTC))
    seconds = time.perf_counter() - started
    assert len(planned.messages) == number, planned
    assert seconds < SECONDS_TO_PLAN, f"planning took {seconds:.1f} s"
    yield Measurement(f"plan {number} reminders", seconds, "plain SQL that inserts as many rows", yardstick)
    with mail_sink() as ours:
        sending = seconds_to_send(ours["port"])
    check(ours)
    with mail_sink() as raw:
        plain = seconds_of_smtplib(raw["port"], number, ours["sample"].encode("latin-1"))
    yield Measurement(f"send {number} mails, {WORKERS} workers", sending, f"smtplib in {WORKERS} processes", plain)


def seconds_of_plain_inserts() -> float:
    started = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in INSERT:
            cursor.execute(statement, {"at": datetime.now(UTC)})
        transaction.set_rollback(True)
    return time.perf_counter() - started


def seconds_to_send(port: int) -> float:
    """Poke, and poke again for what still waits as the sweep does, until all have left."""
    waiting = Message.objects.filter(state__in=[*Message.TO_SEND, Message.State.SENDING])
    started = time.perf_counter()
    with running_worker(port), override_settings(EMAIL_PER_MINUTE=1_000_000):
        while waiting.exists() and time.perf_counter() - started < SECONDS_TO_SEND:
            tasks.poke(outbox.due_messages(datetime.now(UTC)))
            wait_for(lambda: not waiting.exists(), SECONDS_BETWEEN_SWEEPS)
        return time.perf_counter() - started


def wait_for(happens: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not happens() and time.monotonic() < end:
        time.sleep(0.5)


def check(sink: dict[str, Any]) -> None:
    """What the rows say against what the server took."""
    messages = {message.message_id: message.state for message in Message.objects.all()}
    lost = [name for name in messages if not sink["taken"].get(name)]
    doubled = [name for name, count in sink["taken"].items() if count > 1]
    assert not lost, f"{len(lost)} lost"
    assert not doubled, f"{len(doubled)} sent twice"
    assert set(messages.values()) == {"sent"}, set(messages.values())
    assert not Reminder.objects.filter(void=False, message=None).exists()


@contextmanager
def mail_sink() -> Iterator[dict[str, Any]]:
    """A mail server in a process of its own: its `port`, and after the block what it has `taken` and a `sample`."""
    command = [sys.executable, "-m", "bench._mail_sink"]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    found: dict[str, Any] = {"port": int(process.stdout.readline())}
    try:
        yield found
        process.stdin.close()
        found.update(json.loads(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


def seconds_of_smtplib(port: int, number: int, mail: bytes) -> float:
    command = [sys.executable, "-m", "bench._raw_senders", str(port), str(number // WORKERS)]
    started = time.perf_counter()
    senders = [subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE) for _ in range(WORKERS)]
    for sender in senders:
        assert sender.stdin
        sender.stdin.write(mail)
        sender.stdin.close()
    assert [sender.wait() for sender in senders] == [0] * WORKERS
    return time.perf_counter() - started
