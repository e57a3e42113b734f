"""The small forms of T5, T6, T8 and T9, with as few processes as show it: `make drill` has the full ones."""

import pytest
import redis

from drills.kills import doubled_without_claim, kill_senders
from drills.mail_servers import try_all
from drills.schedulers import run_twice
from drills.valkey import hurt_the_queue

pytestmark = pytest.mark.django_db(transaction=True)


def test_killed_senders_lose_nothing_and_send_nothing_twice(queue: redis.Redis):
    figures = kill_senders(5)
    assert (figures["lost"], figures["duplicated"]) == ("0", "0")
    assert int(figures["sent"]) > 0


def test_without_the_claim_two_senders_send_the_same(queue: redis.Redis):
    """The negative control of all of them."""
    assert doubled_without_claim(20) > 0


def test_a_queue_killed_and_flushed_loses_no_message(queue: redis.Redis):
    figures = hurt_the_queue({"killed": 1, "flushed": 1}, 0, with_beat=False)
    assert (figures["lost"], figures["duplicated"]) == ("0", "0")


def test_each_way_in_which_a_mail_server_fails_has_its_state(queue: redis.Redis):
    assert len(try_all(1)) == 10


def test_two_schedulers_at_once_send_each_message_once(queue: redis.Redis):
    figures = run_twice(1, 20)
    assert (figures["sent"], figures["duplicated"]) == ("20", "0")
