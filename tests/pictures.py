"""`make pictures`: docs/pictures, taken of a fresh demo clinic in a real browser. Takes a few minutes."""

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import how_to_launch
from tests.running import CHECKOUT, Run, environment_of, free_port, servers_in

FOLDER = CHECKOUT / "docs" / "pictures"
SECONDS_TO_START = 1800  # the demo clinic lives through months first
MOST_BYTES = 150_000
LOGIN = re.compile(r"Login: (\w+) (\S+)")
DESK, PHONE = (1280, 800), (390, 844)
# The demo's people and devices are drawn by lot: those of whom there is most to see, and a link of a patient.
SUBJECTS = """
import json
from django.db.models import Count
from django.utils import timezone
from devices.models import Device
from rentals.agreement import needs_signature
from rentals.ledger import bond_due
from rentals.links import make_portal_link
from rentals.models import Rental
now = timezone.now()
sydney = Rental.objects.filter(clinic__name__endswith="Sydney")
courses = sydney.filter(state="active", due_on__gt=now, healed_on=None).annotate(treated=Count("treatments"))
course = next(one for one in courses.order_by("-treated", "pk")
    if not needs_signature(one) and not one.discrepancies.exists())
next_out = min((one for one in sydney.filter(state="reserved", signatures__isnull=False, offer_expires_at=None)
    if not bond_due(one)), key=lambda one: one.starts_on)
device = Device.objects.filter(clinic=course.clinic).annotate(had=Count("holdings")).order_by("-had", "pk")[0]
print(json.dumps({
    "rental": course.reference, "patient": course.patient_id, "device": device.pk, "hand_over": next_out.reference,
    "born": course.patient.date_of_birth.isoformat(), "key": make_portal_link(course, at=now),
}))
"""


@dataclass(frozen=True)
class Picture:
    """One page, by the name of its file: who sees it, where, and what of it is shown on top."""

    name: str
    role: str
    address: str
    size: tuple[int, int] = DESK
    dark: bool = False
    top: str = ""  # a part of the page


PICTURES = (
    Picture("today", "reception", "/"),
    Picture("today-dark", "reception", "/", dark=True),
    Picture("book", "reception", "/patients/{patient}/book/"),
    Picture("rental", "reception", "/rentals/{rental}/"),
    Picture("device", "reception", "/devices/{device}/"),
    Picture("timeline", "reception", "/timeline/"),
    Picture("patient", "reception", "/patients/{patient}/"),
    Picture("hand-over-phone", "reception", "/rentals/{hand_over}/hand-over/", PHONE, top=".checklist-steps"),
    Picture("discrepancies", "clinician", "/discrepancies/"),
    Picture("fleet", "manager", "/fleet/"),
    Picture("fleet-charts", "manager", "/fleet/", top="#charts"),
    Picture("settings", "manager", "/settings/"),
    Picture("my-hire-phone", "patient", "/my/", PHONE),
    Picture("my-treatments-phone", "patient", "/my/days/", PHONE),
)


def main() -> None:
    chromium = how_to_launch()
    if chromium is None:
        raise SystemExit("The pictures need a Chromium, and none is installed.")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        state, browser = Path(folder) / "var", playwright.chromium.launch(**chromium)
        for _ in servers_in(state):
            run = Run(state, free_port(), DEMO="1")
            try:
                run.until_ready(SECONDS_TO_START)
                time.sleep(1)  # the logins are said after the address
                take_all(browser, run, subjects_of(state, run.port))
            finally:
                run.stop(signal.SIGINT)
        browser.close()


def take_all(browser: Browser, run: Run, subjects: dict[str, str | int]) -> None:
    """Every picture of the demo that runs, those of one role after one sign-in."""
    FOLDER.mkdir(exist_ok=True)
    root, passwords = f"http://localhost:{run.port}", dict(LOGIN.findall(run.text))
    for role in dict.fromkeys(picture.role for picture in PICTURES):
        with page_of(browser) as page:
            if role == "patient":
                come_in(page, f"{root}/p/{subjects['key']}/", str(subjects["born"]))
            else:
                sign_in(page, root, role, passwords[role])
            for picture in PICTURES:
                if picture.role == role:
                    take(page, picture, root + picture.address.format(**subjects))


def subjects_of(state: Path, port: int) -> dict[str, str | int]:
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", SUBJECTS]
    environment = environment_of(state, port)
    asked = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True)
    return json.loads(asked.stdout)


@contextmanager
def page_of(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(reduced_motion="reduce", locale="en-AU")
    yield context.new_page()
    context.close()


def sign_in(page: Page, root: str, username: str, password: str) -> None:
    page.goto(f"{root}/sign-in/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Today at").wait_for()


def come_in(page: Page, link: str, born: str) -> None:
    page.goto(link)
    page.get_by_label("Your date of birth").fill(born)
    page.get_by_role("button", name="Show my pages").click()
    page.get_by_role("navigation", name="My pages").wait_for()


def take(page: Page, picture: Picture, address: str) -> None:
    width, height = picture.size
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if picture.dark else "light")
    page.goto(address, wait_until="networkidle")
    if picture.top:
        page.locator(picture.top).evaluate("one => { one.scrollIntoView(); scrollBy(0, -16) }")
    keep(page.screenshot(), FOLDER / f"{picture.name}.png")


def keep(shot: bytes, path: Path) -> None:
    """The picture in 256 colours, the rare ones among them, and those of which there is most exact."""
    few = {"method": Image.Quantize.MAXCOVERAGE, "kmeans": 1, "dither": Image.Dither.NONE}
    Image.open(BytesIO(shot)).convert("RGB").quantize(256, **few).save(path, optimize=True)
    assert path.stat().st_size < MOST_BYTES, (path, path.stat().st_size)


if __name__ == "__main__":
    main()
