"""A hand-over in a real browser: kept while it is filled in, said at once what can hardly be, resumed, finished."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Browser, Page

from rentals.models import Checklist, Rental
from rentals.models.states import State
from tests import make
from tests.browser.desk import Watch, open_every_day, sign_in, with_password
from tests.browser.faults import faults_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rental() -> Rental:
    now = timezone.now()
    site = open_every_day(at=now - timedelta(days=60))
    device = make.device(site, counter=40, at=now - timedelta(days=30))
    return make.prepare(make.rental(clinic=site, device=device, at=now), at=now)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A photo, and a text that says it is one."""
    Image.new("RGB", (1200, 900), "teal").save(tmp_path / "side.jpg")
    (tmp_path / "notes.jpg").write_text("no picture")
    return [str(tmp_path / "side.jpg"), str(tmp_path / "notes.jpg")]


def test_a_hand_over_is_interrupted_and_somebody_else_goes_on(
    browser: Browser, live_server, rental: Rental, files: list[str]
):
    anna, ben = (browser.new_context(reduced_motion="reduce").new_page() for _ in range(2))
    watches = [Watch(anna), Watch(ben)]
    for page in (anna, ben):
        page.set_default_timeout(10_000)
        sign_in(page, live_server.url, with_password(make.reception(rental.clinic)).username)
    begin(anna, f"{live_server.url}/rentals/{rental.reference}/hand-over/", files)
    assert faults_of(anna) == {}
    anna.close()

    ben.goto(f"{live_server.url}/rentals/{rental.reference}/")
    assert ben.get_by_role("img", name="Photo at the hand-over").count() == 1
    assert faults_of(ben) == {}
    ben.get_by_role("link", name="go on").click()
    assert ben.get_by_label("Counter on the screen").input_value() == "38"
    assert ben.get_by_label("Main unit").is_checked()
    ben.get_by_label("Counter on the screen").fill("41")
    ben.get_by_label("Counter on the screen").press("Enter")  # keeps it, and hands nothing over
    ben.get_by_text("Kept. Whoever opens it goes on from here.").wait_for()
    ben.get_by_role("button", name="Hand over").click()
    ben.get_by_text("Handed over. The rental is active.").wait_for()
    rental.refresh_from_db()
    assert (rental.state, rental.holdings.get().counter_out) == (State.ACTIVE, 41)
    assert Checklist.objects.get().finished_at
    assert all(watch.is_content() for watch in watches), [watch.complaints for watch in watches]


def begin(page: Page, address: str, files: list[str]) -> None:
    """Fill in half of it, and wait until the page says that it is kept."""
    page.goto(address)
    page.get_by_label("Main unit").click()
    page.get_by_label("Counter on the screen").fill("38")
    page.get_by_label("Add photos").set_input_files(files)
    page.get_by_text("notes.jpg: This file cannot be read as a photo").wait_for()
    page.get_by_text("This counter is lower than before: the screen showed 40").wait_for()
    page.get_by_role("button", name="Remove photo 1").wait_for()
    page.get_by_text("Kept.").wait_for()
