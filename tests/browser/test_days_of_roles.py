"""What each role does in a day, in a real browser, by following what the pages say; no page on the way has a fault."""

import csv
import re
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core import mail
from django.utils import timezone
from openpyxl import load_workbook
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from config.models import Clinic, User
from rentals import custody
from rentals.ledger import bond_due, pay
from rentals.models import Photo, Rental, StaffTask
from rentals.models.states import State
from rentals.reminders import outbox, plan
from tests import make
from tests.browser.desk import PASSWORD, Mouse, Watch, open_every_day, sign_in, with_password
from tests.browser.faults import LIGHT, faults_of
from tests.browser.test_signing import draw

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


class Day:
    """Somebody's day at the desk: the page, and what was wrong with what it showed."""

    def __init__(self, browser: Browser, server: str, user: User | None = None) -> None:
        context = browser.new_context(reduced_motion="reduce", color_scheme="light")
        context.set_default_timeout(10_000)
        self.page = context.new_page()
        self.server = server
        self.watch = Watch(self.page)
        self.faults: dict[str, object] = {}
        if user:
            sign_in(self.page, server, with_password(user).username)

    def follow(self, name: str) -> None:
        """The link or button of this name in the page."""
        Mouse(self.page).follow(name)

    def sees(self, words: str) -> None:
        """The words stand on the page, and it has no fault."""
        expect(self.page.get_by_role("main")).to_contain_text(words)
        if found := faults_of(self.page, LIGHT):
            self.faults[f"{self.page.url}, {words}"] = found

    def ends_well(self) -> None:
        """The last page has no fault in the dark and on a phone, either; nothing was wrong all day."""
        self.faults |= faults_of(self.page)
        assert self.faults == {}
        assert self.watch.is_content(), (self.watch.complaints, self.watch.hosts)


@pytest.fixture
def site() -> Clinic:
    return open_every_day(name="Harbour", at=timezone.now() - 90 * DAY)


def test_reception_finds_books_hands_over_takes_back_and_inspects(browser: Browser, live_server, site, tmp_path: Path):
    now = timezone.now()
    device = make.device(site, counter=40, at=now - 30 * DAY)
    make.patient(site, given_name="Zoë", family_name="Lindqvist", at=now)
    day = Day(browser, live_server.url, make.reception(site))
    page = day.page
    page.get_by_role("searchbox").fill("lindq")
    page.locator("#search-live").get_by_role("link", name="Zoë Lindqvist").click()
    day.sees("No rental yet")
    day.follow("Book")
    page.get_by_role("combobox", name="Injury").select_option(label="Stress fatigue")
    page.get_by_role("main").get_by_role("combobox", name="Site").select_option(label="Metatarsal")
    for question in page.get_by_role("radiogroup").all():
        question.get_by_label("No", exact=True).check()
    page.get_by_label("Treatments planned").fill("20")
    day.sees(device.serial)
    day.follow("Book")
    day.sees("Booked. Next: the agreement")

    day.follow("Sign")
    draw(page, [(0.1, 0.9), (0.9, 0.9)])
    page.get_by_role("button", name="Clear the drawing").click()
    draw(page, [(0.1, 0.2), (0.4, 0.8), (0.7, 0.2)])
    page.get_by_label("The agreement was read").check()
    day.sees("The agreement was read")
    day.follow("Signed")
    day.sees("The agreement is signed.")
    day.follow("Take the bond")
    day.sees("Amount")
    day.follow("Record")

    Image.new("RGB", (1200, 900), "teal").save(tmp_path / "side.jpg")
    day.follow("Hand over")
    page.get_by_label("Counter on the screen").fill("40")
    for part in ("Main unit", "Transducer", "Charger"):
        page.get_by_label(part).check()
    page.get_by_label("Add photos").set_input_files(tmp_path / "side.jpg")
    page.get_by_role("button", name="Remove photo 1").wait_for()
    day.sees("Kept.")
    day.follow("Hand over")
    day.sees("Handed over. The rental is active.")

    day.follow("Take back")
    for part in ("Main unit", "Transducer"):  # the charger stays at home
        page.get_by_label(part).check()
    page.get_by_label("Charger").uncheck()
    page.get_by_label("Counter on the screen").fill("40")
    day.sees("Charger")
    day.follow("Take back")
    day.sees("The device is back")
    day.follow("Inspect and settle")
    for check in custody.CHECKS.values():
        page.get_by_label(str(check)).check()
    page.get_by_label("Ready for the next patient").check()
    day.sees("Ready for the next patient")
    day.follow("Settle and close")
    day.sees("closed")
    day.ends_well()

    rental = Rental.objects.get()
    device.refresh_from_db()
    assert (rental.state, device.condition, Photo.objects.count()) == (State.CLOSED, "ready", 1)
    assert rental.ledger.filter(kind="fee").count() == 1
    [line] = rental.signatures.get().strokes
    assert [line[0], line[-1]] == [pytest.approx([0.1, 0.2], abs=0.01), pytest.approx([0.7, 0.2], abs=0.01)]


def test_clinician_confirms_healing_and_puts_somebody_first(browser: Browser, live_server, site):
    now = timezone.now()
    hired = make.rental(State.ACTIVE, site, at=now - 20 * DAY)
    first, second = (make.waiting(site, at=now - days * DAY) for days in (3, 2))
    day = Day(browser, live_server.url, make.clinician(site))
    day.page.goto(f"{live_server.url}/rentals/{hired.reference}/")
    day.follow("Confirm healing")
    day.page.get_by_label("Seen on").fill(site.day_of(now).isoformat())
    day.page.get_by_label("Imaging").fill("Plain film, Harbour Imaging")
    day.sees("may choose when to come")
    day.follow("Confirm")
    day.sees("Plain film, Harbour Imaging")
    day.page.get_by_role("navigation", name="Desk").get_by_role("link", name="Waiting list").click()
    waiting = day.page.get_by_role("list").filter(has_text=first.reference)
    expect(waiting.get_by_role("listitem").first).to_contain_text(first.reference)
    day.follow(f"Priority of {second.patient.name}")
    day.page.get_by_label("Priority").select_option(index=0)
    day.sees("The list goes by it")
    day.follow("Set")
    day.page.goto(f"{live_server.url}/waiting/")
    expect(waiting.get_by_role("listitem").first).to_contain_text(second.reference)
    day.sees(second.reference)
    day.ends_well()
    hired.refresh_from_db()
    assert (hired.healed_on, hired.healed_imaging) == (site.day_of(now), "Plain film, Harbour Imaging")


def test_manager_reads_the_figures_to_their_rows_takes_them_along_and_invites(browser: Browser, live_server, settings):
    settings.PUBLIC_URL = live_server.url
    now = timezone.now()
    site = open_every_day(name="=1+1 Harbour", at=now - 90 * DAY)
    for days in (10, 40):
        make.rental(State.ACTIVE, site, at=now - days * DAY)
    day = Day(browser, live_server.url, make.manager())
    page = day.page
    page.get_by_role("link", name="Fleet figures").click()
    day.sees("Of the fleet, with a patient")
    files = {kind: downloaded(page, kind) for kind in ("CSV", "XLSX", "PDF")}
    cells = [cell for line in csv.reader(StringIO(files["CSV"].read_text("utf-8-sig"))) for cell in line]
    assert any("1+1 Harbour" in cell for cell in cells)
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []
    assert load_workbook(files["XLSX"]).worksheets[0].max_row > 1
    assert "Harbour" in PdfReader(files["PDF"]).pages[0].extract_text()

    figure = page.locator(".figure").filter(has_text="Of the fleet, with a patient").get_by_role("link")
    number = re.match(r"\d+", figure.inner_text())
    figure.click()
    day.sees("What it is made of")
    assert number and int(number[0]) == page.locator("main tbody tr").count() == 2
    page.get_by_role("link", name=re.compile("^1121")).first.click()
    day.sees("Device 1121")

    page.get_by_role("navigation", name="Desk").get_by_role("link", name="Settings").click()
    day.sees("Settings")
    day.follow("Staff and roles")
    day.follow("Invite somebody")
    page.get_by_label("User name").fill("nora")
    page.get_by_label("Reception:").check()
    day.sees("They choose their own password")
    day.follow("Invite")
    day.sees("The link for nora")
    comes_in(browser, live_server.url, page.get_by_label("Pass it on").input_value())
    day.ends_well()


def downloaded(page: Page, kind: str) -> Path:
    """The file behind the link of this name, ending as it was called."""
    with page.expect_download() as download:
        page.get_by_role("main").get_by_role("link", name=kind, exact=True).click()
    path = download.value.path()
    return path.rename(path.with_name(download.value.suggested_filename))


def comes_in(browser: Browser, server: str, link: str) -> None:
    """Whoever was invited chooses a password, and signs in with it."""
    day = Day(browser, server)
    day.page.goto(link)
    day.page.get_by_label("Password").fill(PASSWORD)
    day.page.get_by_label("The same once more").fill(PASSWORD)
    day.sees("Choose your password")
    day.follow("Set the password")
    day.sees("The password of nora is set.")
    sign_in(day.page, server, "nora")
    expect(day.page.get_by_role("navigation", name="Desk").get_by_role("link", name="Book")).to_be_visible()
    day.ends_well()


def test_auditor_sees_all_of_it_and_no_way_to_change_it(browser: Browser, live_server, site):
    rental = make.rental(State.ACTIVE, site, at=timezone.now() - 10 * DAY)
    device = rental.holdings.get().device
    day = Day(browser, live_server.url, make.auditor())
    page = day.page
    shown = (rental.reference, f"/rentals/{rental.reference}/"), (device.serial, f"/devices/{device.pk}/")
    linked: set[str] = set()
    for words, address in (*shown, (rental.patient.name, f"/patients/{rental.patient_id}/")):
        page.goto(live_server.url + address)
        day.sees(words)
        assert page.locator("main form[method=post], main [hx-post]").count() == 0
        linked |= linked_from(page)
    assert len(linked) > 3
    assert [one for one in linked if page.request.get(one).status != 200] == []
    token = page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    answer = page.request.post(
        f"{live_server.url}/rentals/{rental.reference}/extend/",
        form={"csrfmiddlewaretoken": token, "due_on": (rental.due_on + DAY).isoformat(), "planned_treatments": "30"},
    )
    assert (answer.status, "send it again" in answer.text()) == (403, False)
    day.ends_well()
    assert Rental.objects.get().due_on == rental.due_on


def linked_from(page: Page) -> set[str]:
    """The pages to which the page leads."""
    links = page.locator("main a").evaluate_all("links => links.map(one => one.href)")
    return {one.partition("#")[0] for one in links if one.startswith("http")} - {page.url}


def test_patient_signs_and_asks_for_longer_and_reception_grants_it(browser: Browser, live_server, site, settings):
    settings.PUBLIC_URL = live_server.url
    now = timezone.now()
    rental = make.book(site, device=make.device(site, at=now - 30 * DAY), at=now)
    patient = Day(browser, live_server.url)
    patient.page.goto(link_in_a_mail(rental))
    patient.sees("date of birth")
    patient.page.get_by_label("Your date of birth").fill(rental.patient.date_of_birth.isoformat())
    patient.follow("Show my pages")
    patient.sees("A device is booked for you")
    patient.follow("Read and sign the agreement")
    patient.page.get_by_label("Your full name").fill("Ada Example")
    patient.page.get_by_label("I have read the agreement").check()
    patient.sees("What we agree on")
    patient.follow("Sign the agreement")
    patient.sees("Rental agreement")
    collected(rental)
    patient.page.get_by_role("link", name="My hire").click()
    patient.sees("What you have")
    patient.follow("I would like to keep it longer")
    until = rental.due_on + 14 * DAY
    patient.page.get_by_label("Until which day").fill(until.isoformat())
    patient.sees("The hire costs")
    patient.follow("Ask to keep it longer")
    patient.sees("You would like to keep the device longer")

    desk = Day(browser, live_server.url, make.reception(site))
    desk.page.get_by_role("navigation", name="Desk").get_by_role("link", name="Tasks").click()
    desk.sees("To keep it until")
    desk.follow("Change the due day")
    expect(desk.page.get_by_label("New due day")).to_have_value(until.isoformat())
    desk.sees("New due day")
    desk.follow("Change")
    desk.sees("due day")
    rental.refresh_from_db()
    assert rental.due_on == until
    assert not StaffTask.objects.open().exists()
    patient.page.get_by_role("link", name="My hire").click()
    expect(patient.page.get_by_role("main")).not_to_contain_text("You would like to keep the device longer")
    for one in (patient, desk):
        one.ends_well()


def link_in_a_mail(rental: Rental) -> str:
    """The link to the patient's pages in the mail that was sent about the booking."""
    plan.plan_reminders(timezone.now())
    outbox.send_due(timezone.now())
    [letter] = [one for one in mail.outbox if one.to == [rental.patient.email]]
    found = re.search(r"http://localhost:\d+/p/[\w-]+/", letter.body)
    assert found, letter.body
    return found[0]


def collected(rental: Rental) -> None:
    """The patient pays the bond at the desk and takes the device home."""
    now, boss = timezone.now(), make.manager()
    pay(rental, kind="bond", amount=bond_due(rental), method="card", at=now, actor=boss)
    custody.hand_over(rental, counter=0, parts=make.ALL_PARTS, at=now, now=now, actor=boss)
