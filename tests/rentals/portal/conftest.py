"""A clinic that mails an offer, a mail server that takes it, and the desk's clock standing still at `make.NOW`."""

import re
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
import time_machine

from config.models import Clinic
from rentals.models import Rental
from tests import make
from tests.rentals.reminders.conftest import sink
from tests.shared import shared

__all__ = ["sink"]

BORN = "1990-05-17"
ADDRESS = re.compile(r"http://localhost:8000(/offers/[\w-]{43}/)")


@pytest.fixture(scope="module", autouse=True)
def _clock_of_what_is_shared() -> Iterator[None]:
    with time_machine.travel(make.NOW, tick=False):
        yield


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(make.NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def public_url(settings: Any) -> None:
    settings.PUBLIC_URL = "http://localhost:8000"


@shared
def clinic() -> Clinic:
    return make_clinic()


@shared
def reserved(clinic) -> Rental:
    return make.rental("reserved", clinic)


@shared
def active(clinic) -> Rental:
    return make.rental("active", clinic)


def make_clinic() -> Clinic:
    """For a test with real transactions."""
    clinic = make.clinic("Harbour Sports Medicine")
    Clinic.objects.update(phone="02 5550 1000")
    clinic.refresh_from_db()
    return clinic


def bodies(mail: EmailMessage) -> list[str]:
    """Text and HTML of a mail as it arrived."""
    parts = [mail.get_body((kind,)) for kind in ("plain", "html")]
    return [part.get_content().replace("\r\n", "\n") for part in parts if part]


def address_in(mail: EmailMessage) -> str:
    """The way to the patient's page, as both parts of the mail say it."""
    [text, html] = [ADDRESS.findall(body) for body in bodies(mail)]
    assert text == html
    [address] = text
    return address
