"""A signature drawn in a real browser: with the mouse here, with a finger or a pen on a tablet."""

import pytest
from django.utils import timezone
from playwright.sync_api import Page

from rentals.models.states import State
from tests import make
from tests.browser.desk import Watch, open_every_day, sign_in, with_password

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_signature_is_drawn_cleared_drawn_anew_and_kept(page: Page, live_server):
    now = timezone.now()
    site = open_every_day(at=now)
    rental = make.rental(State.RESERVED, site, at=now)
    watch = Watch(page)
    sign_in(page, live_server.url, with_password(make.reception(site)).username)
    page.goto(f"{live_server.url}/rentals/{rental.reference}/sign/")
    draw(page, [(0.1, 0.9), (0.9, 0.9)])
    page.get_by_role("button", name="Clear the drawing").click()
    draw(page, [(0.1, 0.2), (0.4, 0.8), (0.7, 0.2)])
    assert page.get_by_label("Drawn in the field below").is_checked()
    page.get_by_label("The agreement was read").check()
    page.get_by_role("button", name="Signed").click()
    page.get_by_text("The agreement is signed.").wait_for()
    [line] = rental.signatures.get().strokes
    assert [line[0], line[-1]] == [pytest.approx([0.1, 0.2], abs=0.01), pytest.approx([0.7, 0.2], abs=0.01)]
    assert watch.is_content(), watch.complaints


def draw(page: Page, corners: list[tuple[float, float]]) -> None:
    """Draw a line over `corners`, as fractions of the field."""
    field = page.locator("canvas")
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=12)
    page.mouse.up()
