"""How often somebody has tried a key that opens nothing: who tries many is not listened to for the rest of a minute."""

import logging
from datetime import datetime

import redis
from django.http import HttpRequest

from config.addresses import client_address
from config.health import queue

logger = logging.getLogger(__name__)

MOST_WRONG_KEYS = 30  # a minute, from one address
SECONDS_KEPT = 120


def counter_of(request: HttpRequest, at: datetime) -> str:
    return f"callus:wrong-keys:{client_address(request) or 'unknown'}:{int(at.timestamp() // 60)}"


def count_wrong_key(request: HttpRequest, at: datetime) -> None:
    """Count one more. A queue that does not answer counts nothing: no key of 256 random bits is guessed."""
    try:
        with queue().pipeline(transaction=True) as counting:
            counting.incr(counter_of(request, at))
            counting.expire(counter_of(request, at), SECONDS_KEPT)
            counting.execute()
    except redis.RedisError:
        logger.warning("the queue does not answer; wrong keys are not counted")


def tried_too_often(request: HttpRequest, at: datetime) -> bool:
    """Whether so many wrong keys came from this address in the minute of `at` that no other is looked at."""
    try:
        return int(queue().get(counter_of(request, at)) or 0) >= MOST_WRONG_KEYS
    except redis.RedisError:
        return False
