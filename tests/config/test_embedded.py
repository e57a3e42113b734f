"""The embedded servers: closed to others, kept on disk, and started again whatever ended them."""

import pytest
from django.db import connection


@pytest.mark.django_db
def test_database_answers():
    with connection.cursor() as cursor:
        cursor.execute("select current_database()")
        assert cursor.fetchone()[0].startswith("test_callus_")
