"""/healthz: this process lives. /readyz: whether everything a clinic needs answers, part by part."""

import logging
from collections.abc import Callable

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

logger = logging.getLogger(__name__)

# A worker gives a sign every few seconds, the scheduler with each task it sends (at least once a minute).
SIGNS = {"workers": 30, "scheduler": 150}


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


def queue() -> redis.Redis:
    """Return a client that gives up quickly; a queue that hangs is not ready."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def give_sign(part: str) -> None:
    """Note that a worker or the scheduler lives; the note fades by itself when it stops."""
    queue().set(_key(part), "alive", ex=SIGNS[part])


def forget_signs() -> None:
    """Drop the signs of processes that have ended, so that only living ones count from now on."""
    queue().delete(*map(_key, SIGNS))


def _key(part: str) -> str:
    return f"callus:alive:{part}"


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_sign(part: str) -> None:
    if not queue().exists(_key(part)):
        raise LookupError("no sign of life")


def _answers(part: str, ask: Callable[[], object]) -> bool:
    try:
        ask()
    except (Error, redis.RedisError, LookupError) as error:
        logger.warning("not ready: %s (%s)", part, error)
        return False
    return True
