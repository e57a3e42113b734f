"""The timeline in a real browser: a reservation dragged to another device, and moved with the keyboard alone."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from config.models import Clinic
from devices.models import Device
from rentals.models import Rental
from tests import make
from tests.browser.desk import Keyboard, Watch, open_every_day, sign_in, with_password

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


@pytest.fixture
def site() -> Clinic:
    return open_every_day(at=timezone.now() - 60 * DAY)


def device_of(site: Clinic, counter: int = 0) -> Device:
    return make.device(site, counter=counter, at=timezone.now() - 30 * DAY)


def reserved(device: Device) -> Rental:
    """A rental of four weeks from today on."""
    return make.book(device.clinic, device=device, at=timezone.now())


def opened(page: Page, server: str, site: Clinic) -> Watch:
    watch = Watch(page)
    sign_in(page, server, with_password(make.reception(site)).username)
    page.get_by_role("link", name="Timeline").click()
    page.get_by_role("heading", name="Timeline of").wait_for()
    return watch


def row_of(page: Page, device: Device) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=device.serial))


def bar_of(page: Page, rental: Rental) -> Locator:
    return page.get_by_role("link", name=f"Rental {rental.reference} reserved")


def device_now(rental: Rental) -> Device | None:
    return rental.holdings.get(live=True).device


def test_a_reservation_is_dragged_onto_another_device(page: Page, live_server, site: Clinic):
    old, new = device_of(site), device_of(site)
    rental = reserved(old)
    watch = opened(page, live_server.url, site)
    bar_of(page, rental).drag_to(row_of(page, new).get_by_role("cell").first)
    expect(page.get_by_text(f"Rental {rental.reference} is on device {new.serial} now.")).to_be_visible()
    expect(row_of(page, new).get_by_role("link", name=rental.reference).first).to_be_visible()
    assert device_now(rental) == new
    assert watch.is_content(), (watch.complaints, watch.hosts)


def test_a_reservation_dropped_where_somebody_is_stays_and_is_told_why(page: Page, live_server, site: Clinic):
    """Where it fits instead is chosen from what is shown, and leads back to the timeline."""
    old, taken, free = device_of(site), device_of(site), device_of(site)
    rental, other = reserved(old), reserved(taken)
    opened(page, live_server.url, site)
    bar_of(page, rental).drag_to(bar_of(page, other))
    expect(page.locator(".alert-danger")).to_contain_text(f"Device {taken.serial} cannot be had on these days")
    expect(page.get_by_text("In the way: rental")).to_contain_text(other.reference)
    assert device_now(rental) == old
    page.get_by_label(free.serial).check()
    page.get_by_role("button", name="Put it on this device").click()
    expect(page.get_by_role("heading", name="Timeline of")).to_be_visible()
    assert device_now(rental) == free


@pytest.mark.parametrize("with_script", [True, False])
def test_the_keyboard_moves_a_reservation_by_its_form(with_script: bool, browser: Browser, live_server, site: Clinic):
    old, new = device_of(site), device_of(site, counter=10)
    rental = reserved(old)
    page = browser.new_context(java_script_enabled=with_script).new_page()
    opened(page, live_server.url, site)
    keyboard = Keyboard(page)
    keyboard.use(page.get_by_role("link", name=f"Move rental {rental.reference} to another device"))
    expect(page.get_by_label(new.serial)).to_be_checked()
    keyboard.follow("Put it on this device")
    expect(page.get_by_text(f"Rental {rental.reference} is on device {new.serial} now.")).to_be_visible()
    assert device_now(rental) == new
    page.context.close()
