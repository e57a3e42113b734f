"""One migrated database that the workers of all runs copy: migrating takes each of them longer than many tests.

It is made anew whenever a migration, a model or an installed package has changed, and kept with the test servers.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection
from psycopg import sql

from config.environment import state_dir

CHECKOUT = Path(__file__).resolve().parent.parent
TEMPLATE = "template_callus"
SOURCES = ("requirements.txt", "*/migrations/*.py", "*/models.py", "*/models/*.py", "*/fields.py", "config/settings.py")


@contextmanager
def template_for_a_copy() -> Iterator[str]:
    """The name of the template, which nobody makes anew before this ends. Django still migrates the copy."""
    with Path(state_dir(CHECKOUT), "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _note() != _sources():
            _make()
        yield TEMPLATE


def _sources() -> str:
    """A digest of everything that the tables are made from."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in SOURCES for path in CHECKOUT.glob(pattern)}):
        digest.update(os.fsencode(path.relative_to(CHECKOUT)) + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _note() -> str | None:
    """What the template was made from; None while there is none, or only a half-made one."""
    with connection._nodb_cursor() as cursor:
        cursor.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
            [TEMPLATE],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _make() -> None:
    made_from, settings = _sources(), connection.settings_dict
    here, test_name = settings["NAME"], settings["TEST"]["NAME"]
    settings["TEST"]["NAME"] = TEMPLATE
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
    finally:
        connection.creation.destroy_test_db(here, verbosity=0, keepdb=True)  # only goes back to the one of before
        settings["TEST"]["NAME"] = test_name
    with connection._nodb_cursor() as cursor:
        cursor.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(TEMPLATE), sql.Literal(made_from)))
