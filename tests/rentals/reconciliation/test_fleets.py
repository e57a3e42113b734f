"""Generated fleets against the truth about them: rentals, starts, days and faults, in any order (T12)."""

import os
from collections import Counter

import pytest

from rentals.models import Discrepancy
from tests.fleets import make_faultless_fleet, make_fleet
from tests.fleets.checking import check_days, check_treatments, check_used, differences, found_faults, load
from tests.usage import import_file

pytestmark = pytest.mark.django_db

# As few as have each fault, in each zone with each change of summer time; `make drill` has more.
FLEETS = range(int(os.environ.get("CALLUS_FLEETS", "9")))


@pytest.mark.parametrize("number", FLEETS)
def test_a_fleet_with_faults_comes_out_as_it_was_and_each_fault_is_found(number):
    fleet = make_fleet(number)
    load(fleet)
    imported = import_file(*fleet.csv())
    assert (imported.status, len(imported.rejected), imported.duplicate) == ("done", fleet.rejected, fleet.duplicates)
    check_treatments(fleet)
    check_days(fleet)
    assert found_faults() == fleet.faults
    check_used(fleet)
    assert differences() == 0


@pytest.mark.parametrize("number", FLEETS[::4])
def test_a_fleet_in_pieces_and_in_any_order_is_the_same_fleet(number):
    fleet = make_fleet(number)
    load(fleet)
    pieces = fleet.csv(*(slice(piece, None, 4) for piece in range(4)))
    for piece in pieces if number % 8 else reversed(pieces):
        assert import_file(piece).status == "done"
        assert differences() == 0
    check_treatments(fleet)
    check_days(fleet)
    assert found_faults() == fleet.faults
    check_used(fleet)


@pytest.mark.parametrize("number", FLEETS[::5])
def test_a_fleet_without_faults_opens_nothing(number):
    fleet = make_faultless_fleet(number)
    load(fleet)
    imported = import_file(*fleet.csv())
    assert (imported.status, imported.rejected, imported.duplicate) == ("done", [], 0)
    check_treatments(fleet)
    check_days(fleet)
    assert not Discrepancy.objects.exists()
    assert (differences(), fleet.faults) == (0, Counter())
