"""A signature drawn in a real browser, with a finger on a patient's phone; test_days_of_roles.py has the mouse."""

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page

from rentals.models.states import State
from tests import make
from tests.browser.desk import Watch, open_every_day
from tests.browser.faults import faults_of
from tests.browser.test_portal import come_in
from tests.rentals.papers.reading import described_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_patient_draws_it_with_a_finger_on_a_phone_and_the_pdf_holds_it(browser: Browser, live_server):
    now = timezone.now()
    rental = make.rental(State.RESERVED, open_every_day(at=now), at=now)
    phone = browser.new_context(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    page = phone.new_page()
    watch = Watch(page)
    come_in(page, live_server.url, rental)
    page.goto(f"{live_server.url}/my/sign/")
    page.get_by_label("Your full name").fill("Ada Example")
    page.get_by_label("I have read the agreement").check()
    touch(page, [(0.1, 0.2), (0.4, 0.8), (0.7, 0.2)])
    page.get_by_role("button", name="Sign the agreement").click()
    page.get_by_role("link", name="Rental agreement").wait_for()
    signature = rental.signatures.get()
    assert signature.method == "drawn"
    assert described_in(signature.signed_paper) == ["The signature, drawn by hand, of Ada Example"]
    [line] = signature.strokes
    assert [line[0], line[-1]] == [pytest.approx([0.1, 0.2], abs=0.02), pytest.approx([0.7, 0.2], abs=0.02)]
    assert watch.is_content(), watch.complaints


def test_the_field_to_draw_in_has_no_fault_and_comes_back_with_its_drawing(browser: Browser, live_server):
    now = timezone.now()
    rental = make.rental(State.RESERVED, open_every_day(at=now), at=now)
    page = browser.new_context(reduced_motion="reduce").new_page()
    come_in(page, live_server.url, rental)
    page.goto(f"{live_server.url}/my/sign/")
    draw(page, [(0.1, 0.2), (0.9, 0.8)])
    page.get_by_role("button", name="Sign the agreement").click()
    page.get_by_role("alert").wait_for()
    assert page.locator("canvas").evaluate(IS_DRAWN_ON)
    assert faults_of(page) == {}


IS_DRAWN_ON = "one => one.getContext('2d').getImageData(0, 0, one.width, one.height).data.some(Boolean)"


def touch(page: Page, corners: list[tuple[float, float]]) -> None:
    """Draw with a finger, as a phone tells of it: without our say it would scroll the page."""
    places = iter(on_field(page, corners))
    finger = page.context.new_cdp_session(page)
    point = lambda place: [{"x": place[0], "y": place[1]}]  # noqa: E731
    last = next(places)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": point(last)})
    for place in places:
        for step in range(1, 9):
            between = [last[axis] + (place[axis] - last[axis]) * step / 8 for axis in (0, 1)]
            finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": point(between)})
        last = place
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def draw(page: Page, corners: list[tuple[float, float]]) -> None:
    """Draw a line over `corners`, as fractions of the field."""
    places = on_field(page, corners)
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=12)
    page.mouse.up()


def on_field(page: Page, corners: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Places on the screen, from fractions of the field."""
    field = page.locator("canvas")
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
