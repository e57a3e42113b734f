"""Writers that know nothing of our verbs: raw SQL, and the guards taken away for negative controls."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction


def sql(statement: str, *parameters: Any) -> int:
    """Run `statement` as any other writer of the database would, and return how many rows it touched."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.rowcount


def assert_refused(named: str, statement: str, *parameters: Any) -> None:
    """The database refuses the statement, and says so by `named`."""
    with pytest.raises(DatabaseError) as error:
        sql(statement, *parameters)
    diagnosis = error.value.__cause__.diag
    assert named in (diagnosis.constraint_name, diagnosis.message_primary)


@contextmanager
def without_constraint(table: str, name: str) -> Iterator[None]:
    """The negative control: `table` without one of its constraints, until the test's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks to come cannot be altered
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    yield


@contextmanager
def without_index(name: str) -> Iterator[None]:
    """The negative control for a unique constraint with a condition, which is an index."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"DROP INDEX {name}")
    yield


@contextmanager
def faulty(table: str, event: str, when: str = "true") -> Iterator[None]:
    """A fault of the database: each `event` (INSERT, UPDATE) on rows of `table` of which `when` is so is an error."""
    fail = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'out of order'; END $$"
    before = f"CREATE TRIGGER fail BEFORE {event} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION fail()"
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(fail)
        cursor.execute(before)
        yield
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DROP FUNCTION fail CASCADE")
