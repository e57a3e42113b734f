"""The small form of T5: a few kills of a real worker; `make drill` has the full one."""

import pytest
import redis

from drills.kills import kill_senders


@pytest.mark.django_db(transaction=True)
def test_killed_senders_lose_nothing_and_send_nothing_twice(queue: redis.Redis):
    figures = kill_senders(4)
    assert (figures["lost"], figures["duplicated"]) == ("0", "0")
    assert int(figures["sent"]) > 0
