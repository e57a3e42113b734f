"""What every test has: its database, its queue, what its module shares, and quick passwords."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis
from django.conf import LazySettings
from django.db import connection
from django.test import TransactionTestCase, override_settings
from django.utils import translation
from pytest_django.plugin import DjangoDbBlocker
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

from tests.emptying import empty_the_database
from tests.running import environment_on_this_database
from tests.shared import end_transaction_of_the_module, transaction_of_the_module
from tests.template import template_for_a_copy

REAL_TRANSACTIONS = {"transactional_db", "live_server"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give one worker all tests of a module that share something, so that it is made once."""
    for item in items:
        if "module_transaction" in _fixtures_of(item) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def pytest_runtest_setup(item: pytest.Item) -> None:
    marker = item.get_closest_marker("django_db")
    if REAL_TRANSACTIONS & _fixtures_of(item) or (marker and marker.kwargs.get("transaction")):
        end_transaction_of_the_module()
        if "module_transaction" in _fixtures_of(item):
            pytest.fail("A test with real transactions cannot see what a module shares in one of its own.")


def _fixtures_of(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


@pytest.fixture(scope="module")
def module_transaction(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """For `tests.shared`."""
    with django_db_blocker.unblock(), transaction_of_the_module():
        yield


@pytest.fixture
def copies() -> dict[int, Any]:
    """What this test has copied already: two shared things of one clinic have one clinic in the test, too."""
    return {}


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


@pytest.fixture(scope="session", autouse=True)
def _quick_clients() -> Iterator[None]:
    """Look for the static files once: each client of a test loads the middleware anew, which looks for 150 of them."""
    look, found = WhiteNoiseMiddleware.add_files_from_finders, dict[str, Any]()

    def look_once(middleware: WhiteNoiseMiddleware) -> None:
        if not found:
            look(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", look_once)
        yield


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """Let the next test begin in English: a client that asked for German leaves its language to the thread."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session", autouse=True)
def _quick_emptying() -> Iterator[None]:
    flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: empty_the_database(lambda: flush(case)))
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
