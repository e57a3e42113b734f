"""What a treatment names is there, checked once a statement instead of once a row."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from rentals.models import Treatment
from tests import make
from tests.raw import assert_refused, sql
from tests.usage import Log, import_logs

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
REFUSED = "a treatment names what is not there: read-out, allowance or rental"
COPY = """
    INSERT INTO rentals_treatment (device_id, read_out_id, n, started_device, seconds, outcome, code, allowance_id,
        started_corrected, offset_seconds, method, rental_id)
    SELECT device_id, {read_out}, 2, started_device, seconds, outcome, code, {allowance},
        started_corrected, offset_seconds, method, {rental}
    FROM rentals_treatment
"""
SAME = {"read_out": "read_out_id", "allowance": "allowance_id", "rental": "rental_id"}


@pytest.fixture
def other():
    """Another device; one treatment is there, of the first."""
    import_logs(Log(make.device(at=AT), AT + timedelta(days=1), counter=1).session(1, AT))
    other = make.device(at=AT)
    import_logs(Log(other, AT + timedelta(days=1), counter=0))
    return other


def foreign(other) -> list[dict[str, str]]:
    return [
        {"read_out": str(other.read_outs.get().pk)},
        {"read_out": "0"},
        {"allowance": str(other.allowances.get().pk)},
        {"allowance": "0"},
        {"rental": "0"},
    ]


def test_a_treatment_that_names_what_is_not_there_or_not_the_devices_is_refused(other):
    for wrong in foreign(other):
        assert_refused(REFUSED, COPY.format(**{**SAME, **wrong}))
    assert sql(COPY.format(**SAME)) == 1


def test_a_treatment_cannot_be_given_an_allowance_or_a_rental_that_is_not_there(other):
    assert_refused(REFUSED, "UPDATE rentals_treatment SET allowance_id = %s", other.allowances.get().pk)
    assert_refused(REFUSED, "UPDATE rentals_treatment SET rental_id = 0")


def test_without_the_trigger_they_would_be_taken(other):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE rentals_treatment DISABLE TRIGGER USER")
    assert sql(COPY.format(**{**SAME, "rental": "0"})) == 1
    assert Treatment.objects.count() == 2
