"""A patient answers an offer in a real browser, on a phone, in light and dark; and without JavaScript."""

from datetime import date

import pytest
from django.utils import timezone
from playwright.sync_api import Browser

from rentals.links import make_link
from rentals.models import Rental
from tests import make
from tests.browser.desk import Watch, open_every_day
from tests.browser.faults import faults_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def offer() -> Rental:
    now = timezone.now()
    site = open_every_day(name="Harbour Sports Medicine", at=now)
    type(site).objects.update(phone="02 5550 1000", address="1 Quay St\nSydney NSW 2000")
    return make.offered(site, at=now, patient=make.patient(site, date_of_birth=date(1990, 5, 17)))


def link_to(offer: Rental, live_server) -> str:
    key = make_link(offer, expires_at=offer.offer_expires_at, at=timezone.now())
    return f"{live_server.url}/offers/{key}/"


def test_a_patient_accepts_and_no_step_has_a_fault(browser: Browser, live_server, offer: Rental):
    page = browser.new_context(reduced_motion="reduce").new_page()
    watch = Watch(page)
    page.goto(link_to(offer, live_server))
    assert faults_of(page) == {}
    page.get_by_label("Your date of birth").fill("1991-05-17")
    page.get_by_role("button", name="Show the offer").click()
    page.get_by_role("alert").wait_for()
    assert faults_of(page) == {}
    page.get_by_label("Your date of birth").fill("1990-05-17")
    page.get_by_role("button", name="Show the offer").click()
    page.get_by_role("heading", name="A device is held for you").wait_for()
    assert faults_of(page) == {}
    page.get_by_role("button", name="Yes, I would like it").click()
    page.get_by_text("The device is booked for you.").wait_for()
    assert faults_of(page) == {}
    offer.refresh_from_db()
    assert (offer.state, offer.offer_expires_at) == ("reserved", None)
    assert watch.is_content(), (watch.complaints, watch.hosts)


def test_a_patient_declines_without_javascript(browser: Browser, live_server, offer: Rental):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(link_to(offer, live_server))
    page.get_by_label("Your date of birth").fill("1990-05-17")
    page.get_by_role("button", name="Show the offer").click()
    page.get_by_role("button", name="No, thank you").click()
    page.get_by_text("We offer the device to somebody else.").wait_for()
    offer.refresh_from_db()
    assert offer.state == "enquiry"
