"""Searching, scanning and counting in a real browser, by the keyboard and by a scanner, which types fast."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from rentals import stock_take
from rentals.models import StockScan, StockTake
from tests import make
from tests.browser.desk import Keyboard, Watch, open_every_day, sign_in, with_password
from tests.browser.faults import faults_of

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)
GTIN = "09506000134352"


@pytest.fixture
def site():
    return open_every_day(at=timezone.now() - 60 * DAY)


def device_of(site, serial: str):
    return make.device(site, serial=serial, model=make.device_model(gtin=GTIN), at=timezone.now() - 30 * DAY)


def test_a_slash_goes_to_the_search_and_a_scan_opens_the_device_with_what_to_do(page: Page, live_server, site):
    device = device_of(site, "0408017701")
    make.patient(site, family_name="Lindqvist")
    page.emulate_media(reduced_motion="reduce")
    watch = Watch(page)
    sign_in(page, live_server.url, with_password(make.reception(site)).username)
    field = page.get_by_role("searchbox")
    page.keyboard.press("/")
    expect(field).to_be_focused()
    page.keyboard.type("lindq")
    found = page.locator("#search-live").get_by_role("link", name="Ada Lindqvist")
    expect(found).to_be_visible()
    assert faults_of(page) == {}
    page.keyboard.press("ArrowDown")
    expect(found).to_be_focused()
    page.keyboard.press("Escape")
    expect(field).to_be_focused()
    expect(found).to_have_count(0)
    field.select_text()
    page.keyboard.type(f"]d201{GTIN}210408017701|17311231")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Device 0408017701")).to_be_visible()
    expect(page.get_by_role("link", name="Book it for a patient")).to_be_visible()
    assert page.url == f"{live_server.url}/devices/{device.pk}/"
    page.get_by_label("Counter on the screen").press_sequentially("/")
    expect(field).not_to_be_focused()
    assert watch.is_content(), (watch.complaints, watch.hosts)


def test_the_stock_is_counted_by_scanning_without_a_mouse(page: Page, live_server, site):
    devices = [device_of(site, "0408017701"), make.device(site, serial="0408017702"), make.device(site)]
    page.emulate_media(reduced_motion="reduce")
    watch = Watch(page)
    sign_in(page, live_server.url, with_password(make.manager(site)).username)
    page.goto(f"{live_server.url}/devices/stock-takes/")
    keyboard = Keyboard(page)
    keyboard.use(page.get_by_role("button", name="Start counting"))
    field = page.get_by_label("Scan or type a code")
    expect(field).to_be_focused()
    for code in (f"01{GTIN}210408017701", "0408017702", "0408017799"):  # faster than any answer
        page.keyboard.type(code)
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="2 of 3 scanned, 1 unexpected")).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    colleague(devices[2])
    page.keyboard.type("0408017702")
    page.keyboard.press("Enter")
    expect(page.get_by_text("0408017702 was scanned already")).to_be_visible()
    expect(page.get_by_role("heading", name="3 of 3 scanned")).to_be_visible()
    assert faults_of(page) == {}
    keyboard.follow("End the count")
    keyboard.follow("End the count")
    expect(page.get_by_text("The count has ended.")).to_be_visible()
    expect(page.get_by_role("link", name="Add the device")).to_be_visible()
    assert faults_of(page) == {}
    assert StockScan.objects.count() == 4
    assert watch.is_content(), (watch.complaints, watch.hosts)


def colleague(device) -> None:
    """Somebody else's scanner, in the same count."""
    count = StockTake.objects.get()
    stock_take.scan(count, device.serial, at=timezone.now(), actor=make.reception(device.clinic))
