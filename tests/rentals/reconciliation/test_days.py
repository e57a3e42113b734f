"""Each local day of a rental: done, short, none, unknown or paused, and the adherence from that."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rentals.models import Rental
from rentals.reconciliation.days import adherence, day_statuses, days_of
from tests import make
from tests.shared import shared
from tests.usage import LATER, Log, import_logs

pytestmark = pytest.mark.django_db

OUT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # Monday the second of March, noon in Sydney
EVENING = OUT + timedelta(hours=7)


def evening(day: int, hours: float = 0) -> datetime:
    """The evening of the hand-over plus `day` days."""
    return EVENING + timedelta(days=day, hours=hours)


@shared
def device():
    return make.device(at=OUT - timedelta(days=60))


@shared
def shelved():
    """Another, which nobody has."""
    return make.device(at=OUT - timedelta(days=60))


@shared
def rental(device):
    return make.rental("active", device=device, at=OUT)


def taken_back(rental, device, counter: int, days: int = 7) -> Rental:
    return make.take_back(rental, counter=counter, at=OUT + timedelta(days=days))


def statuses(rental, at: datetime = LATER) -> list[str]:
    return [day.status for day in day_statuses(rental, at)]


def log(device, counter: int, days: int = 7) -> Log:
    return Log(device, OUT + timedelta(days=days, minutes=5), counter=counter)


def test_the_days_run_from_hand_over_to_return_in_the_clinics_local_time(rental, device):
    taken_back(rental, device, 0)
    days = day_statuses(rental, LATER)
    assert [day.date for day in days] == [date(2026, 3, 2) + timedelta(days=number) for number in range(8)]


def test_each_day_has_its_status_and_its_number_of_treatments(rental, device):
    taken_back(rental, device, 6)
    read = log(device, 6).session(1, evening(1)).session(2, evening(2), seconds=18 * 60)
    read.session(3, evening(3), seconds=18 * 60 - 1).session(4, evening(4), outcome="fault")
    read.session(5, evening(5)).session(6, evening(5, hours=2))
    import_logs(read)
    days = day_statuses(rental, LATER)
    assert [day.status for day in days] == ["unknown", "done", "done", "short", "done", "done", "none", "unknown"]
    assert [day.treatments for day in days] == [0, 1, 1, 1, 1, 2, 0, 0]
    found = adherence(rental, LATER)
    assert (found.done, found.short, found.none, found.unknown, found.paused) == (4, 1, 1, 2, 0)
    assert found.percent == 66.7


def test_two_a_day_need_two_countable_sessions(shelved):
    rental = make.rental("active", device=shelved, at=OUT, prescribed_per_day=2)
    taken_back(rental, shelved, 3)
    import_logs(log(shelved, 3).session(1, evening(1)).session(2, evening(1, 2)).session(3, evening(2)))
    assert statuses(rental)[1:3] == ["done", "short"]


def test_done_beats_paused_and_paused_beats_the_rest(rental, device):
    taken_back(rental, device, 2)
    read = log(device, 2).pause("2026-03-03", "2026-03-05").session(1, evening(1)).session(2, evening(2), seconds=60)
    import_logs(read)
    assert statuses(rental)[1:5] == ["done", "paused", "paused", "none"]


def test_a_session_by_the_light_of_another_day_counts_for_the_local_day(rental, device):
    taken_back(rental, device, 1)
    import_logs(log(device, 1).session(1, datetime(2026, 3, 3, 13, 30, tzinfo=UTC)))  # half past midnight there
    assert statuses(rental)[1:3] == ["none", "done"]


def test_empty_days_inside_a_gap_of_numbers_are_unknown(rental, device):
    taken_back(rental, device, 5)
    import_logs(log(device, 5).session(1, evening(1)).session(5, evening(5)))
    assert statuses(rental) == ["unknown", "done", "unknown", "unknown", "unknown", "done", "none", "unknown"]


def test_empty_days_after_the_last_read_out_are_unknown(rental, device):
    import_logs(log(device, 2, days=3).session(1, evening(0)).session(2, evening(2)))
    assert statuses(rental, at=OUT + timedelta(days=5)) == ["done", "none", "done", "unknown", "unknown", "unknown"]


def test_without_any_read_out_every_day_is_unknown_and_there_is_no_percentage(rental):
    found = adherence(rental, OUT + timedelta(days=3))
    assert (found.unknown, found.none, found.percent) == (4, 0, None)


def test_a_counter_beyond_the_log_makes_the_days_since_its_last_session_unknown(rental, device):
    taken_back(rental, device, 4)
    import_logs(log(device, 4).session(1, evening(1)).session(2, evening(2)))
    assert statuses(rental)[1:7] == ["done", "done", "unknown", "unknown", "unknown", "unknown"]


def test_treatments_of_the_next_patient_do_not_count(rental, device):
    rental = taken_back(rental, device, 1, days=2)
    make.inspect(rental, at=OUT + timedelta(days=2))
    following = make.rental("active", device=device, at=OUT + timedelta(days=3), counter=1)
    make.take_back(following, counter=2, at=OUT + timedelta(days=5))
    import_logs(log(device, 2).session(1, evening(1)).session(2, evening(4)))
    assert statuses(rental) == ["unknown", "done", "unknown"]
    assert statuses(following) == ["unknown", "done", "unknown"]


def test_an_enquiry_has_no_days(shelved):
    rental = make.rental("reserved", device=shelved)
    assert (statuses(rental), adherence(rental, LATER).percent) == ([], None)


def test_the_days_of_many_rentals_take_the_queries_of_one():
    clinic = make.clinic()
    numbers = []
    for _ in range(2):
        make.rental("active", clinic, at=OUT)
        rentals = list(Rental.objects.select_related("clinic"))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            days_of(rentals, LATER)
        numbers.append(len(queries))
    assert numbers[0] == numbers[1] <= 5
