"""Patients at the desk: found by POST, compared before they are registered twice, seen only by their own site."""

from datetime import date

import pytest
from django.apps import apps

from patients.models import Access, Patient
from rentals.agreement import needs_signature
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk

pytestmark = pytest.mark.django_db

PERSON = {"given_name": "Ada", "family_name": "Lovelace", "date_of_birth": "1990-12-10"}


def test_a_search_finds_by_a_part_of_the_name_and_records_who_was_shown():
    site = make.clinic()
    zoe = make.patient(site, given_name="Zoë", family_name="Lindqvist")
    make.patient(site)
    user = make.reception(site)
    desk = Desk(user)
    assert desk.find(name="zoe") == 200
    assert list(desk.answer.context["found"]) == [zoe]
    assert list(Access.objects.filter(user=user).values_list("patient", "action")) == [(zoe.pk, "searched")]


def test_a_search_by_get_finds_nobody_so_that_no_name_stands_in_an_address():
    site = make.clinic()
    patient = make.patient(site)
    desk = Desk(make.reception(site))
    desk.see("/patients/", name=patient.family_name)
    assert patient.family_name not in desk.page


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ({}, "Write a name, a date of birth or a telephone number."),
        ({"phone": "12"}, "Write at least four digits of the number."),
    ],
)
def test_a_search_that_says_too_little_is_told_what_to_write(entries, problem):
    desk = Desk(make.reception(make.clinic()))
    assert desk.find(**entries) in (400, 422)
    assert problem in [text for texts in desk.problems().values() for text in texts]


def test_patients_of_another_site_are_not_found():
    here, there = make.clinic(), make.clinic()
    theirs = make.patient(there)
    desk = Desk(make.reception(here))
    desk.find(name=theirs.family_name)
    assert list(desk.answer.context["found"]) == []
    assert desk.see(f"/patients/{theirs.pk}/") == 404


def test_somebody_much_like_a_known_one_is_compared_first_and_registered_when_told():
    site = make.clinic()
    known = make.patient(site, given_name="Ada", family_name="Lovelace", date_of_birth=date(1990, 12, 10))
    desk = Desk(make.reception(site))
    assert desk.fill_in("/patients/new/", **PERSON) == 409
    assert f'href="/patients/{known.pk}/"' in desk.page
    assert 'type="checkbox" name="confirm_new"' in desk.page
    assert Patient.objects.count() == 1
    assert desk.send("/patients/new/", **{**desk.proposed(), "confirm_new": "on"}) == 302
    assert Patient.objects.count() == 2


def test_a_wrong_entry_is_marked_and_nothing_typed_is_lost():
    desk = Desk(make.reception(make.clinic()))
    assert desk.fill_in("/patients/new/", **{**PERSON, "date_of_birth": "2090-01-01"}) == 400
    assert list(desk.problems()) == ["date_of_birth"]
    assert 'value="Lovelace"' in desk.page
    assert desk.fill_in("/patients/new/", **{**PERSON, "email": "not an address"}) == 422
    assert list(desk.problems()) == ["email"]


def test_a_patients_page_shows_all_their_rentals_and_is_recorded_as_a_read():
    rental = make.rental(State.CLOSED)
    user = make.auditor(rental.clinic)
    desk = Desk(user)
    assert desk.see(f"/patients/{rental.patient_id}/") == 200
    assert rental.reference in desk.page
    assert list(Access.objects.filter(user=user).values_list("patient", "action")) == [(rental.patient_id, "read")]


@pytest.mark.parametrize("number", [1, 3])
def test_a_search_makes_the_same_number_of_queries(number, django_assert_num_queries):
    site = make.clinic()
    for _ in range(number):
        make.patient(site, given_name="Zoë")
    desk = Desk(make.reception(site))
    desk.send("/patients/", name="zoe")
    with django_assert_num_queries(9):
        desk.see(desk.led_to)
    assert len(desk.answer.context["found"]) == number


def test_a_wrong_address_is_corrected_and_the_old_one_stays_in_the_history():
    patient = make.patient(make.clinic(), email="wrong@patients.example")
    user = make.reception(patient.clinic)
    desk = Desk(user)
    address = f"/patients/{patient.pk}/correct/"
    assert desk.fill_in(address, email="right@patients.example", email_reminders="") == 302
    patient.refresh_from_db()
    assert (patient.email, patient.email_reminders) == ("right@patients.example", False)
    assert "wrong@patients.example" in apps.get_model("patients", "PatientEvent").objects.values_list(
        "email", flat=True
    )
    assert Access.objects.filter(user=user, action="changed").count() == 1
    assert desk.fill_in(address, date_of_birth="2090-01-01") == 400
    assert list(desk.problems()) == ["date_of_birth"]
    patient.refresh_from_db()
    assert patient.date_of_birth.year == 1990


def test_another_name_makes_the_hire_ask_for_a_signature_again():
    rental = make.prepare(make.rental("reserved"))
    desk = Desk(make.reception(rental.clinic))
    assert desk.fill_in(f"/patients/{rental.patient_id}/correct/", given_name="Adah") == 302
    assert needs_signature(rental)
    desk.see(f"/rentals/{rental.reference}/")
    assert "Name or date of birth of the patient put right" in desk.page


def test_a_patient_is_registered_at_the_site_where_the_page_was_opened():
    here, there = make.clinic("A here"), make.clinic("B there")
    desk = Desk(make.reception(here, there))
    desk.see("/patients/new/")
    opened_here = desk.proposed()
    desk.send("/site/", site=there.pk)  # in another window
    assert desk.send("/patients/new/", **opened_here, **PERSON) == 302
    assert Patient.objects.get().clinic == here


def test_nobody_is_registered_at_a_site_one_does_not_work_for():
    here, there = make.clinic(), make.clinic()
    desk = Desk(make.reception(here))
    assert desk.fill_in("/patients/new/", **PERSON, clinic=there.pk) == 422
    assert not Patient.objects.exists()


def test_another_mistake_does_not_ask_whether_this_is_another_person():
    desk = Desk(make.reception(make.clinic()))
    assert desk.fill_in("/patients/new/", **{**PERSON, "email": "no address"}) == 422
    assert 'type="checkbox" name="confirm_new"' not in desk.page


def test_back_from_a_patient_shows_what_was_found_again_without_a_name_in_the_address():
    patient = make.patient(make.clinic(), given_name="Zoë")
    desk = Desk(make.reception(patient.clinic))
    desk.find(name="zoe")
    desk.see(f"/patients/{patient.pk}/")
    assert desk.see("/patients/?found") == 200
    assert list(desk.answer.context["found"]) == [patient]
    assert desk.see("/patients/") == 200
    assert "found" not in desk.answer.context
