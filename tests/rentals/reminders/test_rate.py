"""So many mails a minute for the whole installation; what does not fit waits, and loses nothing (I8)."""

from datetime import timedelta

import pytest

from rentals.models import Message
from rentals.reminders import outbox, plan
from rentals.reminders.rate import left_this_minute, take_place
from tests import make
from tests.rentals.reminders.moments import days_overdue, overdue
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def waiting(count):
    """So many messages that are due, and the moment."""
    clinic = make.clinic()
    rentals = [overdue(clinic) for _ in range(count)]
    at = days_overdue(rentals[0], 1)
    plan.plan_clinic(clinic, at)
    return at


def test_what_finds_the_minute_full_waits_unclaimed_and_leaves_in_the_next(sink, queue, settings):
    settings.EMAIL_PER_MINUTE = 2
    at = waiting(5)
    assert outbox.send_due(at) == {"sent": 2}
    assert list(Message.objects.values_list("state", "attempts").order_by("-state")[2:]) == [("queued", 0)] * 3
    assert outbox.send_due(at + timedelta(seconds=20)) == {}
    assert outbox.send_due(at + timedelta(minutes=1)) == {"sent": 2}
    assert outbox.send_due(at + timedelta(minutes=2)) == {"sent": 1}
    assert sink.message_ids.total() == len(sink.message_ids) == 5


def test_of_many_who_ask_at_once_as_many_get_a_place_as_there_are(queue, settings):
    settings.EMAIL_PER_MINUTE = 7
    assert sum(at_once(16, lambda: take_place(make.NOW))) == 7
    assert left_this_minute(make.NOW) == 0
    assert left_this_minute(make.NOW + timedelta(minutes=1)) == 7


def test_a_place_is_not_taken_for_what_is_not_sent(sink, queue):
    at = waiting(1)
    [message] = outbox.due_messages(at)
    outbox.send(message, at)
    before = left_this_minute(at)
    assert [outbox.send(message, at) for _ in range(3)] == [None] * 3
    assert left_this_minute(at) == before


def test_the_counters_are_forgotten(queue):
    take_place(make.NOW)
    assert [0 < queue.ttl(key) <= 120 for key in queue.keys("callus:mails:*")] == [True]


def test_while_nobody_can_count_nothing_leaves_and_nothing_is_lost(sink, settings, tmp_path, queue):
    at, there = waiting(1), settings.REDIS_URL
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    assert outbox.send_due(at) == {}
    assert left_this_minute(at) is None
    settings.REDIS_URL = there
    assert outbox.send_due(at) == {"sent": 1}
