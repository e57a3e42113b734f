"""Sending a device to another site, from its page."""

from datetime import date, timedelta

import pytest

from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk
from tests.rentals.desk.offers import device_of
from tests.shared import shared

pytestmark = pytest.mark.django_db


@shared
def site():
    return make.clinic("Sydney")


@shared
def perth():
    return make.clinic("Perth", time_zone="Australia/Perth")


def test_a_manager_sends_a_device_and_its_page_says_from_when_it_can_be_had(site, perth):
    device = device_of(site)
    desk = Desk(make.manager())
    desk.see(f"/devices/{device.pk}/")
    assert f'href="/devices/{device.pk}/send/">Send to another site' in desk.page
    assert desk.fill_in(f"/devices/{device.pk}/send/", to=perth.pk, arrives_on="2026-03-05") == 302
    device.refresh_from_db()
    assert device.clinic == perth
    desk.see(desk.led_to)
    assert f"Device {device.serial} is on its way to Perth." in desk.page
    assert "On its way from Sydney; it can be had here from Fri 6 Mar 2026." in desk.page


def test_it_is_proposed_to_arrive_after_the_days_of_a_courier(site, perth):
    desk = Desk(make.manager())
    assert desk.see(f"/devices/{device_of(site).pk}/send/") == 200
    assert desk.proposed()["arrives_on"] == date(2026, 3, 4)


def test_a_device_that_is_out_stays_and_the_page_names_its_rental(site, perth):
    rental = make.rental(State.ACTIVE, site)
    device = rental.holdings.get().device
    desk = Desk(make.manager())
    assert desk.fill_in(f"/devices/{device.pk}/send/", to=perth.pk) == 409
    assert f"is bound to rental {rental.reference}" in desk.problems()["__all__"][0]
    assert f'href="/rentals/{rental.reference}/"' in desk.page
    assert desk.fill_in(f"/devices/{device.pk}/send/", to=perth.pk, arrives_on=make.NOW.date() - timedelta(3)) == 400
    assert "arrives_on" in desk.problems()


def test_who_works_for_one_site_only_is_told_so(site, perth):
    device = device_of(site)
    desk = Desk(make.manager(site))
    desk.see(f"/devices/{device.pk}/")
    assert "Send to another site" not in desk.page
    desk.see(f"/devices/{device.pk}/send/")
    assert "You work for no other site" in desk.page
    assert desk.send(f"/devices/{device.pk}/send/", to=perth.pk, arrives_on="2026-03-05") == 422
