"""The desk without a mouse, without movement, and four times as large (WCAG 2.2: 1.4.10, 2.1.1, 2.1.4, 2.4.7)."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from rentals.models import Rental
from rentals.models.states import State
from tests import make
from tests.browser.desk import Keyboard, Watch, open_every_day, sign_in, with_password
from tests.browser.faults import TOO_WIDE

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)
# What has the focus and does not show it by an outline.
WITHOUT_OUTLINE = """() => {
    const one = document.activeElement, style = getComputedStyle(one)
    const seen = one === document.body || (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0)
    return seen ? [] : [one.outerHTML.slice(0, 150)]
}"""
# What would move for longer than a hundredth of a second.
MOVING = """() => {
    const seconds = style => `${style.transitionDuration}, ${style.animationDuration}`.split(', ')
        .map(one => parseFloat(one) * (one.endsWith('ms') ? .001 : 1))
    const longest = (one, part) => Math.max(...seconds(getComputedStyle(one, part)))
    const moves = one => ['', '::before', '::after'].some(part => longest(one, part) > .01)
    return [...document.querySelectorAll('*')].filter(moves).map(one => one.outerHTML.slice(0, 150))
}"""


class WatchedKeyboard(Keyboard):
    """Looks at each stop on the way, whether one sees where one is."""

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.unseen: set[str] = set()
        self.stops = 0

    def reach(self, thing: Locator) -> None:
        for _ in range(self.MOST_STEPS):
            self.unseen.update(self.page.evaluate(WITHOUT_OUTLINE))
            self.stops += 1
            if thing.evaluate("one => one === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard never gets to {thing}")


@pytest.fixture
def rental() -> Rental:
    now = timezone.now()
    site = open_every_day(at=now - 60 * DAY)
    return make.rental(State.ACTIVE, site, patient=make.patient(site, family_name="Lindqvist"), at=now - 10 * DAY)


@pytest.fixture
def page(browser: Browser, live_server, rental: Rental) -> Page:
    """Reception at Today's page, where whoever cannot see much reads it at 400 %: 1280 pixels are 320 then."""
    page = browser.new_context(reduced_motion="reduce", viewport={"width": 320, "height": 640}).new_page()
    page.set_default_timeout(10_000)
    sign_in(page, live_server.url, with_password(make.reception(rental.clinic)).username)
    return page


def test_the_way_from_today_to_a_saved_form_needs_no_mouse_no_wide_screen_and_no_good_eyes(page: Page, rental: Rental):
    watch, keyboard = Watch(page), WatchedKeyboard(page)
    wide, moving, before = [], [], rental.due_on

    def look() -> None:
        wide.extend(page.evaluate(TOO_WIDE))
        moving.extend(page.evaluate(MOVING))

    look()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the page")).to_be_focused()
    field = page.get_by_role("searchbox")
    keyboard.write(field, "lindq")
    found = page.locator("#search-live").get_by_role("link", name="Ada Lindqvist")
    expect(found).to_be_visible()
    look()
    page.keyboard.press("Enter")
    keyboard.use(page.get_by_role("main").get_by_role("link", name="Ada Lindqvist").first)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Lindqvist")
    look()
    keyboard.use(page.get_by_role("main").get_by_role("link", name=rental.reference).first)
    keyboard.use(page.get_by_role("main").get_by_role("link", name="Change the due day"))
    expect(page.get_by_role("heading", name="Change the due day")).to_be_visible()
    look()
    due = page.get_by_label("New due day")
    keyboard.reach(due)
    due.press_sequentially((before + 7 * DAY).strftime("%m%d%Y"))
    keyboard.follow("Change")
    expect(page.get_by_role("status")).to_be_visible()
    look()
    rental.refresh_from_db()
    assert rental.due_on == before + 7 * DAY
    assert (keyboard.unseen, wide, moving) == (set(), [], [])
    assert keyboard.stops > 20
    assert watch.is_content(), (watch.complaints, watch.hosts)


def test_single_keys_do_nothing_once_they_are_switched_off(page: Page):
    field, today = page.get_by_role("searchbox"), page.url
    page.wait_for_load_state("networkidle")
    page.keyboard.press("/")
    expect(field).to_be_focused()
    page.get_by_role("button", name="Switch the keyboard shortcuts off").click()
    expect(page.get_by_role("button", name="Switch the keyboard shortcuts on")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.keyboard.press("/")
    page.keyboard.press("b")
    expect(field).not_to_be_focused()
    assert page.url == today
    page.get_by_role("button", name="Switch the keyboard shortcuts on").click()
    page.get_by_role("button", name="Switch the keyboard shortcuts off").wait_for()
    page.wait_for_load_state("networkidle")
    page.keyboard.press("b")
    expect(page).to_have_url(f"{today}book/")
