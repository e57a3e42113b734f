"""T9: two schedulers through a whole year, clocks that jump, daylight saving, the leap day, both dead for days.

SEEDS years, 1 unless set, each another course of the hires of two sites, HIRES a site (60 unless set).
"""

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from functools import partial
from multiprocessing.pool import Pool
from multiprocessing.synchronize import Barrier
from random import Random
from unittest import mock

from django.core import management
from django.db import connections
from django.test import override_settings

from config.models import Clinic
from drills.courses import World, make_world, next_of
from drills.mail_servers import mail_settings
from drills.told import Site, Told, all_told, day_of, look
from rentals.models import Message, Reminder
from rentals.reminders import finding, known, outbox, plan, schedule
from rentals.reminders.occasions import anchor_and_days
from tests.sink import Sink

# Both schedulers look each quarter of an hour when the clocks of Sydney go forward and back, and are dead when the leap
# day begins and when the clocks go forward again.
SPECIAL = (date(2027, 10, 3), date(2028, 2, 29), date(2028, 4, 2), date(2028, 10, 1))
YEAR = (date(2027, 9, 20), date(2028, 10, 20))
SITES = (
    Site(time(8), time(18), True, (date(2027, 12, 23), date(2028, 1, 2))),
    Site(time(2, 30), time(4), False, (date(2028, 7, 1), date(2028, 7, 9))),  # sends in the hours that come and go
)
TOGETHER = multiprocessing.get_context("fork")
LOST, SURPLUS, DOUBLED = "expected and not sent", "sent and not expected", "sent twice"
STRAY = "mails that no reminder points at, or reminders at none"


def drill() -> dict[str, str]:
    seeds, hires = int(os.environ.get("SEEDS", "1")), int(os.environ.get("HIRES", "60"))
    found = Counter[str]()
    for seed in range(seeds):
        found.update(live_through(YEAR, SITES, hires, seed))
    assert not found[LOST] + found[SURPLUS] + found[DOUBLED] + found[STRAY], found
    return {what: str(number) for what, number in found.items()} | controls(hires // 4)


def controls(hires: int) -> dict[str, str]:
    """The negative controls: so many are lost when only what is due exactly today is told, so many are too many when an
    older one of a series is told beside the latest, and so many mails are told anew when it is forgotten that they
    left."""
    autumn = partial(live_through, (date(2028, 3, 1), date(2028, 5, 16)), SITES[:1], hires, 0)
    with mock.patch.object(finding, "due_anchors", only_today):
        lost = autumn()[LOST]
    with mock.patch.object(known, "latest_step", nothing):
        surplus = autumn()[SURPLUS]
    with mock.patch.object(outbox, "sweep", forget_the_last):
        stray = autumn()[STRAY]
    assert lost, "nothing was lost by telling only what is due today: the drill cannot see what it looks for"
    assert surplus, "nothing was sent beside the latest of its series: the drill cannot see what it looks for"
    assert stray, "nothing was told anew in another mail: the drill cannot see what it looks for"
    return {
        "told on its very day or never: lost": str(lost),
        "older ones told too: too many": str(surplus),
        "forgotten that it left: mails that no reminder points at": str(stray),
    }


def only_today(step: schedule.Step, clinic: Clinic, at: datetime) -> tuple[date | None, date]:
    _, last = schedule.due_anchors(step, clinic, at)
    return last, last


def nothing(*_: object) -> None:
    """No step of a series is the latest one."""


def forget_the_last(_: datetime) -> None:
    """Take what the last mail told out of it, so that it is told anew in another one."""
    last = Message.objects.filter(state=Message.State.SENT, reminders__void=False).order_by("-pk").first()
    Reminder.objects.filter(message__isnull=False, message=last).update(message=None)


def live_through(span: tuple[date, date], sites: Sequence[Site], hires: int, seed: int) -> Counter[str]:
    """Let so many hires a site take a random course from the first day to the last, while two schedulers run; count
    what was told against what was to be told."""
    management.call_command("flush", interactive=False, verbosity=0)  # the hires of another world would be told too
    world = make_world(Random(seed), sites, span, hires, SPECIAL)
    timeout = {"EMAIL_TIMEOUT": 60}  # a busy machine is no fault of the mail server
    with Sink() as sink, override_settings(**mail_settings(sink) | timeout), two_schedulers() as run_both:
        for now, shown in world.passes:
            next_of(world.events, now)
            run_both(shown)
            look(world.hires, now, shown)
        return figures(world, sink, told_by(sink))


@contextmanager
def two_schedulers() -> Iterator[partial[list[None]]]:
    """What lets two processes plan and send at once by a clock that shows the moment given."""
    connections.close_all()  # or they would speak over one
    barrier = TOGETHER.Barrier(2)
    with TOGETHER.Pool(2, initializer=meet_at, initargs=(barrier,)) as pool:
        yield partial(both, pool)


def both(pool: Pool, shown: datetime) -> list[None]:
    return pool.map(plan_and_send, [shown, shown], chunksize=1)


def meet_at(barrier: Barrier) -> None:
    global start
    start = barrier


start: Barrier


def plan_and_send(at: datetime) -> None:
    start.wait(60)
    outbox.sweep(at)
    plan.plan_reminders(at)
    outbox.send_due(at)


def told_by(sink: Sink) -> list[Told]:
    """What the mails that arrived have told, by the rows of their Message-IDs."""
    told = []
    arrived = sink.message_ids
    for row in Reminder.objects.filter(message__isnull=False, void=False).select_related("rental", "message"):
        assert row.message
        day = day_of(row.message.sent_at) if row.message.sent_at else date.max
        entry = (row.rental.reference, row.kind, anchor_and_days(row.occasion)[1], day)
        told += [entry] * arrived[row.message.message_id]
    return told


def strays(sink: Sink) -> set[str]:
    """The Message-IDs of mails that arrived and whose reminders are told by another one now, or that never arrived."""
    carry = Message.objects.filter(state=Message.State.SENT, reminders__void=False).distinct()
    return sink.message_ids.keys() ^ {message.message_id for message in carry.select_related("resend_of")}


def figures(world: World, sink: Sink, told: list[Told]) -> Counter[str]:
    expected = all_told(world.hires)
    assert sink.message_ids.total() == len(sink.mails) == len({str(mail["Message-ID"]) for mail in sink.mails})
    return Counter(
        {
            "hires": len(world.hires),
            "passes by two schedulers at once": len(world.passes),
            "of these with a clock that had jumped": world.jumps,
            "times that both were dead for three days": world.deaths,
            "mails": len(sink.mails),
            "expected": len(expected),
            "sent": len(told),
            "replaced by a later one, as expected": sum(len(hire.overtaken) for hire in world.hires),
            LOST: len(expected - set(told)),
            SURPLUS: len(set(told) - expected),
            DOUBLED: len(told) - len(set(told)),
            STRAY: len(strays(sink)),
        }
    )
