"""The desk's pages in German: whole pages, and pictures whose numbers stay as browsers read them."""

import re
from datetime import timedelta

import pytest
from django.conf import settings

from rentals.reconciliation.readings import take_reading
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)
NUMBERS = re.compile(r' (x|y|x1|x2|y1|y2|rx|width|height|viewBox|points)="([^"]*)"')
NUMBER = r"-?\d+(\.\d+)?(pt)?"


@shared
def device():
    """A device that was out once, was looked at, and is out again, read on the way."""
    kept = make.device(make.clinic(at=make.NOW - 50 * DAY), at=make.NOW - 50 * DAY, nominal=100)
    make.rental("closed", device=kept, at=make.NOW - 45 * DAY, ended=make.NOW - 31 * DAY)
    make.rental("active", device=kept, at=make.NOW - 10 * DAY, days=28, planned_treatments=20)
    take_reading(kept, 7, read_at=make.NOW - timedelta(hours=9), at=make.NOW, actor=None)
    return kept


@pytest.fixture
def desk(device):
    desk = Desk(make.manager(device.clinic))
    desk.client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    return desk


@pytest.fixture
def rental(device):
    return device.holdings.get(live=True).rental


def numbers(page):
    """The numbers in the attributes of the page's pictures, as a browser would read them."""
    return [(name, value) for picture in SVG.findall(page) for name, value in NUMBERS.findall(picture)]


def is_number(name, value):
    form = {"points": rf"({NUMBER},{NUMBER} ?)+", "viewBox": rf"{NUMBER}( {NUMBER}){{3}}"}.get(name, NUMBER)
    return re.fullmatch(form, value)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/", ("Abmelden", "Tresen")),
        ("/devices/", ("Geräte in", "Gerät hinzufügen", "Inventuren")),
        ("/devices/{device}/", ("Sein Lebenslauf", "Wer es hat und wer es hatte", "Wann es aufgebraucht ist")),
        ("/fleet/", ("Zahlen zum Gerätebestand", "Abweichungen nach Art", "Alle Geräte nach Zustand")),
        ("/rentals/{reference}/", ("Abmelden",)),
        ("/patients/{patient}/", ("Abmelden",)),
    ],
)
def test_a_page_is_in_german_from_its_frame_to_its_pictures(desk, device, rental, address, words):
    where = address.format(device=device.pk, reference=rental.reference, patient=rental.patient_id)
    assert desk.see(where) == 200
    assert '<html lang="de">' in desk.page
    assert [word for word in words if word not in desk.page] == []
    assert [one for one in numbers(desk.page) if not is_number(*one)] == []


def test_the_pictures_of_a_device_have_broken_numbers_to_be_written(desk, device):
    desk.see(f"/devices/{device.pk}/")
    found = numbers(desk.page)
    assert {"x", "width", "points"} <= {name for name, value in found if "." in value}


def test_numbers_in_sentences_are_written_as_german_writes_them(desk, device):
    desk.see(f"/devices/{device.pk}/")
    assert re.search(r"Bei etwa \d+,\d Behandlungen am Tag", desk.page)
