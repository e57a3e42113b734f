"""A rental booked for a known patient with the keyboard alone: how many keys that takes."""

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from patients.models import Screening
from rentals.models import Rental
from tests import make
from tests.browser.desk import Watch, open_every_day, sign_in, with_password
from tests.browser.faults import faults_of

pytestmark = pytest.mark.django_db(transaction=True)

MOST_KEYS = 45  # even a slow typist presses one a second, so that this takes less than a minute
QUESTIONS = len(Screening.Warning.values)


class Keys:
    """Presses keys where the focus is, and counts them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pressed = 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed += 1

    def write(self, text: str) -> None:
        self.page.keyboard.type(text)
        self.pressed += len(text)


def test_a_known_patient_is_booked_in_under_a_minute_of_keys(page: Page, live_server):
    now = timezone.now()
    site = open_every_day(at=now)
    device = make.device(site, at=now)
    patient = make.patient(site, given_name="Zoë", family_name="Lindqvist", at=now)
    make.patient(site, given_name="Zoë", family_name="Otherwise", at=now)
    watch = Watch(page)
    sign_in(page, live_server.url, with_password(make.reception(site)).username)
    keys = Keys(page)

    page.wait_for_load_state("networkidle")
    keys.press("b")
    expect(page.get_by_label("Name, birth date or phone")).to_be_focused()
    keys.write("lind")
    expect(page.get_by_label("Zoë Lindqvist")).to_be_visible()
    keys.press("Enter", "Space")
    expect(page.get_by_label("Zoë Lindqvist")).to_be_checked()
    keys.press("Tab", "Tab")  # past the fields of somebody new, which stay closed
    expect(page.get_by_role("combobox", name="Injury")).to_be_focused()
    keys.write("Str")
    keys.press("Tab")
    keys.write("Meta")
    keys.press("Tab", "Tab")
    for _ in range(QUESTIONS - 1):
        keys.press("n")
    keys.press("y")
    expect(page.get_by_label("Clinician’s note: Open wound")).to_be_focused()
    keys.press("Shift+Tab", "n")
    expect(page.locator("#offers")).to_contain_text(device.serial)
    keys.press("Control+Enter")
    expect(page.get_by_text("Booked. Next: the agreement")).to_be_visible()

    rental = Rental.objects.get()
    assert (rental.patient, rental.injury.kind, rental.injury.site) == (patient, "stress_fatigue", "metatarsal")
    assert {answer["answer"] for answer in rental.screening.answers.values()} == {"no"}
    assert keys.pressed <= MOST_KEYS, keys.pressed
    assert watch.is_content(), (watch.complaints, watch.hosts)


def test_letters_typed_into_a_field_are_no_keys_and_no_state_of_the_page_has_a_fault(page: Page, live_server):
    now = timezone.now()
    site = open_every_day(at=now)
    make.device(site, at=now)
    known = make.patient(site, given_name="Abby", family_name="Lindqvist", at=now)
    page.emulate_media(reduced_motion="reduce")
    sign_in(page, live_server.url, with_password(make.reception(site)).username)
    page.goto(f"{live_server.url}/book/")
    page.get_by_label("Name, birth date or phone").press_sequentially("abby")
    expect(page.get_by_label("Abby Lindqvist")).to_be_visible()
    page.get_by_label("Note on the injury").press_sequentially("by")
    expect(page.get_by_label("Note on the injury")).to_have_value("by")
    assert faults_of(page) == {}
    page.get_by_text("Somebody new").click()
    page.get_by_label("Given name").fill("Abby")
    page.get_by_label("Family name").fill("Lindqvist")
    page.get_by_label("Date of birth", exact=True).fill(known.date_of_birth.isoformat())
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.get_by_text("Not booked yet")).to_be_visible()
    assert faults_of(page) == {}
    expect(page.get_by_label("Family name")).to_have_value("Lindqvist")
    assert "Lindqvist" not in page.url
