"""Devices offered while the dates and treatments are typed."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

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
    expect(page.get_by_text("No device fits.")).to_be_visible()
    assert page.get_by_label("Note on the injury").input_value() == "left foot"
    assert watch.is_content(), (watch.complaints, watch.hosts)
