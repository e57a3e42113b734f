"""T6: the queue's server killed, flushed, full and away for a minute while reminders go out, with worker and scheduler.

The number of rounds of each kind is the environment's ROUNDS, 5 unless set; SECONDS_AWAY how long it is away, 60
unless set. A Valkey of the drill's own is hurt; PostgreSQL is left alone. What is lost is found by the sweep: where the
queue is away it comes each minute, as a desk's does; else a scheduler in a hurry sweeps each five seconds, or most of
the drill would be waiting for it.
"""

import itertools
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
import redis
from django.conf import settings
from django.test import override_settings
from kombu import Connection
from kombu.exceptions import OperationalError

from config.celery import app
from config.embedded.layout import layout
from config.embedded.servers import Servers
from config.environment import broker
from config.supervisor import Child
from drills.kills import CELERY, SINK_SECONDS, WORKER, clinic_that_never_sleeps, figures, mail_to, make_overdue
from rentals import tasks
from rentals.models import Message
from rentals.reminders import outbox, plan
from tests.running import environment_on_this_database, eventually
from tests.sink import Sink

MESSAGES = 40
BEATS = ([*CELERY[:-1], "drills._hurried"], CELERY)
SECONDS_TO_WORK_AGAIN = 150  # a sweep comes each minute, and a worker waits before it tries its connection again


def drill() -> dict[str, str]:
    rounds, away = int(os.environ.get("ROUNDS", "5")), float(os.environ.get("SECONDS_AWAY", "60"))
    return hurt_the_queue(dict.fromkeys(HURTS, rounds) | {"away": max(rounds // 5, 1)}, away)


def hurt_the_queue(rounds: dict[str, int], seconds_away: float, *, with_beat: bool = True) -> dict[str, str]:
    """Hurt the queue `rounds` times in each way while messages wait; all must go out once, by worker and beat alone.

    Without beat its sweep is called here, each second instead of each minute.
    """
    desk = clinic_that_never_sleeps()
    worked: dict[str, list[float]] = {hurt: [] for hurt in rounds}
    with own_valkey() as servers, Sink(delay=SINK_SECONDS) as sink:
        for hurt, count in rounds.items():
            beat = BEATS[hurt == "away"] if with_beat else None
            with kept_running(sink, servers, beat) as children:
                for _ in range(count):
                    make_overdue(desk, MESSAGES)
                    plan.plan_reminders(datetime.now(UTC))
                    sweep()
                    time.sleep(random.uniform(0, 1.5))  # it waits, or its pokes do, or mails are being sent
                    HURTS[hurt](servers, seconds_away)
                    worked[hurt].append(until_all_left(children, with_beat=with_beat))
        outbox.sweep(datetime.now(UTC) + outbox.LEASE)
        found = figures(sink)
    for hurt, seconds in worked.items():
        found[f"{hurt}: working again"] = f"{len(seconds)} of {rounds[hurt]}, within {max(seconds):.0f} s"
    return found


def until_all_left(children: list[Child], *, with_beat: bool) -> float:
    """Keep worker and scheduler running until no message waits any more; return how many seconds that took."""
    started = time.monotonic()
    waiting = Message.objects.filter(state__in=Message.TO_SEND)
    seconds = itertools.count()

    def all_left() -> bool:
        for child in children:
            child.keep()
        if not with_beat and time.monotonic() - started > next(seconds):
            with suppress(OperationalError):
                sweep()
        return not waiting.exists()

    assert eventually(all_left, SECONDS_TO_WORK_AGAIN), f"{waiting.count()} messages still wait"
    took = time.monotonic() - started
    eventually(lambda: not Message.objects.filter(state=Message.State.SENDING).exists(), 5)  # those in hand
    return took


def kill(servers: Servers, _: float) -> None:
    """It dies and is started again at once, with what its log has."""
    psutil.Process(process_of(servers)).send_signal(signal.SIGKILL)
    time.sleep(0.5)
    servers.valkey.start()


def flush(servers: Servers, _: float) -> None:
    client(servers).flushall()


def fill(servers: Servers, _: float) -> None:
    """It takes nothing more for a while: whoever writes gets an error."""
    full = client(servers)
    full.config_set("maxmemory", "1")
    time.sleep(5)
    full.config_set("maxmemory", "0")


def take_away(servers: Servers, seconds: float) -> None:
    psutil.Process(process_of(servers)).send_signal(signal.SIGKILL)
    time.sleep(seconds)
    servers.valkey.start()


HURTS: dict[str, Callable[[Servers, float], None]] = {
    "killed": kill,
    "flushed": flush,
    "full": fill,
    "away": take_away,
}


def client(servers: Servers) -> redis.Redis:
    return redis.Redis.from_url(servers.layout.redis_url(0))


def process_of(servers: Servers) -> int:
    return int(client(servers).info("server")["process_id"])


@contextmanager
def own_valkey() -> Iterator[Servers]:
    """A Valkey that nobody else uses, and the setting that leads to it."""
    with tempfile.TemporaryDirectory() as folder:
        servers = Servers(layout(Path(folder)))
        servers.valkey.start()
        try:
            with override_settings(REDIS_URL=servers.layout.redis_url(0)):
                yield servers
        finally:
            servers.valkey.stop()


def sweep() -> None:
    """Have a worker poke for all that waits, as the scheduler does, through the queue that the settings name now."""
    with Connection(broker(settings.REDIS_URL)) as connection:
        app.send_task(tasks.sweep_messages.name, connection=connection)


@contextmanager
def kept_running(sink: Sink, servers: Servers, beat: list[str] | None) -> Iterator[list[Child]]:
    """A worker and a scheduler (its command begins with `beat`) on that queue, started again when they end, as a desk
    has them."""
    environment = {**environment_on_this_database(), **mail_to(sink.port)}
    schedule = ["beat", "--pidfile=", "--schedule", str(servers.layout.state / "beat"), "--loglevel", "critical"]
    commands = {"worker": WORKER} | ({"scheduler": [*beat, *schedule]} if beat else {})
    children = [Child(name, command, environment, tell=lambda *_: None) for name, command in commands.items()]
    try:
        for child in children:
            child.keep()
        yield children
    finally:
        for child in children:
            child.end_group()
