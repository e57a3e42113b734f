"""What all tests of a module share is made once, as with Django's `setUpTestData`, and is new to each of them.

    @shared
    def hired() -> Rental:
        return make.rental("active")

    def test_is_late(hired): ...

It is made in one transaction, which ends with the module; each test works in a savepoint of it and gets a
copy of what was returned, so that nothing that one test changes, in the database or in Python, is seen by
another. Worth it from three tests on. Parameters are other shared things, by their names:

    @shared
    def late(hired) -> Rental: ...

A test with real transactions (`transaction=True`, `live_server`) finds an empty database, as ever, and
is refused what is shared.
"""

import copy
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

_open = ExitStack()  # the transaction of the present module


def shared(function: Callable[..., Any]) -> Any:
    """The fixture of the name of `function`, which is called once for its module, outside any test."""
    name, needed = function.__name__, list(inspect.signature(function).parameters)

    def make_once(module_transaction: None, **made: Any) -> Any:
        value = function(**{parameter: made[_once(parameter)] for parameter in needed})
        connection.check_constraints()
        return value

    def copy_for_a_test(db: None, copies: dict[int, Any], **made: Any) -> Any:
        return copy.deepcopy(made[_once(name)], copies)

    _asks_for(make_once, "module_transaction", *map(_once, needed))
    _asks_for(copy_for_a_test, _once(name), "db", "copies")
    function.__globals__[_once(name)] = pytest.fixture(scope="module", name=_once(name))(make_once)
    return pytest.fixture(name=name)(copy_for_a_test)


def _once(name: str) -> str:
    return f"{name}_of_the_module"


def _asks_for(function: Callable[..., Any], *fixtures: str) -> None:
    """Have pytest hand these fixtures to `function`."""
    names = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in fixtures]
    function.__signature__ = inspect.Signature(names)  # type: ignore[attr-defined]


@contextmanager
def transaction_of_the_module() -> Iterator[None]:
    """One transaction for all tests of a module that share something."""
    with _open:
        _open.enter_context(_rolled_back())
        yield


def end_transaction_of_the_module() -> None:
    """Before its module does, for a test with real transactions: it must not wait for what others share."""
    _open.close()


@contextmanager
def _rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
