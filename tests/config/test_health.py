"""/healthz and /readyz tell a load balancer and a person what works."""

import logging
import time
from datetime import UTC, datetime

import pytest
import redis
from django.db import connection
from django.test import Client

from config import health
from config.logs import DiscreetFormatter

ALL_OK = {"database": "ok", "queue": "ok", "workers": "ok", "scheduler": "ok"}


def test_healthz_needs_nothing(client: Client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"alive\n")


@pytest.mark.django_db
def test_readyz_is_ok_when_every_part_gave_a_sign(client: Client, queue: "redis.Redis"):
    health.give_sign("workers")
    health.give_sign("scheduler")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, ALL_OK)


@pytest.mark.django_db
@pytest.mark.parametrize("silent", ["workers", "scheduler"])
def test_readyz_names_the_part_that_is_silent(client: Client, queue: "redis.Redis", silent: str):
    for part in {"workers", "scheduler"} - {silent}:
        health.give_sign(part)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, ALL_OK | {silent: "not ok"})


@pytest.mark.django_db
@pytest.mark.parametrize(("part", "seconds"), [("workers", 30), ("scheduler", 150)])
def test_a_sign_that_is_late_is_none(client: Client, queue: "redis.Redis", part: str, seconds: int):
    health.give_sign("workers")
    health.give_sign("scheduler")
    queue.set(f"callus:alive:{part}", time.time() - seconds + 5)
    assert client.get("/readyz").status_code == 200
    queue.set(f"callus:alive:{part}", time.time() - seconds - 1)
    assert client.get("/readyz").json() == ALL_OK | {part: "not ok"}


def test_staff_are_told_of_a_part_that_was_silent_for_ten_minutes_and_since_when(queue: "redis.Redis"):
    health.give_sign("workers")
    queue.set("callus:alive:scheduler", time.time() - 599)
    assert health.silences() == []
    queue.set("callus:alive:scheduler", 1_790_000_000)
    assert health.silences() == [health.Silence("scheduler", datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC))]


def test_a_part_that_never_gave_a_sign_is_silent(queue: "redis.Redis"):
    health.give_sign("scheduler")
    assert health.silences() == [health.Silence("workers", None)]


def test_a_queue_that_does_not_answer_is_said_quickly(settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    started = time.monotonic()
    assert health.silences() == [health.Silence("queue")]
    assert time.monotonic() - started < 1


@pytest.mark.django_db(transaction=True)
def test_readyz_says_when_the_database_is_away(client: Client, queue: "redis.Redis", tmp_path):
    health.give_sign("workers")
    health.give_sign("scheduler")
    host = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = str(tmp_path)
    try:
        answer = client.get("/readyz")
    finally:
        connection.settings_dict["HOST"] = host
    assert (answer.status_code, answer.json()) == (503, ALL_OK | {"database": "not ok"})


@pytest.mark.django_db
def test_readyz_says_when_the_queue_is_away(client: Client, settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"database": "ok", "queue": "not ok", "workers": "not ok", "scheduler": "not ok"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_only_read(client: Client, path: str):
    assert client.post(path).status_code == 405


@pytest.mark.django_db
def test_log_leaves_out_what_the_database_says_about_a_row(caplog: pytest.LogCaptureFixture):
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE person (name text UNIQUE)")
            cursor.execute("INSERT INTO person VALUES ('Zoe Canary'), ('Zoe Canary')")
    except Exception as error:
        logging.getLogger("test").exception("refused: %r\nforged line", error)
    line = DiscreetFormatter("%(message)s").format(caplog.records[-1])
    assert "Zoe Canary" in str(caplog.records[-1].exc_info[1])
    assert "person_name_key" in line
    assert line.splitlines()[0].endswith("\\nforged line")
    assert "DETAIL: (left out)" in line
