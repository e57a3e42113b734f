"""A longer turnaround or way by courier is for what is booked or changed from then on: nobody loses a device (I11)."""

from datetime import date, time, timedelta

import pytest

from config.models import Clinic
from rentals import custody
from rentals.booking import change, healing
from rentals.booking.replan import mend, replan
from rentals.models import Holding, Rental
from rentals.patient_requests import choose_return_slot
from tests import make
from tests.rentals.never import broken

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
LATER = date(2026, 4, 2)  # the day after the turnaround of what is booked from today for four weeks has passed


@pytest.fixture
def clinic():
    return make.clinic()


def holding_of(rental):
    return Holding.objects.get(rental=rental, live=True)


def wants(clinic, **columns):
    """The clinic's numbers from now on."""
    Clinic.objects.filter(pk=clinic.pk).update(**columns)
    clinic.refresh_from_db()
    return clinic


def repaired(clinic):
    return replan(wants(clinic, turnaround_days=5), cause="a test", at=make.NOW)


@pytest.mark.parametrize("pinned", [False, True])
def test_reservations_booked_close_together_keep_their_device(clinic, pinned):
    device = make.device(clinic)
    first, second = make.book(clinic, device=device), make.book(clinic, device=device, starts_on=LATER, pinned=pinned)
    before = [holding_of(one).blocked for one in (first, second)]
    after = repaired(clinic)
    assert (after.moved, after.at_risk) == ([], [])
    assert [holding_of(one).device for one in (first, second)] == [device, device]
    assert [holding_of(one).blocked for one in (first, second)] == before
    assert not broken()


def test_a_way_by_courier_that_takes_longer_leaves_them_their_device_too(clinic):
    device = make.device(clinic)
    first = make.book(clinic, device=device, starts_on=date(2026, 3, 10), delivery="courier")
    second = make.book(clinic, device=device, starts_on=date(2026, 4, 13), delivery="courier")
    assert holding_of(first).blocked.upper == holding_of(second).blocked.lower
    after = replan(wants(clinic, courier_days=4), cause="a test", at=make.NOW)
    assert (after.moved, after.at_risk) == ([], [])


def test_a_shorter_one_frees_the_days_of_those_that_are_booked(clinic):
    rental = make.book(clinic, device=make.device(clinic))
    upper = holding_of(rental).blocked.upper
    replan(wants(clinic, turnaround_days=0), cause="a test", at=make.NOW)
    assert holding_of(rental).blocked.upper == upper - DAY


def test_a_reservation_that_is_moved_has_the_longer_one_on_its_new_device(clinic):
    rental = make.book(clinic, device=make.device(clinic))
    upper, spare = holding_of(rental).blocked.upper, make.device(clinic)
    wants(clinic, turnaround_days=5)
    moved = Rental.objects.get(pk=rental.pk)
    change.change_device(moved, device=spare, at=make.NOW, actor=make.manager())
    assert holding_of(rental).blocked.upper == upper + 4 * DAY


def test_an_overdue_device_is_presumed_away_by_the_new_number_at_the_next_repair(clinic):
    rental = make.rental("active", device=make.device(clinic))
    late = make.NOW + 30 * DAY
    mend(late)
    upper = holding_of(rental).blocked.upper
    wants(clinic, overdue_presumption_days=9)
    mend(late)
    assert holding_of(rental).blocked.upper == upper + 2 * DAY
    wants(clinic, overdue_presumption_days=1)
    mend(late)
    assert holding_of(rental).blocked.upper == upper + 2 * DAY  # it never blocks fewer days than it did


@pytest.mark.parametrize("early", [0, 1])
def test_who_booked_before_collects_the_device_though_the_next_one_follows_closely(clinic, early):
    device = make.device(clinic)
    first = make.book(clinic, device=device, starts_on=make.NOW.date() + early * DAY, days=28 - early)
    second = make.book(clinic, device=device, starts_on=LATER)
    before = holding_of(first).blocked
    repaired(clinic)
    make.hand_over(Rental.objects.get(pk=first.pk))
    assert holding_of(first).blocked == type(before)(min(before.lower, make.NOW.date()), before.upper)
    assert holding_of(second).device == device


def test_what_is_sent_by_courier_though_it_was_to_be_collected_is_blocked_by_the_new_numbers(clinic):
    rental = make.book(clinic, device=make.device(clinic), starts_on=make.NOW.date() + 2 * DAY)
    upper = holding_of(rental).blocked.upper
    wants(clinic, turnaround_days=5)
    rental = make.prepare(Rental.objects.get(pk=rental.pk))
    details = {"counter": 0, "parts": [], "at": make.NOW, "now": make.NOW, "actor": make.manager()}
    custody.hand_over(rental, delivery="courier", **details)
    assert holding_of(rental).blocked.upper == upper + (4 + clinic.courier_days) * DAY


@pytest.fixture
def healed_and_next(clinic):
    """Healed, the device out and expected in a week; and who has it from the day after its turnaround of a day."""
    device = make.device(clinic)
    healed = make.rental("active", clinic, device=device)
    following = make.book(clinic, device=device, starts_on=LATER - DAY)
    repaired(clinic)
    details = {"on": make.NOW.date(), "imaging": "CT", "at": make.NOW, "actor": make.clinician()}
    return healing.confirm_healed(Rental.objects.get(pk=healed.pk), **details), following


def test_a_healed_patient_who_does_not_come_takes_the_device_from_nobody_who_booked_before(healed_and_next):
    healed, following = healed_and_next
    assert holding_of(healed).blocked.upper == date(2026, 3, 11)  # expected on the 9th
    mend(make.NOW + 8 * DAY)
    assert holding_of(healed).blocked.upper == holding_of(following).blocked.lower
    assert holding_of(following).device == holding_of(healed).device
    assert not broken()


def test_a_healed_patient_may_still_bring_the_device_on_the_day_that_was_agreed(healed_and_next):
    healed, following = healed_and_next
    choose_return_slot(healed, day=healed.due_on, clock=time(15), at=make.NOW)
    assert holding_of(healed).blocked.upper == holding_of(following).blocked.lower
    assert not broken()
