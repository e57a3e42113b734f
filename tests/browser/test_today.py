"""Today's page in a real browser: things done in its rows, refreshed by itself, put on paper."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from config.models import Clinic
from rentals.booking.offers import decline_offer
from rentals.models import Discrepancy, Message, Rental, StaffTask
from rentals.models.states import State
from rentals.staff_tasks import ask_staff
from tests import make
from tests.browser.desk import Watch, open_every_day, sign_in, with_password
from tests.browser.faults import faults_of

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)
PHONE = re.compile("Look at it.*phone instead")


@pytest.fixture
def site() -> Clinic:
    """One row in each list that can be dealt with in place."""
    now = timezone.now()
    site = open_every_day(name="Harbour", at=now - 90 * DAY)
    late = make.rental(State.ACTIVE, site, at=now - 40 * DAY, days=28)
    ask_staff(StaffTask.Kind.PHONE, "call", rental=late, words="It is due back.", at=now - DAY)
    about = {"clinic": site, "device": late.holdings.get().device, "rental": late, "opened_at": now - 2 * DAY}
    Discrepancy.objects.create(kind="log_missing", subject="1", why="Two are missing.", action="Read it out.", **about)
    message = Message.objects.create(patient=late.patient, created_at=now, next_attempt_at=now, text="Bring it back.")
    claimed = {"claim": "11111111-1111-1111-1111-111111111111", "lease_until": now}
    Message.objects.filter(pk=message.pk).update(state="sending", **claimed)
    Message.objects.filter(pk=message.pk).update(state="failed", claim=None, lease_until=None, why="550 5.1.1")
    taken = make.device(site, at=now - 50 * DAY)
    make.book(site, device=taken, at=now, starts_on=site.day_of(now) + 9 * DAY)
    make.put_at_risk(taken)
    make.offered(site, at=now)
    return site


def signed_in(page: Page, live_server, site: Clinic) -> Page:
    page.set_default_timeout(5_000)
    sign_in(page, live_server.url, with_password(make.reception(site)).username)
    return page


def test_each_row_is_dealt_with_in_its_place_and_the_menu_counts_along(page: Page, live_server, site: Clinic):
    watch = Watch(page)
    signed_in(page, live_server, site)
    address = page.url
    menu = page.get_by_role("navigation", name="Desk")
    expect(menu.get_by_role("link", name="Tasks 1 to do")).to_be_visible()
    expect(menu.get_by_role("link", name="At risk 1")).to_be_visible()

    page.get_by_role("link", name=PHONE).click()
    page.get_by_label("What came of it").fill("She comes on Friday.")
    page.get_by_role("button", name="The patient was told").click()
    expect(page.locator(".said")).to_contain_text("Done: Phone instead of a mail.")
    expect(menu.get_by_role("link", name="Tasks", exact=True)).to_be_visible()

    page.get_by_role("link", name="Put right").click()
    page.get_by_role("button", name="Take it on").click()
    expect(page.get_by_text("has it in hand")).to_be_focused()

    page.get_by_role("link", name="Read the message").click()
    expect(page.get_by_text("Bring it back.")).to_be_visible()
    page.get_by_role("button", name="The patient was told by phone").click()
    expect(page.get_by_text("Recorded.")).to_be_visible()

    page.get_by_role("link", name="Give it a device").click()
    page.get_by_role("button", name="Put it on this device").click()
    expect(page.locator(".said", has_text="is on device")).to_be_visible()
    expect(menu.get_by_role("link", name="At risk")).to_have_count(0)

    page.get_by_role("link", name="Accepts").click()
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.get_by_text("The offer is accepted.")).to_be_visible()

    page.get_by_role("link", name="Comes on").click()
    page.get_by_role("button", name="Write it down").click()
    expect(page.get_by_text("Please choose the day on which you come.")).to_be_visible()
    page.get_by_label("Which day?").select_option(index=2)
    page.get_by_label("About what time?").select_option(index=1)
    page.get_by_role("button", name="Write it down").click()
    expect(page.get_by_text("The day of the return is written down.")).to_be_visible()
    assert page.url == address
    assert not StaffTask.objects.open().exists() and not Rental.objects.offered().exists()
    # The one form that was sent half filled in is a 422 of the server, which the browser notes.
    assert all("422" in complaint for complaint in watch.complaints), watch.complaints


def test_a_no_is_said_in_the_row(page: Page, live_server, site: Clinic):
    signed_in(page, live_server, site)
    page.get_by_role("link", name="Declines").click()
    button = page.get_by_role("button", name="Decline", exact=True)
    expect(button).to_be_visible()
    decline_offer(Rental.objects.offered().get(), at=timezone.now(), actor=make.manager())  # by somebody else
    button.click()
    expect(page.locator(".place [role=alert], .place .refused, .place .alert")).to_be_visible()


def test_the_page_shows_what_is_new_by_itself_but_not_while_a_row_is_open(page: Page, live_server, site: Clinic):
    page.clock.install()
    signed_in(page, live_server, site)
    task = page.get_by_role("link", name=PHONE)
    task.focus()
    rental = Rental.objects.filter(state=State.ACTIVE).get()
    ask_staff(StaffTask.Kind.GEL, "gel", rental=rental, words="One bottle.", at=timezone.now())
    page.clock.run_for(61_000)
    expect(page.get_by_role("link", name=re.compile("Look at it.*gel to hand out"))).to_be_visible()
    expect(task).to_be_focused()
    expect(page.locator("#news")).to_have_text("To do 2")
    task.click()
    page.get_by_label("What came of it").fill("Half a sen")
    ask_staff(StaffTask.Kind.CHASE, "chase", rental=rental, words="Phone.", at=timezone.now())
    page.clock.run_for(181_000)
    expect(page.get_by_label("What came of it")).to_have_value("Half a sen")
    page.get_by_label("What came of it").press("Escape")
    expect(task).to_be_focused()
    page.clock.run_for(61_000)
    expect(page.get_by_role("link", name=re.compile("Look at it.*overdue"))).to_be_visible()


def test_no_state_of_it_has_a_fault_and_on_paper_it_is_a_list_to_tick(browser: Browser, live_server, site: Clinic):
    page = browser.new_context(reduced_motion="reduce").new_page()
    signed_in(page, live_server, site)
    for name in (PHONE, "Put right", "Read the message", "Give it a device", "Accepts", "Comes on"):
        page.get_by_role("link", name=name).click()
        expect(page.locator(".opened")).to_have_count(1)
        expect(page.locator(".opened")).to_be_focused()
        assert faults_of(page) == {}, name
    page.emulate_media(media="print", color_scheme="light")
    page.get_by_role("button", name="Not now").wait_for(state="hidden")
    assert not page.get_by_role("navigation", name="Desk").is_visible()
    assert page.get_by_role("heading", name="Overdue").is_visible()
