"""Bring your spreadsheet: uploaded, understood on a page, its columns chosen, taken or dropped."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.models import Device
from patients.models import Access, Patient
from rentals.models import Sheet
from rentals.sheets.columns import match_columns
from rentals.sheets.reading import read_table
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db

SHEETS = "/settings/spreadsheet/"


@shared
def site():
    return make.clinic("Harbour")


@shared
def desk(site):
    return Desk(make.manager(site))


def bring(desk, kind, text):
    """Upload a file, and look at it."""
    status = desk.fill_in(SHEETS, kind=kind, file=SimpleUploadedFile("ours.csv", text.encode()))
    return desk.see(desk.led_to) if status == 302 else status


def address(of=""):
    return f"{SHEETS}{Sheet.objects.latest('pk').pk}/{of}"


def take(desk, **entries):
    return desk.send(address("take/"), **entries)


def test_devices_are_looked_at_then_taken_and_the_file_is_kept_no_longer(desk, site):
    make.device_model(part_number="71034101")
    assert bring(desk, "devices", "Serial;Used\n0408017701;43\n0109000456;\n") == 200
    assert "The first 2 of 2 lines" in desk.page
    assert '<span class="tag good">new</span>' in desk.page
    assert not Device.objects.exists()
    assert take(desk) == 302
    desk.see(desk.led_to)
    assert "Taken: 2 new, 0 here already." in desk.page
    assert set(Device.objects.values_list("serial", "clinic__name")) == {
        ("0408017701", "Harbour"), ("0109000456", "Harbour"),
    }  # fmt: skip
    desk.see(SHEETS)
    assert "2 new, 0 here already" in desk.page
    assert not any(Sheet.objects.values_list("content", flat=True)[0])


def test_what_is_wrong_is_shown_with_its_line_and_nothing_is_taken(desk):
    make.device_model(part_number="71034101")
    bring(desk, "devices", "Serial,Used\n1,x\n=1+2,y\n2,3\n")
    assert desk.page.count("Is no whole number; write digits only") == 2
    assert "Take the file" not in desk.page
    assert take(desk) == 409
    assert "Nothing was taken" in desk.page
    assert not Device.objects.exists()
    desk.see(address("problems/"))
    assert "2,Counter,x,is no whole number; write digits only" in desk.page
    assert desk.answer.headers["Content-Disposition"] == 'attachment; filename="callus-problems.csv"'


def test_a_problem_file_runs_no_formula(desk):
    make.device_model(part_number="71034101")
    bring(desk, "devices", "Serial,Used\n1,=1+2\n")
    desk.see(address("problems/"))
    assert "2,Counter,'=1+2," in desk.page


def test_the_same_file_again_says_that_it_would_change_nothing(desk):
    make.device_model(part_number="71034101")
    for _ in range(2):
        bring(desk, "devices", "Serial\n1\n")
        take(desk)
    desk.see(desk.led_to)
    assert "Nothing was changed" in desk.page
    bring(desk, "devices", "Serial\n1\n")
    assert "Everything in this file is here already" in desk.page


def test_columns_that_are_not_found_are_chosen(desk):
    make.device_model(part_number="71034101")
    bring(desk, "devices", "Gadget,Foo\n0408017701,43\n")
    assert "Choose the column for: Serial number" in desk.page
    assert desk.fill_in(address("columns/"), serial=0, counter=0) == 400
    assert "chosen twice" in desk.problems()["serial"][0]
    assert desk.fill_in(address("columns/"), serial=0, counter=1) == 302
    desk.see(desk.led_to)
    assert "<td>0408017701</td><td>43</td>" in desk.page


def test_who_is_here_already_is_shown_and_recorded_and_a_shared_address_asks(desk, site):
    boss = make.manager()
    ada, eve = make.patient(site, actor=boss), make.patient(site, given_name="Eve", actor=boss)
    text = f"Given name,Family name,DOB,Email\nAda,{ada.family_name},17/5/1990,\nBob,Example,3/4/1990,{eve.email}\n"
    bring(desk, "patients", text)
    assert "is here already, by name and date of birth" in desk.page
    assert f"Line 3: Bob Example has the e-mail address of somebody who is here: Eve {eve.family_name}" in desk.page
    assert "3/4/1990 is 3 April 1990" in desk.page
    actor = desk.answer.wsgi_request.user
    looked = Access.objects.filter(user=actor, action="listed").values_list("patient", flat=True)
    assert set(looked) == {ada.pk, eve.pk}
    assert take(desk, confirmed=["9"]) == 422
    assert take(desk, confirmed=["3"]) == 302
    assert Patient.objects.filter(given_name="Bob").count() == 1


def test_a_file_that_is_none_is_refused_at_its_field(desk):
    assert bring(desk, "devices", "Serial\n") == 400
    assert "no rows below its headings" in desk.problems()["file"][0]
    assert desk.fill_in(SHEETS, kind="devices") == 422
    assert not Sheet.objects.exists()


def test_a_dropped_file_is_gone_and_can_be_taken_by_nobody(desk):
    make.device_model(part_number="71034101")
    bring(desk, "devices", "Serial\n1\n")
    assert desk.fill_in(address("drop/")) == 302
    assert take(desk) == 409
    assert "kept no longer" in desk.page
    desk.see(address())
    assert "Nothing of it was taken" in desk.page
    assert desk.see(address("columns/")) == 302
    assert not Device.objects.exists()


@pytest.mark.parametrize("kind", ["devices", "patients", "rentals"])
def test_the_file_to_fill_in_has_headings_that_are_found_again(desk, kind):
    desk.see(f"{SHEETS}template/", kind=kind)
    table = read_table(desk.answer.content)
    found = match_columns(kind, table.headings)
    assert sorted(found.values()) == list(range(len(table.headings)))
    assert len(table.rows) == 1


def test_a_page_of_three_lines_asks_as_much_as_one_of_one(desk):
    make.device_model(part_number="71034101")
    counts = []
    for lines in ("1\n", "2\n3\n4\n"):
        bring(desk, "devices", "Serial\n" + lines)
        with CaptureQueriesContext(connection) as asked:
            desk.see(address())
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_a_page_about_thousands_of_problems_stays_small(desk):
    make.device_model(part_number="71034101")
    bring(desk, "devices", "Serial,Used\n" + "".join(f"{number},x\n" for number in range(1000)))
    assert "The first 200 of 1000 are shown" in desk.page
    assert len(desk.page) < 200_000
