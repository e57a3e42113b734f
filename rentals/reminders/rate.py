"""How many mails may leave in a minute, for the whole installation: a mail server refuses who sends too many.

One counter a clock minute in the queue's server, counted up in one step, so that workers beside each other cannot
both take the last place. What finds no place stays unclaimed and is asked for again by the next sweep.
"""

import logging
from datetime import datetime

import redis
from django.conf import settings

from config.health import queue

logger = logging.getLogger(__name__)

SECONDS_KEPT = 120


def take_place(at: datetime) -> bool:
    """Count one mail more for the minute of `at`; False when it is full, or when nobody can tell."""
    key = f"callus:mails:{int(at.timestamp() // 60)}"
    try:
        with queue().pipeline(transaction=True) as counting:
            counting.incr(key)
            counting.expire(key, SECONDS_KEPT)
            taken, _ = counting.execute()
    except redis.RedisError:
        logger.warning("the queue does not answer; mail waits, for nobody counts it")
        return False
    return bool(taken <= settings.EMAIL_PER_MINUTE)


def left_this_minute(at: datetime) -> int | None:
    """How many mails may still leave in the minute of `at`; None when the queue does not answer."""
    try:
        taken = queue().get(f"callus:mails:{int(at.timestamp() // 60)}")
    except redis.RedisError:
        return None
    return max(settings.EMAIL_PER_MINUTE - int(taken or 0), 0)
