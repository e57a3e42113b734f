"""Booking in one page for anybody: the patient found or written down there, everything else as for a known one."""

import re
from datetime import date

import pytest

from patients.models import Access, Patient
from rentals.models import Rental
from tests import make
from tests.rentals.desk.desk import Desk
from tests.rentals.desk.offers import device_of, offered
from tests.rentals.desk.test_booking import ANSWERED, COURSE
from tests.shared import shared

pytestmark = pytest.mark.django_db

NEW = {
    "given_name": "Zoë", "family_name": "Lindqvist", "date_of_birth": "2001-06-30", "email": "zoe@patients.example",
    "phone": "0491 570 006", "email_reminders": "on",
}  # fmt: skip


@shared
def site():
    return make.clinic(at=make.NOW)


@shared
def patient(site):
    return make.patient(site, given_name="Grace", family_name="Example", at=make.NOW)


@pytest.fixture
def desk(site) -> Desk:
    return Desk(make.reception(site))


def found(desk: Desk) -> list[int]:
    return [int(pk) for pk in re.findall(r'name="patient" value="(\d+)"', desk.page)]


def test_patients_are_found_from_three_signs_on_and_only_those_shown_are_recorded(desk, patient):
    for words, expected in (("gr", []), ("gra", [patient.pk]), ("nobody", [])):
        before = Access.objects.count()
        assert desk.send("/book/patients/", words=words) == 200
        assert found(desk) == expected
        assert Access.objects.count() - before == len(expected)
    assert Access.objects.latest("pk").action == "searched"
    assert "Nobody fits" in desk.page


def test_a_known_patient_is_booked_from_the_page_for_anybody(desk, site, patient):
    device_of(site)
    assert desk.fill_in("/book/", **ANSWERED, patient=patient.pk) == 302
    rental = Rental.objects.get()
    assert (rental.patient, desk.led_to) == (patient, f"/rentals/{rental.reference}/")


def test_without_javascript_the_patient_is_found_by_a_button_and_nothing_typed_is_lost(desk, site, patient):
    device_of(site)
    entries = {**COURSE, **ANSWERED, "words": "grace", "indication_note": "left foot", "find": "1"}
    assert desk.send("/book/", **entries) == 200
    assert found(desk) == [patient.pk]
    assert "left foot" in desk.page and desk.problems() == {}
    assert not Rental.objects.exists()


def test_the_devices_offered_are_those_for_the_patient_who_is_chosen(desk, site, patient):
    single = device_of(site, model=make.device_model(reuse=False))
    earlier = make.book(site, device=single, at=make.NOW)
    assert earlier.patient != patient
    other = device_of(site)
    assert desk.send("/book/offers/", **COURSE, patient=patient.pk) == 200
    assert offered(desk) == [other]
    assert patient.name in desk.page


def test_somebody_new_is_registered_and_booked_at_once(desk, site):
    device_of(site)
    assert desk.fill_in("/book/", **ANSWERED, **NEW) == 302
    rental = Rental.objects.get()
    assert (rental.patient.name, rental.patient.clinic) == ("Zoë Lindqvist", site)
    assert rental.patient.email_reminders


def test_somebody_new_whose_booking_is_refused_is_not_registered_and_stays_typed(desk):
    assert desk.fill_in("/book/", **ANSWERED, **NEW) == 409  # no device
    assert not Patient.objects.filter(family_name="Lindqvist").exists()
    assert "Lindqvist" in desk.page
    assert desk.fill_in("/book/", **ANSWERED, **NEW, wait="1") == 302
    assert Rental.objects.get().state == "enquiry"


def test_a_possible_duplicate_is_offered_and_another_person_has_to_be_confirmed(desk, site):
    device_of(site)
    known = make.patient(site, given_name="Zoe", family_name="Lindqvist", date_of_birth=date(2001, 6, 30), at=make.NOW)
    entries = {**ANSWERED, **NEW, "email": ""}
    assert desk.fill_in("/book/", **entries) == 409
    assert found(desk) == [known.pk] and 'type="checkbox" name="confirm_new"' in desk.page
    assert not Rental.objects.exists()
    assert desk.fill_in("/book/", **entries, patient=known.pk) == 302
    assert Rental.objects.get().patient == known
    device_of(site)
    assert desk.fill_in("/book/", **entries, confirm_new="on") == 302
    assert Patient.objects.filter(folded_name=known.folded_name).count() == 2


@pytest.mark.parametrize(
    ("typed", "fields"),
    [
        ({}, ["words"]),
        ({"given_name": "Zoë"}, ["family_name", "date_of_birth"]),
        ({**NEW, "date_of_birth": "2100-01-01"}, ["date_of_birth"]),
    ],
)
def test_a_patient_who_is_missing_or_half_written_down_is_said_at_the_field(desk, site, typed, fields):
    device_of(site)
    assert desk.fill_in("/book/", **ANSWERED, **typed) in (400, 422)
    assert list(desk.problems()) == fields
    assert not Rental.objects.exists()


def test_a_patient_of_another_site_is_nobody_here(desk, site):
    stranger = make.patient(make.clinic())
    device_of(site)
    assert desk.send("/book/", **COURSE, **ANSWERED, patient=stranger.pk) == 404
    assert desk.send("/book/offers/", **COURSE, patient=stranger.pk) == 404
    desk.send("/book/patients/", words=stranger.family_name)
    assert stranger.pk not in found(desk)


def test_bond_and_hire_are_shown_with_the_terms_they_follow_from(desk, site):
    type(site).objects.filter(pk=site.pk).update(charges_gst=True)
    device_of(site)
    terms = site.current_terms
    desk.send("/book/offers/", **COURSE)
    weeks = 4
    for words in (f"${terms.bond:,.2f}", f"${terms.weekly_hire * weeks:,.2f}", "GST included", "a week, at least"):
        assert words in desk.page
