"""The desk in a real browser: what a person does with the mouse or the keyboard, and what the browser complains of."""

from collections.abc import Callable
from datetime import time
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page

from config.models import Clinic, OpeningHours, User
from tests import make

PASSWORD = "long enough for a test"


def open_every_day(**columns) -> Clinic:
    """A clinic with no closed day, whose mails leave at night too: no test depends on the hour or day it runs."""
    clinic = make.clinic(**columns)
    Clinic.objects.filter(pk=clinic.pk).update(reminders_from=time.min, reminders_until=time.max)
    clinic.refresh_from_db()
    OpeningHours.objects.create(clinic=clinic, weekday=6)
    return clinic


def with_password(user: User) -> User:
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    return user


def sign_in(page: Page, server: str, username: str) -> None:
    page.goto(f"{server}/sign-in/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Today at").wait_for()


class Watch:
    """What the browser complains of and whom it asks while pages are open."""

    def __init__(self, page: Page) -> None:
        self.complaints: list[str] = []
        self.hosts: set[str | None] = set()
        page.on("console", lambda message: self.note(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.note(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))

    def note(self, complaint: str) -> None:
        self.complaints.append(complaint)

    def is_content(self) -> bool:
        """Whether nothing went wrong and nobody but our own server was asked."""
        return not self.complaints and self.hosts <= {"localhost", None}


class Mouse:
    """Uses a page by clicking on what it shows."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def use(self, thing: Locator) -> None:
        thing.click()

    def write(self, thing: Locator, text: str) -> None:
        thing.fill(text)

    def choose(self, thing: Locator, label: str) -> None:
        thing.select_option(label=label)

    def follow(self, name: str) -> None:
        """The link or button of this name in the page."""
        main = self.page.get_by_role("main")
        self.use(main.get_by_role("link", name=name).or_(main.get_by_role("button", name=name)).first)


class Keyboard(Mouse):
    """Uses a page without ever touching the mouse: Tab to a thing, then keys."""

    MOST_STEPS = 150

    def reach(self, thing: Locator) -> None:
        """Press Tab until the thing has the focus (or another radio button of its group, as browsers do)."""
        for _ in range(self.MOST_STEPS):
            if thing.evaluate("one => one === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard never gets to {thing}")

    def use(self, thing: Locator) -> None:
        kind = thing.get_attribute("type")
        if kind == "radio":
            self.pick(thing)
            return
        self.reach(thing)
        self.page.keyboard.press("Space" if kind == "checkbox" else "Enter")

    def pick(self, thing: Locator) -> None:
        """A radio button: Tab stops at its group, the arrows move inside."""
        group = thing.evaluate("one => one.name")
        in_group: Callable[[], bool] = lambda: self.page.evaluate("document.activeElement.name") == group  # noqa: E731
        for _ in range(self.MOST_STEPS):
            if in_group():
                break
            self.page.keyboard.press("Tab")
        for _ in range(self.MOST_STEPS):
            if thing.evaluate("one => one === document.activeElement"):
                break
            self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("Space")

    def write(self, thing: Locator, text: str) -> None:
        self.reach(thing)
        if thing.get_attribute("type") == "date":
            thing.press_sequentially(text)
        else:
            self.page.keyboard.press("Control+a")
            self.page.keyboard.type(text)

    def choose(self, thing: Locator, label: str) -> None:
        self.reach(thing)
        self.page.keyboard.type(label)
