"""/healthz: this process lives. /readyz: whether everything a clinic needs answers, part by part.

Workers and scheduler leave the time of their last sign in the queue's server. /readyz takes a sign that is late for
a failure at once; staff are told of it on every page when it is so late that reminders are.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

# Seconds. A worker gives a sign every few seconds, the scheduler with each task it sends (at least once a minute).
SIGNS = {"workers": 30, "scheduler": 150}
SILENT_AFTER = 600  # seconds after which staff are told
SECONDS_KEPT = 90 * 24 * 3600  # a sign: long enough to say since when there is none
SECONDS_TO_LOOK = 0.5  # for a page; the queue's server is near, or it is in trouble


@dataclass(frozen=True)
class Silence:
    """A part that has not been heard of for too long: `since` its last sign, None if none is known."""

    part: str
    since: datetime | None = None


@login_not_required
@require_safe
@never_cache
def alive(request: HttpRequest) -> HttpResponse:
    return HttpResponse("alive\n", content_type="text/plain")


@login_not_required
@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every part is "ok", else 503; the reasons go to the log, not to the asker."""
    parts = {
        "database": _answers("database", _ask_database),
        "queue": _answers("queue", lambda: queue().ping()),
        "workers": _answers("workers", lambda: _ask_sign("workers")),
        "scheduler": _answers("scheduler", lambda: _ask_sign("scheduler")),
    }
    state = {part: "ok" if ok else "not ok" for part, ok in parts.items()}
    return JsonResponse(state, status=200 if all(parts.values()) else 503)


def queue(seconds: float = 2) -> redis.Redis:
    """Return a client that gives up after so many seconds; a queue that hangs is not ready."""
    return _client(settings.REDIS_URL, seconds)


@cache
def _client(url: str, seconds: float) -> redis.Redis:
    """One client for all: its connections are kept. A connection that broke meanwhile is made anew, once."""
    return redis.Redis.from_url(
        url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 1)
    )


def give_sign(part: str) -> None:
    """Note that a worker or the scheduler lives at this moment."""
    queue().set(_key(part), time.time(), ex=SECONDS_KEPT)


def forget_signs() -> None:
    """Drop the signs of processes that have ended, so that only living ones count from now on."""
    queue().delete(*map(_key, SIGNS))


def silences() -> list[Silence]:
    """Which of workers and scheduler have been silent for too long; only the queue, when it does not answer itself."""
    try:
        signs = queue(SECONDS_TO_LOOK).mget([_key(part) for part in SIGNS])
    except redis.RedisError:
        return [Silence("queue")]
    late = time.time() - SILENT_AFTER
    return [
        Silence(part, datetime.fromtimestamp(float(sign), UTC) if sign else None)
        for part, sign in zip(SIGNS, signs, strict=True)
        if float(sign or 0) < late
    ]


def _key(part: str) -> str:
    return f"callus:alive:{part}"


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_sign(part: str) -> None:
    if time.time() - float(queue().get(_key(part)) or 0) > SIGNS[part]:
        raise LookupError("no sign of life")


def _answers(part: str, ask: Callable[[], object]) -> bool:
    try:
        ask()
    except (Error, redis.RedisError, LookupError) as error:
        logger.warning("not ready: %s (%s)", part, error)
        return False
    return True
