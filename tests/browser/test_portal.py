"""A patient's visit to the pages about a hire in a real browser, on a phone, in light and dark, without JavaScript."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page

from config.models import Clinic
from rentals.links import make_portal_link
from rentals.models import PatientDay, Rental, StaffTask
from rentals.models.states import State
from tests import make
from tests.browser.desk import Keyboard, Watch, open_every_day
from tests.browser.faults import faults_of
from tests.usage import Log, import_logs

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)
WAYS = ("My hire", "My treatments", "How to use it", "Documents", "Reminders")


@pytest.fixture
def site() -> Clinic:
    site = open_every_day(name="Harbour Sports Medicine", at=timezone.now() - 60 * DAY)
    Clinic.objects.update(phone="02 5550 1000", email="desk@harbour.example", address="1 Quay St\nSydney NSW 2000")
    site.refresh_from_db()
    return site


@pytest.fixture
def hire(site: Clinic) -> Rental:
    """Out for twelve days, with some of them read out."""
    out = timezone.now().replace(microsecond=0) - 12 * DAY
    device = make.device(site, at=out - DAY)
    rental = make.rental(State.ACTIVE, site, device=device, at=out)
    import_logs(Log(device, out + 6 * DAY, counter=4).daily([1, 2, 3, 4], out + DAY / 4), at=timezone.now())
    return rental


def come_in(page: Page, server: str, rental: Rental) -> None:
    page.goto(f"{server}/p/{make_portal_link(rental, at=timezone.now())}/")
    page.get_by_label("Your date of birth").fill(rental.patient.date_of_birth.isoformat())
    page.get_by_role("button", name="Show my pages").click()
    page.get_by_role("navigation", name="My pages").wait_for()


def send(page: Page, button: str) -> None:
    page.get_by_role("button", name=button).click()


def test_no_page_has_a_fault_and_nobody_else_is_asked(browser: Browser, live_server, hire: Rental, site: Clinic):
    page = browser.new_context(reduced_motion="reduce").new_page()
    watch, seen = Watch(page), {}
    key = make_portal_link(hire, at=timezone.now())
    page.goto(f"{live_server.url}/p/{key}/")
    seen["door"] = faults_of(page)
    page.get_by_label("Your date of birth").fill("1991-01-01")
    send(page, "Show my pages")
    page.get_by_role("alert").wait_for()
    seen["refused"] = faults_of(page)
    booked = make.rental(State.RESERVED, site, at=timezone.now())
    for rental in (booked, hire):
        come_in(page, live_server.url, rental)
        for way in WAYS:
            page.get_by_role("link", name=way, exact=True).click()
            page.get_by_role("heading", level=1).wait_for()
            seen[f"{rental.state} {way}"] = faults_of(page)
        page.goto(f"{live_server.url}/my/sign/")
        seen[f"{rental.state} sign"] = faults_of(page)
    for name in ("extension", "return", "problem", "healed"):
        page.goto(f"{live_server.url}/my/{name}/")
        seen[name] = faults_of(page)
        page.get_by_role("main").get_by_role("button").click()
        page.get_by_role("heading", level=1).wait_for()
        seen[f"{name} sent"] = faults_of(page)
    send(page, "Sign out")
    page.get_by_text("You are signed out").wait_for()
    seen["signed out"] = faults_of(page)
    assert {name: faults for name, faults in seen.items() if faults} == {}
    assert watch.hosts <= {"localhost", None}


def test_a_whole_visit_works_without_javascript(browser: Browser, live_server, hire: Rental):
    page = browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640}).new_page()
    come_in(page, live_server.url, hire)
    assert "/p/" not in page.url
    page.get_by_role("link", name="I treated, but the device did not record it").click()
    page.get_by_label("Yes, as often as prescribed").check()
    send(page, "Keep this")
    page.get_by_text("Thank you. We have written it down.").wait_for()
    page.get_by_role("link", name="My hire").click()
    page.get_by_role("link", name="I would like to keep it longer").click()
    page.get_by_label("Until which day would you like to keep it?").fill((hire.due_on + 14 * DAY).isoformat())
    send(page, "Ask to keep it longer")
    page.get_by_role("link", name="Something is wrong").click()
    page.get_by_label("The device does not work as it should").check()
    page.get_by_label("Please tell us more in a few words").fill("It stops after a minute.")
    send(page, "Send it to the clinic")
    page.get_by_role("link", name="Choose a time to bring it back").click()
    page.get_by_label("Which day?").select_option(index=3)
    page.get_by_label("About what time?").select_option(index=2)
    send(page, "Choose this time")
    page.get_by_text("You bring it back on").wait_for()
    page.get_by_role("link", name="I was told that I am healed").click()
    send(page, "Tell my clinician")
    page.get_by_role("link", name="Reminders").click()
    page.get_by_label("Also send me advice").uncheck()
    send(page, "Save")
    page.get_by_text("Thank you. We have written it down.").wait_for()
    send(page, "Sign out")
    page.get_by_text("You are signed out").wait_for()
    assert sorted(StaffTask.objects.values_list("kind", flat=True)) == ["extension", "healed", "problem"]
    hire.refresh_from_db()
    hire.patient.refresh_from_db()
    assert (hire.return_expected_at is None, hire.patient.wants_advice) == (False, False)
    assert PatientDay.objects.get().treated


def test_the_agreement_is_signed_with_the_keyboard_alone(browser: Browser, live_server, site: Clinic):
    rental = make.rental(State.RESERVED, site, at=timezone.now())
    page = browser.new_context().new_page()
    come_in(page, live_server.url, rental)
    keyboard = Keyboard(page)
    keyboard.follow("Read and sign the agreement")
    keyboard.write(page.get_by_label("Your full name, as your signature"), "Ada Example")
    keyboard.use(page.get_by_label("I have read the agreement and agree to it"))
    keyboard.follow("Sign the agreement")
    page.get_by_role("link", name="Rental agreement").wait_for()
    assert rental.signatures.get().name == "Ada Example"
