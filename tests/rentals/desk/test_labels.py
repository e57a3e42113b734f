"""Labels for devices: chosen on a page, printed on sheets, nothing of a patient on them."""

import pytest
from django.conf import settings

from config.models import Clinic
from rentals import labels
from tests import make
from tests.refusals import refused_as
from tests.rentals.desk.desk import Desk
from tests.rentals.papers.reading import reader

pytestmark = pytest.mark.django_db
ADDRESS = "/devices/labels/"


@pytest.fixture
def site():
    clinic = make.clinic("Here")
    Clinic.objects.filter(pk=clinic.pk).update(phone="+61 2 5550 0001")
    clinic.refresh_from_db()
    return clinic


def test_a_label_shows_the_device_its_site_and_an_address_of_this_desk(site):
    device = make.device(site, serial="0408017701")
    label = labels.label_of(device)
    assert (label["serial"], label["model"], label["site"]) == ("0408017701", "Exogen 250", "Here")
    assert label["call"] == "If found, call +61 2 5550 0001"
    assert labels.address_of(device) == f"{settings.PUBLIC_URL}/d/{device.pk}/"
    assert label["code"] == labels.qr_code(labels.address_of(device))


def test_a_site_without_a_number_asks_to_bring_it():
    assert labels.label_of(make.device())["call"] == "If found, please bring it to the clinic"


@pytest.mark.parametrize(("start", "pages"), [(1, 1), (22, 1), (23, 2)])
def test_the_first_label_lies_where_the_sheet_is_free(site, start, pages):
    devices = [make.device(site) for _ in range(3)]
    sheets = labels.label_sheets(devices, start=start, at=make.NOW)
    assert len(reader(sheets).pages) == pages
    assert sheets == labels.label_sheets(devices, start=start, at=make.NOW)


def test_no_device_and_no_such_place_are_named(site):
    device = make.device(site)
    assert refused_as("invalid", labels.label_sheets, [], start=1, at=make.NOW).field == "devices"
    for start in (0, 25):
        assert refused_as("invalid", labels.label_sheets, [device], start=start, at=make.NOW).field == "start"


def test_all_of_the_site_or_those_ticked_are_printed(site):
    desk, one = Desk(make.reception(site)), make.device(site)
    make.device(site)
    make.device(site, condition="lost")
    assert desk.see(ADDRESS, device=one.pk) == 200
    assert desk.proposed()["device"] == [str(one.pk)]
    for entries in ({"which": "all"}, {"which": "ticked", "device": one.pk}):
        assert desk.see(ADDRESS, start=1, **entries) == 200
        assert desk.answer.headers["Content-Type"] == "application/pdf"


@pytest.mark.parametrize(
    ("entries", "field"),
    [
        ({"which": "ticked", "start": 1}, "device"),
        ({"which": "all", "start": 25}, "start"),
        ({"which": "all"}, "start"),
        ({"which": "some", "start": 1}, "which"),
    ],
)
def test_what_cannot_be_printed_is_said_beside_its_field(site, entries, field):
    make.device(site)
    desk = Desk(make.reception(site))
    assert desk.see(ADDRESS, **entries) == 422
    assert list(desk.problems()) == [field]


def test_a_device_of_another_site_is_not_printed(site):
    desk = Desk(make.reception(site))
    assert desk.see(ADDRESS, which="ticked", start=1, device=make.device().pk) == 422


def test_a_site_without_devices_is_told_what_to_do(site):
    desk = Desk(make.manager(site))
    desk.see(ADDRESS)
    assert "Add a device" in desk.page


@pytest.mark.parametrize("number", [1, 3])
def test_the_page_makes_the_same_number_of_queries(site, number, django_assert_max_num_queries):
    for _ in range(number):
        make.device(site)
    desk = Desk(make.reception(site))
    with django_assert_max_num_queries(11):
        desk.see(ADDRESS)
    assert desk.page.count('type="checkbox"') == number
