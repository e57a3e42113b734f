"""What every test has: its database, its queue, and quick passwords."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import redis
from django.conf import LazySettings
from django.db import connection
from django.test import override_settings
from pytest_django.plugin import DjangoDbBlocker

from tests.running import environment_on_this_database
from tests.template import template_for_a_copy


@pytest.fixture(scope="session")
def django_db_modify_db_settings_parallel_suffix() -> None:
    """Name this worker's database by slot and worker, so that runs beside each other never meet."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    connection.settings_dict["TEST"]["NAME"] = f"test_callus_{os.environ['CALLUS_TEST_SLOT']}_{worker}"


@pytest.fixture(scope="session")
def _template(django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker) -> Iterator[ExitStack]:
    """Have this worker's database copied from the migrated one; closed once it has been."""
    with ExitStack() as until_copied:
        with django_db_blocker.unblock():
            connection.settings_dict["TEST"]["TEMPLATE"] = until_copied.enter_context(template_for_a_copy())
        yield until_copied


@pytest.fixture(scope="session")
def django_db_setup(_template: ExitStack, django_db_setup: None) -> None:
    """As ever, with the database copied."""
    _template.close()


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords(django_test_environment: None) -> Iterator[None]:
    """For the data that a whole module shares, too."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture
def queue(settings: LazySettings) -> Iterator["redis.Redis"]:
    """This worker's own, empty part of the real queue."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield client
    client.flushdb()


@pytest.fixture
def process_environment(transactional_db: None, settings: LazySettings, queue: "redis.Redis") -> dict[str, str]:
    """The environment with which a real process (web, worker, command) works on this test's database and queue."""
    return environment_on_this_database()
