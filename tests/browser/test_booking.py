"""Devices offered while the dates and treatments are typed."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from rentals.booking.waiting import enquire
from tests import make
from tests.browser.desk import Watch, open_every_day, sign_in, with_password

pytestmark = pytest.mark.django_db(transaction=True)


def test_devices_are_offered_as_the_treatments_are_typed_and_nothing_else_on_the_page_is_touched(
    page: Page, live_server
):
    now = timezone.now()
    site = open_every_day(at=now - timedelta(days=60))
    worn = make.device(site, counter=300, at=now - timedelta(days=30))
    fresh = make.device(site, counter=100, at=now - timedelta(days=30))
    patient = make.patient(site, at=now)
    watch = Watch(page)
    sign_in(page, live_server.url, with_password(make.reception(site)).username)
    page.goto(f"{live_server.url}/patients/{patient.pk}/book/")
    page.get_by_label("Note on the injury").fill("left foot")
    offers = page.locator(".offer")
    expect(offers).to_have_count(2)
    expect(offers.first).to_contain_text(worn.serial)
    page.get_by_label("Treatments planned").fill("100")
    expect(offers).to_have_count(1)
    expect(offers.first).to_contain_text(fresh.serial)
    page.get_by_label("Treatments planned").fill("300")
    expect(page.get_by_text("No device fits:")).to_be_visible()
    assert page.get_by_label("Note on the injury").input_value() == "left foot"
    assert watch.is_content(), (watch.complaints, watch.hosts)


def test_a_suggestion_is_taken_over_from_what_is_shown_while_typing_and_nothing_typed_is_lost(page: Page, live_server):
    now = timezone.now()
    site = open_every_day(at=now - timedelta(days=60))
    device = make.device(site, at=now - timedelta(days=30))
    today = site.day_of(now)
    make.book(site, device=device, at=now, starts_on=today + timedelta(days=10))
    patient = make.patient(site, at=now)
    watch = Watch(page)
    sign_in(page, live_server.url, with_password(make.reception(site)).username)
    page.goto(f"{live_server.url}/patients/{patient.pk}/book/")
    page.get_by_label("Due back on").fill((today + timedelta(days=5)).isoformat())
    expect(page.locator(".offer")).to_have_count(1)
    page.get_by_label("Note on the injury").fill("left foot")
    page.get_by_role("radiogroup", name="Pregnant").get_by_label("No", exact=True).check()
    page.get_by_label("Due back on").fill((today + timedelta(days=20)).isoformat())
    page.get_by_role("button", name=f"Take device {device.serial} from").click()
    free_from = today + timedelta(days=10 + 28 + 2)
    expect(page.get_by_label("Collected on")).to_have_value(free_from.isoformat())
    expect(page.get_by_label("Due back on")).to_have_value((free_from + timedelta(days=20)).isoformat())
    expect(page.get_by_label("Note on the injury")).to_have_value("left foot")
    expect(page.get_by_role("radiogroup", name="Pregnant").get_by_label("No", exact=True)).to_be_checked()
    expect(page.locator(".offer input:checked")).to_have_count(1)
    assert watch.is_content(), (watch.complaints, watch.hosts)


def test_the_day_of_a_waiting_rental_shows_its_due_day_and_devices_as_it_is_typed(page: Page, live_server):
    now = timezone.now()
    site = open_every_day(at=now - timedelta(days=60))
    device = make.device(site, at=now - timedelta(days=30))
    make.book(site, device=device, at=now)
    rental = enquire(make.booking(site, at=now), at=now, actor=make.manager())
    watch = Watch(page)
    sign_in(page, live_server.url, with_password(make.reception(site)).username)
    page.goto(f"{live_server.url}/rentals/{rental.reference}/reserve/")
    expect(page.get_by_text("No device fits:")).to_be_visible()
    start = site.day_of(now) + timedelta(days=40)
    page.get_by_label("Collected on").fill(start.isoformat())
    expect(page.locator(".offer")).to_contain_text(device.serial)
    due_on = start + timedelta(days=28)
    expect(page.locator("#offers strong").nth(1)).to_have_text(f"{due_on:%a %-d %b %Y}")
    page.get_by_role("button", name="Reserve").click()
    expect(page.get_by_text("Reserved. Next: the agreement")).to_be_visible()
    rental.refresh_from_db()
    assert (rental.starts_on, rental.due_on, rental.holdings.get().device) == (start, due_on, device)
    assert watch.is_content(), (watch.complaints, watch.hosts)
