"""The search of the whole desk: patients, rentals, devices and codes, by POST alone, each patient shown recorded."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.models import Device
from patients.models import Access
from rentals.desk.device_action import actions_for
from rentals.search import asked_of_patients
from rentals.transfer import send
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db
TODAY = date(2026, 3, 2)
GTIN = "09506000134352"
TYPING = {"HX-Request": "true"}


@shared
def site():
    return make.clinic("Here")


@shared
def desk(site):
    return Desk(make.reception(site))


def find(desk: Desk, words: str) -> str:
    """The page of what was found, or where a code led."""
    assert desk.send("/search/", words=words) == 302
    if desk.led_to != "/search/?found":
        return desk.led_to
    assert words not in desk.led_to
    desk.see(desk.led_to)
    return desk.page


def found(desk: Desk, words: str, kind: str = "patients") -> list:
    find(desk, words)
    return getattr(desk.answer.context["found"], kind).shown


def typed(desk: Desk, words: str) -> str:
    """What stands under the field while one types."""
    desk.kept(desk.client.post("/search/", {"words": words}, headers=TYPING))
    assert desk.answer.status_code == 200
    return desk.page


def seen() -> list[tuple[int, str]]:
    """The log of who was shown, oldest first."""
    return list(Access.objects.order_by("pk").values_list("patient", "action"))


def action(device, user=None) -> tuple[str, str]:
    device = Device.objects.select_related("clinic", "model").get(pk=device.pk)
    fitting = actions_for([device], user or make.manager(), make.NOW)[device.pk]
    return fitting.words, fitting.address


class TestPatients:
    @pytest.mark.parametrize("words", ["zoe", "LIND zo", "lindqvist zoë", "5550 0012", "02 5550 0012"])
    def test_a_patient_is_found_by_parts_of_the_name_or_digits_of_the_number(self, site, desk, words):
        zoe = make.patient(site, given_name="Zoë", family_name="Lindqvist", phone="+61 2 5550 0012")
        make.patient(site, phone="")
        assert found(desk, words) == [zoe]

    @pytest.mark.parametrize(
        "words",
        [
            "17/5/1990",
            "17.05.1990",
            "17-5-1990",
            "17/5/90",
            "1990-05-17",
            "17 May 1990",
            "17 may 1990",
            "Ada 17/5/1990",
        ],
    )
    def test_a_date_of_birth_is_read_as_people_write_it(self, words):
        assert asked_of_patients(words, TODAY)["date_of_birth"] == date(1990, 5, 17)

    def test_of_two_digits_a_year_that_has_been_is_meant(self):
        assert asked_of_patients("1/3/26", TODAY) == {"date_of_birth": date(2026, 3, 1)}
        assert asked_of_patients("1/3/27", TODAY) == {"date_of_birth": date(1927, 3, 1)}
        assert "date_of_birth" not in asked_of_patients("31/2/1990", TODAY)

    def test_each_one_shown_is_recorded_and_nobody_else(self, site, desk):
        shown = make.patient(site, family_name="Lindqvist")
        make.patient(site, family_name="Smith")
        before = seen()
        typed(desk, "lindq")
        assert seen()[len(before) :] == [(shown.pk, "searched")]

    def test_one_or_two_signs_show_nobody_while_one_types(self, site, desk):
        make.patient(site, family_name="Li")
        before = seen()
        assert [typed(desk, words) for words in ("", "l", "li", " l ")] == [""] * 4
        assert seen() == before
        assert "Li" in find(desk, "li")

    def test_twenty_are_shown_and_recorded_and_the_rest_counted(self, site, desk, monkeypatch):
        monkeypatch.setattr("rentals.search.MOST_SHOWN", 2)
        for name in ("Ada", "Bo", "Cy"):
            make.patient(site, given_name=name, family_name="Lindqvist")
        before = seen()
        assert "and 1 more; write more of the name." in find(desk, "lindq")
        assert len(seen()) == len(before) + 2

    def test_those_of_another_site_are_found_only_by_who_works_there_and_the_site_is_said(self, site, desk):
        make.patient(make.clinic("Elsewhere"), family_name="Lindqvist")
        assert "Nothing fits." in find(desk, "lindqvist")
        assert "· Elsewhere" in find(Desk(make.reception()), "lindqvist")

    def test_a_phone_number_that_is_also_a_serial_is_found_with_spaces(self, site, desk):
        device = make.device(site, serial="0408017701")
        patient = make.patient(site, phone="0408 017 701")
        assert find(desk, "0408017701") == f"/devices/{device.pk}/"
        assert found(desk, "0408 017 701") == [patient]
        assert all(f'href="{address}"' in typed(desk, "0408017701") for address in [f"/patients/{patient.pk}/"])


class TestRentals:
    def test_a_reference_leads_to_its_rental_and_a_part_of_it_finds_it(self, site, desk):
        rental = make.rental("reserved", site)
        assert find(desk, rental.reference.lower()) == f"/rentals/{rental.reference}/"
        before = seen()
        assert found(desk, rental.reference[1:6], "rentals") == [rental]
        assert seen()[len(before) :] == [(rental.patient_id, "listed")]

    def test_one_of_another_site_is_not_there(self, desk):
        rental = make.rental("reserved")
        assert "Nothing fits." in find(desk, rental.reference)


class TestCodes:
    @pytest.mark.parametrize("gtin", [GTIN, GTIN[1:]])
    def test_a_udi_leads_to_its_device_however_many_zeros_the_gtin_has(self, site, desk, gtin):
        device = make.device(site, model=make.device_model(gtin=gtin), serial="0408017701")
        for code in (f"]d201{GTIN}210408017701\x1d17311231", f"(01){GTIN}(21)0408017701", f"{GTIN} 0408017701"):
            assert find(desk, code) == f"/devices/{device.pk}/"

    def test_without_any_separator_the_serial_that_is_known_is_meant(self, site, desk):
        model = make.device_model(gtin=GTIN)
        device = make.device(site, model=model, serial="0408017701")
        make.device(site, model=model, serial="0408")
        assert find(desk, f"01{GTIN}2104080177011731123110LOT7") == f"/devices/{device.pk}/"

    def test_a_label_leads_to_its_device_also_by_its_address(self, site, desk):
        device = make.device(site)
        assert find(desk, f"http://localhost:8000/d/{device.pk}/") == f"/devices/{device.pk}/"
        assert (desk.see(f"/d/{device.pk}/"), desk.led_to) == (302, f"/devices/{device.pk}/")
        assert Desk(make.reception(make.clinic())).see(f"/d/{device.pk}/") == 404

    def test_a_serial_leads_to_its_device_a_part_of_it_finds_it(self, site, desk):
        device = make.device(site, serial="A408017701")
        assert find(desk, "a408017701") == f"/devices/{device.pk}/"
        assert found(desk, "0177", "devices") == [device]

    def test_two_models_with_one_serial_are_both_shown(self, site, desk):
        devices = [make.device(site, serial="0408017701") for _ in range(2)]
        assert found(desk, "0408017701", "devices") == devices
        assert "Several devices bear the serial" in find(desk, "]C1210408017701")

    def test_an_unknown_gtin_is_named_with_what_to_do(self, site):
        boss = Desk(make.manager(site))
        page = find(boss, f"(01){GTIN}(21)0408017701")
        assert f"No device model bears the GTIN {GTIN}." in page
        assert 'href="/devices/add/?serial=0408017701"' in page
        make.device(site, serial="0408017701")
        assert "but a device with the serial 0408017701 is known." in find(boss, f"(01){GTIN}(21)0408017701")

    def test_an_unknown_unit_of_a_known_model_is_named_with_what_to_do(self, site, desk):
        make.device_model(gtin=GTIN, name="Exogen 4000+")
        page = find(desk, f"(01){GTIN}(21)0408017701")
        assert "This is a Exogen 4000+" in page
        assert "/devices/add/" not in page  # reception adds none

    def test_a_gtin_alone_shows_the_units_of_its_model(self, site, desk):
        device = make.device(site, model=make.device_model(gtin=GTIN))
        assert found(desk, GTIN, "devices") == found(desk, f"]E0{GTIN[1:]}", "devices") == [device]

    def test_a_code_read_badly_says_so(self, desk):
        assert "was not read as a whole" in find(desk, f"(01){GTIN[:-1]}9(21)1")
        assert desk.answer.status_code == 400

    def test_devices_of_sites_one_does_not_see_are_not_there(self, desk):
        device = make.device(model=make.device_model(gtin=GTIN))
        assert "none of your sites" in find(desk, f"(01){GTIN}(21){device.serial}")
        assert "none of your sites" in find(desk, f"http://localhost:8000/d/{device.pk}/")


class TestPage:
    def test_it_says_what_the_field_finds_and_what_is_wrong(self, desk):
        assert desk.see("/search/") == 200
        assert "What the field on top finds" in desk.page
        assert "at least two signs" in find(desk, "x")
        assert "at most 120 signs" in find(desk, "x" * 121)

    def test_the_first_result_has_the_focus(self, site, desk):
        make.patient(site, given_name="Bo", family_name="Lindqvist")
        make.patient(site, family_name="Lindqvist")
        assert find(desk, "lindqvist").count("autofocus") == 1

    def test_three_of_each_cost_no_more_queries_than_one(self, site, desk):
        def queries() -> int:
            desk.send("/search/", words="abcd")
            with CaptureQueriesContext(connection) as captured:
                desk.see("/search/?found")
            return len(captured)

        make.rental("reserved", site, device=make.device(site, serial="ABCD1"))
        make.patient(site, family_name="Abcder")
        one = queries()
        for state, name in (("active", "Bo"), ("reserved", "Cy")):
            make.rental(state, site, device=make.device(site, serial=f"ABCD{name}"))
            make.patient(site, given_name=name, family_name="Abcder")
        assert queries() == one
        assert len(desk.answer.context["devices"]) == len(desk.answer.context["found"].patients.shown) == 3


class TestAction:
    """What to do with a device that somebody has in the hand."""

    def test_ready_it_is_booked_for_a_patient(self, site):
        assert action(make.device(site)) == ("Ready, and kept for nobody.", "/patients/")

    @pytest.mark.parametrize(("days", "words"), [(0, "today"), (1, "tomorrow"), (7, "Mon 9 Mar 2026")])
    def test_reserved_it_is_handed_over(self, site, days, words):
        rental = make.rental("reserved", site, starts_on=TODAY + timedelta(days=days))
        make.book(site, device=rental.holdings.get().device, starts_on=TODAY + timedelta(days=91))
        said = f"Reserved for {rental.reference} from {words}."
        assert action(rental.holdings.get().device) == (said, f"/rentals/{rental.reference}/hand-over/")

    def test_held_by_an_offer_it_is_not_handed_over(self, site):
        rental = make.offered(site)
        assert action(rental.holdings.get(live=True).device)[1] == f"/rentals/{rental.reference}/"

    def test_out_it_is_taken_back(self, site):
        rental = make.rental("active", site)
        said = f"Out with {rental.reference}, due Mon 30 Mar 2026."
        assert action(rental.holdings.get().device) == (said, f"/rentals/{rental.reference}/return/")

    def test_back_it_is_inspected_with_its_rental(self, site):
        rental = make.rental("returned", site, at=make.NOW - timedelta(days=20))
        words, address = action(rental.holdings.get().device)
        assert f"back from {rental.reference}" in words
        assert address == f"/rentals/{rental.reference}/inspect/"

    @pytest.mark.parametrize("condition", ["quarantine", "repair"])
    def test_without_a_rental_it_is_inspected_by_itself(self, site, condition):
        device = make.device(site, condition=condition)
        assert action(device)[1] == f"/devices/{device.pk}/inspect/"

    @pytest.mark.parametrize(
        ("condition", "words", "address"),
        [
            ("lost", "Reported lost.", "/devices/{}/found/"),
            ("recalled", "Recalled:", "/devices/recalls/"),
            ("sold", "Sold:", ""),
            ("retired", "Retired:", ""),
        ],
    )
    def test_what_is_not_in_issue_says_so(self, site, condition, words, address):
        device = make.device(site, condition=condition)
        said, led_to = action(device)
        assert said.startswith(words)
        assert led_to == address.format(device.pk)

    def test_on_its_way_it_waits(self, site):
        device = make.device(site)
        send(device, to=make.clinic(), arrives_on=TODAY + timedelta(days=2), at=make.NOW, actor=make.manager())
        assert action(device) == ("On its way from Here; it can be had here from Thu 5 Mar 2026.", "")

    def test_who_may_not_do_it_is_told_where_it_stands_only(self, site):
        assert action(make.device(site, condition="lost"), make.reception(site))[1] == ""
        assert action(make.device(site), make.auditor(site)) == ("Ready, and kept for nobody.", "")

    def test_it_stands_on_top_of_the_page_of_the_device(self, site, desk):
        rental = make.rental("active", site)
        desk.see(f"/devices/{rental.holdings.get().device.pk}/")
        assert f"Out with {rental.reference}, due" in desk.page
        assert f'href="/rentals/{rental.reference}/return/">Take back<' in desk.page
