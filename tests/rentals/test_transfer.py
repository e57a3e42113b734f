"""A device on its way to another site is nobody's until it has arrived, and then that site's (I1)."""

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, transaction

from devices.models import Device, Transfer
from rentals.booking import change
from rentals.booking.availability import fitting_devices
from rentals.models import Holding, Rental
from rentals.transfer import send
from tests import make
from tests.refusals import refused_as

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
ARRIVES = date(2026, 3, 6)


@pytest.fixture
def sites():
    return make.clinic(), make.clinic(time_zone="Australia/Perth")


def sent(device, to, arrives_on=ARRIVES, at=make.NOW):
    return send(device, to=to, arrives_on=arrives_on, at=at, actor=make.manager())


def test_it_belongs_to_the_new_site_at_once_and_can_be_had_when_it_has_arrived(sites):
    here, there = sites
    device = make.device(here)
    transfer = sent(device, there)
    assert (transfer.from_clinic, transfer.to_clinic, transfer.away.upper) == (here, there, ARRIVES + DAY)
    too_soon = make.booking(there, starts_on=ARRIVES).need
    assert fitting_devices(too_soon, make.NOW) == ([], {"in_transfer": 1})
    assert make.book(there, starts_on=ARRIVES + 3 * DAY).holdings.get().device == device
    assert fitting_devices(make.booking(here).need, make.NOW) == ([], {})


def test_its_reservations_here_go_to_other_devices_or_are_at_risk(sites):
    here, there = sites
    device, spare = make.device(here), make.device(here)
    first, second = (make.book(here, device=device, starts_on=start) for start in (date(2026, 3, 9), date(2026, 5, 4)))
    last = make.book(here, device=spare, starts_on=date(2026, 5, 4))
    sent(device, there)
    devices = [Holding.objects.get(rental=rental).device for rental in (first, second, last)]
    assert devices[0] == spare
    assert sorted(devices[1:], key=bool) == [None, spare]


def test_the_database_lets_nobody_have_it_on_the_way(sites):
    here, there = sites
    device = make.device(here)
    sent(device, there)
    booked = make.rental("reserved", there)
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        Holding.objects.filter(rental=booked).update(device=device)
    assert refused.value.__cause__.diag.constraint_name == "holding_not_in_transfer"


def test_a_patient_may_not_be_moved_to_it_on_the_way(sites):
    here, there = sites
    device = make.device(here)
    sent(device, there)
    booked = make.rental("reserved", there)
    verb = {"device": device, "at": make.NOW, "actor": make.manager()}
    refused_as("device_unavailable", change.change_device, booked, **verb)


@pytest.mark.parametrize("condition", ["recalled", "lost", "sold", "retired"])
def test_what_is_no_more_of_the_fleet_stays_where_it_is(sites, condition):
    device = make.device(sites[0], condition=condition)
    assert refused_as("device_not_ready", sent, device, sites[1]).conflict == {"condition": condition}


@pytest.mark.parametrize(("state", "wishes"), [("active", {}), ("reserved", {"pinned": True}), ("returned", {})])
def test_one_that_a_rental_cannot_do_without_stays(sites, state, wishes):
    rental = make.rental(state, sites[0], **wishes)
    device = rental.holdings.get().device
    device.refresh_from_db()
    assert refused_as("device_unavailable", sent, device, sites[1]).conflict["reference"] == rental.reference
    assert not Transfer.objects.exists()


def test_one_that_is_on_its_way_is_not_sent_on(sites):
    device = make.device(sites[0])
    sent(device, sites[1])
    refused_as("device_unavailable", sent, Device.objects.get(), sites[0])
    sent(Device.objects.get(), sites[0], ARRIVES + 7 * DAY, at=make.NOW + 7 * DAY)


def test_a_wrong_site_and_a_passed_day_are_named(sites):
    device = make.device(sites[0])
    assert refused_as("invalid", sent, device, sites[0]).field == "to"
    assert refused_as("invalid", sent, device, sites[1], date(2026, 3, 1)).field == "arrives_on"
    assert not Rental.objects.exists()
