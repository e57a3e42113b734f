"""Registering and finding people; each look is written down (I10)."""

from datetime import date

import pytest

from patients.access import record_access
from patients.models import Access, Patient
from patients.register import search_patients
from tests import make
from tests.refusals import refused_as
from tests.shared import shared

pytestmark = pytest.mark.django_db
BORN = date(1988, 2, 29)


@shared
def clinic():
    return make.clinic()


def zoe(clinic, **changes):
    details = {"given_name": "Zoë", "family_name": "Łukasik", "date_of_birth": BORN, "email": "zoe@patients.example"}
    return make.patient(clinic, **{**details, **changes})


@pytest.mark.parametrize(
    "twin",
    [
        {"given_name": "ZOE", "family_name": "lukasik", "email": ""},
        {"given_name": "Somebody", "family_name": "Else", "email": "Zoe@Patients.Example"},
        {"given_name": "Zoë", "family_name": "Łukasik", "email": "new@patients.example"},
    ],
)
def test_a_person_who_may_be_there_already_is_confirmed_first(clinic, twin):
    known = zoe(clinic)
    refusal = refused_as("possible_duplicate", zoe, clinic, **twin)
    assert refusal.status == 409
    assert refusal.conflict == {"patients": [known.pk]}
    assert list(Patient.objects.all()) == [known]
    assert zoe(clinic, **twin, confirm_new=True) != known


@pytest.mark.parametrize(
    "somebody_else",
    [
        {"date_of_birth": date(1988, 3, 1), "email": ""},
        {"given_name": "Zora", "email": "zora@patients.example"},
    ],
)
def test_somebody_else_is_registered_at_once(clinic, somebody_else):
    zoe(clinic)
    zoe(clinic, **somebody_else)
    assert Patient.objects.count() == 2


def test_another_clinic_does_not_know_the_person(clinic):
    zoe(clinic)
    assert zoe(make.clinic()).pk


def test_people_without_an_address_are_not_alike_for_that(clinic):
    zoe(clinic, email="")
    zoe(clinic, email="", family_name="Other")


def test_nobody_is_born_tomorrow_by_the_clinics_day(clinic):
    """At 13:30 UTC it is half past midnight in Sydney already."""
    late = make.NOW.replace(hour=13, minute=30)
    zoe(clinic, date_of_birth=date(2026, 3, 3), at=late)
    refusal = refused_as("in_the_future", zoe, clinic, date_of_birth=date(2026, 3, 4), at=late, email="")
    assert (refusal.status, refusal.field) == (400, "date_of_birth")


@pytest.mark.parametrize("name", ["zoe", "ZOË", "lukasik", "Łukasik Zoe", "zoe luk", "ukas"])
def test_a_name_is_found_however_it_is_typed(clinic, name):
    known = zoe(clinic)
    make.patient(clinic)
    assert list(search_patients(make.reception(), make.NOW, name=name)) == [known]


def test_search_narrows_by_everything_given(clinic):
    known = zoe(clinic, phone="+61 2 5550 1234")
    zoe(clinic, date_of_birth=date(1990, 1, 1), email="", phone="+61 2 5550 9999")
    actor = make.reception()
    assert list(search_patients(actor, make.NOW, name="zoe", date_of_birth=BORN)) == [known]
    assert list(search_patients(actor, make.NOW, name="zoe", phone="1234")) == [known]
    assert list(search_patients(actor, make.NOW, name="nobody")) == []


def test_names_are_in_order_as_people_read_them(clinic):
    for family_name in ("Zed", "Émile", "Eagle", "Øberg", "Adams"):
        zoe(clinic, family_name=family_name, email="")
    in_order = [patient.family_name for patient in Patient.objects.all()]
    assert in_order == ["Adams", "Eagle", "Émile", "Øberg", "Zed"]


def test_each_person_found_is_a_recorded_read_and_nobody_else(clinic):
    known, actor = zoe(clinic), make.reception()
    make.patient(clinic)
    search_patients(actor, make.NOW, name="zoe")
    (line,) = Access.objects.filter(user=actor)
    assert (line.patient, line.action, line.at) == (known, "searched", make.NOW)


def test_a_user_finds_people_of_the_own_clinics_only(clinic):
    zoe(clinic)
    assert list(search_patients(make.reception(make.clinic()), make.NOW, name="zoe")) == []
    assert search_patients(make.reception(clinic), make.NOW, name="zoe").count() == 1


def test_a_search_shows_and_records_fifty_at_most(clinic, django_assert_num_queries):
    actor = make.reception()
    Patient.objects.bulk_create(
        Patient(clinic=clinic, given_name="Zoe", family_name=str(n), date_of_birth=BORN, created_at=make.NOW)
        for n in range(60)
    )
    with django_assert_num_queries(4):
        assert len(search_patients(actor, make.NOW, name="zoe")) == 50
    assert Access.objects.filter(user=actor).count() == 50


def test_a_list_is_recorded_one_line_a_person_in_one_insert(clinic, django_assert_num_queries):
    ids = [make.patient(clinic).pk for _ in range(3)]
    actor = make.reception()
    with django_assert_num_queries(1):
        record_access(actor, [*ids, ids[0]], Access.Action.LISTED, make.NOW)
    assert sorted(Access.objects.filter(user=actor).values_list("patient_id", flat=True)) == ids


def test_a_patient_shows_no_name_by_default(clinic):
    """I10: what a template or a log prints by accident names nobody."""
    known = zoe(clinic)
    assert str(known) == f"patient {known.pk}"
