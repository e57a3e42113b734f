"""Plain SQL on the connection of the running transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

Parameters = Sequence[Any] | Mapping[str, Any] | None


def execute(statement: str, parameters: Parameters = None) -> int:
    """Run `statement` and return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.rowcount


def rows(query: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
    """What `query` finds."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


def scratch_table(name: str, columns: str) -> None:
    """An empty table that nobody else sees and that ends with the transaction."""
    execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
    execute(f"CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT DROP")
