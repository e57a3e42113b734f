"""System checks that stop a wrong production set-up, each with what to do about it."""

import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.core.checks import ERROR, CheckMessage, Error, Tags, Warning, register, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from config.health import queue

SHORTEST_SECRET_KEY = 50
OLDEST_POSTGRESQL = 15


@register(Tags.security, deploy=True)
def check_secret_key(**_: Any) -> list[CheckMessage]:
    if len(_secret_key()) >= SHORTEST_SECRET_KEY:
        return []
    return [
        Error(
            f"SECRET_KEY is missing or shorter than {SHORTEST_SECRET_KEY} characters.",
            hint="Set SECRET_KEY, or SECRET_KEY_FILE, to a long random text that you keep.",
            id="callus.E001",
        )
    ]


@register(Tags.security, deploy=True)
def check_allowed_hosts(**_: Any) -> list[CheckMessage]:
    if settings.ALLOWED_HOSTS and "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        Error(
            "ALLOWED_HOSTS does not say under which names the desk is reached.",
            hint="Set ALLOWED_HOSTS to the host names, separated by commas, for example desk.clinic.example.",
            id="callus.E002",
        )
    ]


@register(Tags.security, deploy=True)
def check_email(**_: Any) -> list[CheckMessage]:
    if settings.EMAIL_URL or settings.EMAIL_SERVICE or settings.LOCAL:
        return []
    return [
        Error(
            "EMAIL_URL is not set, so no reminder would reach a patient.",
            hint="Set EMAIL_URL, for example smtp+tls://user:password@mail.example:587, or EMAIL_SERVICE.",
            id="callus.E003",
        )
    ]


@register(Tags.security, deploy=True)
def check_mailbox(**_: Any) -> list[CheckMessage]:
    if not _is_in_the_clear(settings.BOUNCE_MAILBOX_URL):
        return []
    return [
        Error(
            "BOUNCE_MAILBOX_URL is not imaps, so its password and patients' addresses would be read on the way.",
            hint="Set BOUNCE_MAILBOX_URL, for example imaps://user:password@mail.example/INBOX.",
            id="callus.E008",
        )
    ]


@register(Tags.security, deploy=True)
def check_gateway(**_: Any) -> list[CheckMessage]:
    if not _is_in_the_clear(settings.USAGE_GATEWAY_URL):
        return []
    return [
        Error(
            "USAGE_GATEWAY_URL is not https, so its token and what patients did would be read on the way.",
            hint="Set USAGE_GATEWAY_URL to the gateway's https address.",
            id="callus.E007",
        )
    ]


@register(Tags.security)
def check_time_zone(**_: Any) -> list[CheckMessage]:
    if settings.TIME_ZONE == "UTC" and settings.USE_TZ:
        return []
    return [Error("TIME_ZONE must stay UTC; each clinic has its own time zone.", id="callus.E004")]


@register(Tags.database)
def check_database(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_encoding')")
            version, encoding = cursor.fetchone()
        if version < OLDEST_POSTGRESQL * 10_000:
            found.append(Error(f"PostgreSQL {OLDEST_POSTGRESQL} or newer is needed.", id="callus.E005"))
        if encoding != "UTF8":
            found.append(Error(f"The database is encoded in {encoding}; create it in UTF8.", id="callus.E006"))
    return found


@register(Tags.database)
def check_queue(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Warn of a queue that may throw tasks away; some managed servers do not tell."""
    if not databases:
        return []
    try:
        policy = queue().config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
    except redis.ResponseError:
        return []
    except redis.RedisError as error:
        return [Warning(f"The queue at REDIS_URL does not answer: {error}", id="callus.W001")]
    if policy == "noeviction":
        return []
    return [
        Warning(
            f"The queue's maxmemory-policy is {policy}: it may drop tasks when it is full.",
            hint="Set maxmemory-policy noeviction on the Redis or Valkey server.",
            id="callus.W002",
        )
    ]


def refuse_wrong_set_up() -> None:
    """End a deployed process whose set-up has errors; a local run is free to be simple."""
    if settings.LOCAL:
        return
    checked = run_checks(tags=[Tags.security], include_deployment_checks=True)
    errors = [found for found in checked if found.level >= ERROR]
    if errors:
        sys.exit("\n".join(["Callus does not start with this set-up:", *map(str, errors)]))


def _is_in_the_clear(address: str) -> bool:
    """Whether what is asked of `address` can be read on its way through a network."""
    url = urlsplit(address)
    return url.scheme not in {"", "https", "imaps"} and url.hostname not in {"localhost", "127.0.0.1", "::1"}


def _secret_key() -> str:
    try:
        return settings.SECRET_KEY
    except ImproperlyConfigured:  # Django's word for an empty one
        return ""
