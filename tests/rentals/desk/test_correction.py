"""What was recorded wrongly, put right at the desk: what the pages say before, and what they do."""

from datetime import timedelta

import pytest

from patients.models import Access
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@shared
def rental():
    return make.rental(State.ACTIVE, at=make.NOW - 7 * DAY, counter=5)


@shared
def desk(rental):
    return Desk(make.manager(rental.clinic))


def page(rental, what):
    return f"/rentals/{rental.reference}/wrong-{what}/"


def held(rental):
    return rental.holdings.get().device


class TestWrongDevice:
    def test_the_device_that_went_out_takes_the_place_of_the_noted_one(self, rental, desk):
        noted, device = held(rental), make.device(rental.clinic)
        assert desk.see(page(rental, "device")) == 200
        assert noted.serial in desk.page
        offered = [str(pk) for pk, _ in desk.answer.context["form"].fields["device"].widget.choices]
        assert offered == ["", str(device.pk)]
        assert desk.proposed()["counter_out"] == 5
        assert desk.fill_in(page(rental, "device"), device=device.pk, reason="Wrong shelf") == 302
        assert held(rental) == device
        desk.see(desk.led_to)
        assert f"Not {noted} but {device} went out: Wrong shelf" in desk.page

    def test_what_another_rental_has_is_asked_about_before_both_are_changed(self, rental, desk):
        other = make.rental(State.ACTIVE, rental.clinic, at=make.NOW - 6 * DAY)
        noted, device = held(rental), held(other)
        entries = {"device": device.pk, "reason": "Wrong shelf"}
        assert desk.fill_in(page(rental, "device"), **entries) == 409
        assert f"rental {other.reference} gets device {noted}" in desk.problems()["exchange"][0]
        assert 'type="checkbox" name="exchange"' in desk.page
        assert (held(rental), held(other)) == (noted, device)
        assert desk.send(page(rental, "device"), **desk.proposed(), exchange="on") == 302
        assert (held(rental), held(other)) == (device, noted)

    def test_a_counter_that_cannot_be_is_said_at_once(self, rental, desk):
        device = make.device(rental.clinic, counter=50)
        desk.fill_in(page(rental, "device"), device=device.pk, reason="Wrong shelf")
        desk.see(desk.led_to)
        assert "Counter 5 is kept, but not trusted" in desk.page
        desk.see(f"/devices/{device.pk}/")
        assert "lower than before" in desk.page

    def test_a_refusal_stands_at_the_device(self, rental, desk):
        broken = make.device(rental.clinic, condition="repair")
        assert desk.fill_in(page(rental, "device"), device=broken.pk, reason="Wrong shelf") == 409
        assert "inspect it first" in desk.problems()["device"][0]

    def test_what_was_read_off_another_unit_is_said_on_the_page_of_the_noted_one(self, rental, desk):
        noted = held(rental)
        desk.fill_in(page(rental, "device"), device=make.device(rental.clinic).pk, reason="Wrong shelf")
        desk.see(f"/devices/{noted.pk}/")
        assert "read off another unit" in desk.page


class TestWrongPatient:
    def test_the_right_patient_is_looked_for_on_the_page_and_chosen(self, rental):
        desk = Desk(make.manager())  # who sees every clinic
        right = make.patient(rental.clinic, given_name="Zoë", family_name="Ångström")
        elsewhere = make.patient(make.clinic(), given_name="Zoe", family_name="Angstrom")
        assert desk.see(page(rental, "patient")) == 200
        assert "2. Put right" not in desk.page
        asked = {**desk.proposed(), "name": "angstrom"}
        assert desk.send(page(rental, "patient"), **asked, find="1") == 200
        assert [pk for pk, _ in desk.answer.context["form"].fields["patient"].widget.choices] == [right.pk]
        found = Access.objects.filter(action="searched")
        assert list(found.values_list("patient", flat=True)) == [right.pk]
        assert not elsewhere.accesses.filter(action="searched").exists()
        assert desk.send(page(rental, "patient"), **asked, patient=right.pk, reason="Namesake") == 302
        assert desk.led_to == f"/rentals/{rental.reference}/"
        rental.refresh_from_db()
        assert rental.patient == right

    def test_nobody_but_the_wrong_one_is_found(self, rental, desk):
        assert desk.send(page(rental, "patient"), name=rental.patient.family_name, find="1") == 200
        assert "Nobody else fits" in desk.page

    @pytest.mark.parametrize("asked", [{}, {"name": "a"}, {"phone": "12"}])
    def test_too_little_to_look_for_is_said(self, rental, desk, asked):
        assert desk.send(page(rental, "patient"), **asked, find="1") == 422
        assert desk.answer.context["search"].errors

    def test_what_is_missing_is_said_and_what_was_found_stays(self, rental, desk):
        right = make.patient(rental.clinic)
        assert desk.send(page(rental, "patient"), name=right.family_name) == 422
        assert set(desk.problems()) == {"patient", "reason"}
        assert f'value="{right.pk}"' in desk.page


def test_both_pages_lead_back_in_a_state_in_which_nothing_is_to_be_put_right(desk, rental):
    closed = make.rental(State.CLOSED, rental.clinic, at=make.NOW - 30 * DAY)
    for what in ("device", "patient"):
        assert desk.see(page(closed, what)) == 302
        assert desk.send(page(closed, what), reason="x") in (409, 422)
