"""A device is booked, handed over, taken back and inspected by following what the pages say: with the keyboard alone,
and with JavaScript switched off. test_days_of_roles.py has the usual way."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page

from devices.models import Device
from rentals.custody import CHECKS
from rentals.models import Rental
from rentals.models.states import State
from tests import make
from tests.browser.desk import PASSWORD, Keyboard, Mouse, Watch, open_every_day, with_password

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def device() -> Device:
    now = timezone.now()
    return make.device(open_every_day(at=now - timedelta(days=60)), counter=40, at=now - timedelta(days=30))


@pytest.mark.parametrize(("hand", "with_script"), [(Keyboard, True), (Mouse, False)])
def test_reception_rents_a_device_out_and_takes_it_back(
    hand: type[Mouse], with_script: bool, browser: Browser, live_server, device: Device
):
    context = browser.new_context(java_script_enabled=with_script)
    context.set_default_timeout(10_000)
    page = context.new_page()
    watch = Watch(page)
    user = with_password(make.reception(device.clinic))
    page.goto(live_server.url)
    rent(hand(page), page, user.username)
    assert watch.is_content(), (watch.complaints, watch.hosts)
    rental = Rental.objects.get()
    device.refresh_from_db()
    assert (rental.state, device.condition, rental.ledger.total()) == (State.CLOSED, "ready", 0)
    context.close()


def rent(hand: Mouse, page: Page, username: str) -> None:
    """From the sign-in to the refund, page by page."""
    hand.write(page.get_by_label("Username"), username)
    hand.write(page.get_by_label("Password"), PASSWORD)
    hand.follow("Sign in")

    hand.follow("Book a rental")
    hand.use(page.get_by_text("Somebody new"))
    hand.write(page.get_by_label("Given name"), "Zoe")
    hand.write(page.get_by_label("Family name"), "Lindqvist")
    hand.write(page.get_by_label("Date of birth"), "2001-06-30" if type(hand) is Mouse else "06302001")
    hand.write(page.get_by_label("E-mail", exact=True), "zoe@patients.example")
    hand.choose(page.get_by_role("combobox", name="Injury"), "Stress fatigue")
    hand.choose(page.get_by_role("main").get_by_role("combobox", name="Site"), "Metatarsal")
    for question in page.get_by_role("radiogroup").all():
        hand.use(question.get_by_label("No", exact=True))
    hand.write(page.get_by_label("Treatments planned"), "20")
    hand.follow("Book")

    hand.follow("Sign")
    hand.use(page.get_by_label("The agreement was read"))
    hand.follow("Signed")
    hand.follow("Take the bond")
    hand.follow("Record")
    hand.follow("Hand over")
    hand.write(page.get_by_label("Counter on the screen"), "40")
    for part in ("Main unit", "Transducer", "Charger"):
        hand.use(page.get_by_label(part))
    hand.follow("Hand over")

    hand.follow("Take back")
    hand.write(page.get_by_label("Counter on the screen"), "40")
    hand.follow("Take back")
    hand.follow("Inspect and settle")
    for check in CHECKS.values():
        hand.use(page.get_by_label(str(check)))
    hand.use(page.get_by_label("Ready for the next patient"))
    hand.follow("Settle and close")
    hand.follow("Record a payment")
    hand.follow("Record")
    page.get_by_text("The payment is recorded.").wait_for()
