"""Contact persons: who is told instead of, or beside, a patient."""

import pytest

from patients.contacts import contact_of, name_contact
from patients.models import Access, Contact
from tests import make
from tests.refusals import refused_as
from tests.rentals.never import rows

pytestmark = pytest.mark.django_db


def named(patient, **details):
    written = {"name": "Grace Example", "email": "grace@carers.example", **details}
    return name_contact(patient, at=make.NOW, actor=make.reception(), **written)


def test_a_contact_person_is_written_down_and_the_change_recorded():
    patient = make.patient(make.clinic())
    assert contact_of(patient) is None
    contact = named(patient, relation="Mother", phone="0491 570 006", is_guardian=True)
    assert contact_of(patient) == contact
    assert (contact.receives, contact.is_guardian, contact.created_at) == ("instead", True, make.NOW)
    assert Access.objects.latest("pk").patient_id == patient.pk


def test_another_one_takes_their_place_and_the_history_keeps_both():
    patient = make.patient(make.clinic())
    first = named(patient)
    second = named(patient, name="Alan Example", receives="beside")
    assert (second.pk, second.name, second.receives) == (first.pk, "Alan Example", "beside")
    assert rows("SELECT name FROM patients_contactevent ORDER BY pgh_id") == [("Grace Example",), ("Alan Example",)]


@pytest.mark.parametrize("receives", ["instead", "beside"])
def test_who_is_to_be_told_can_be_reached(receives):
    patient = make.patient(make.clinic())
    assert refused_as("invalid", named, patient, email="", receives=receives).field == "email"
    named(patient, email="", phone="0491 570 006", receives=receives)
    named(patient, email="", phone="", receives=Contact.Receives.NOTHING)


def test_nobody_is_their_own_guardian():
    patient = make.patient(make.clinic(), given_name="Zoë", family_name="Example")
    assert refused_as("invalid", named, patient, name="ZOE EXAMPLE", is_guardian=True).field == "name"
    named(patient, name="ZOE EXAMPLE", is_guardian=False)
    assert named(patient, name="Zoë Example senior", is_guardian=True).is_guardian
