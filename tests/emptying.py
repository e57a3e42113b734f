"""An empty database after a test with real transactions, in a twentieth of the time that TRUNCATE takes.

TRUNCATE makes new files for each of 80 tables and their indexes; deleting what a test has written, in the few
tables that it wrote to, costs next to nothing. The triggers that keep the past are passed by, as TRUNCATE does.
"""

from typing import Any

from django.db import connection, transaction
from psycopg import sql

STAYS = {"django_migrations", "django_content_type", "auth_permission"}  # what migrating writes


def empty_the_database(flush: Any) -> None:
    """Delete all rows; `flush` them where the database's user may not pass triggers by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        [(may_pass_triggers_by,)] = cursor.fetchall()
    if may_pass_triggers_by:
        _delete_all_rows()
    else:
        flush()


@transaction.atomic
def _delete_all_rows() -> None:
    tables = sorted(set(connection.introspection.django_table_names(only_existing=True)) - STAYS)
    look = sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})")
    looks = [look.format(sql.Literal(table), sql.Identifier(table)) for table in tables]
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(" UNION ALL ").join(looks))
        filled = [table for (table,) in cursor.fetchall()]
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table in filled:
            cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
