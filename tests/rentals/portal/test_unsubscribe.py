"""Saying no to advice by the link of a mail: one click, no sign-in, nothing by opening it (RFC 8058)."""

import pytest
from django.apps import apps
from django.test import Client

from patients.models import Patient
from rentals.models import Message, MessageReport
from rentals.models.states import State
from rentals.reminders.texts.unsubscribe import address_of_token, make_token
from tests import make
from tests.rentals.portal.visitor import OF_ONE_ANSWER
from tests.rentals.reminders.mails import mail_about, text_of
from tests.shared import shared

pytestmark = pytest.mark.django_db


@shared
def rental(clinic):
    return make.rental(State.ACTIVE, clinic)


@pytest.fixture
def address(rental):
    """As the header of a mail has it."""
    mail = mail_about(rental, "first_days")
    return mail["List-Unsubscribe"].strip().strip("<>").removeprefix("http://localhost:8000")


def wants_advice(rental):
    return Patient.objects.get(pk=rental.patient_id).wants_advice


def test_opening_the_address_changes_nothing_not_even_twice(address, rental):
    client = Client(enforce_csrf_checks=True)
    before = Patient.objects.filter(pk=rental.patient_id).values().get()
    for _ in range(2):
        answer = client.get(address)
        assert answer.status_code == 200
        assert "Send no more advice" in answer.content.decode()
        assert client.head(address).status_code == 200
    assert Patient.objects.filter(pk=rental.patient_id).values().get() == before
    assert not MessageReport.objects.exists()


def test_one_click_of_a_mail_program_stops_advice_once_and_for_all(address, rental):
    for _ in range(2):
        answer = Client(enforce_csrf_checks=True).post(address, {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert "we send no more advice" in answer.content.decode()
    assert not wants_advice(rental)
    report = MessageReport.objects.get()
    assert (report.kind, report.source, report.message) == ("unsubscribed", "link", Message.objects.get())
    versions = apps.get_model("patients", "PatientEvent").objects.filter(pgh_obj_id=rental.patient_id)
    assert list(versions.order_by("pgh_id").values_list("wants_advice", flat=True)) == [True, False]


def test_the_button_of_the_page_does_the_same(address, rental):
    assert Client(enforce_csrf_checks=True).post(address).status_code == 200
    assert not wants_advice(rental)


def test_only_this_patients_advice_stops(address, clinic):
    other = make.rental(State.ACTIVE, clinic)
    Client().post(address)
    assert wants_advice(other)


def test_what_is_no_token_of_ours_gets_the_same_answer_whatever_it_is(address, rental):
    token = address.strip("/").rpartition("/")[2]
    gone = Message(pk=10**9)
    answers = {
        OF_ONE_ANSWER.sub("", Client().post(f"/unsubscribe/{wrong}/").content.decode())
        for wrong in ("key", token[:-1] + ("a" if token[-1] != "a" else "b"), "W10:x:y", make_token(gone))
    }
    assert len(answers) == 1
    assert "This link does not work" in answers.pop()
    assert wants_advice(rental)
    assert Client().get("/unsubscribe/anything/").status_code == 200


def test_the_address_says_nothing_of_the_patient_and_is_not_passed_on(address, rental):
    for secret in (rental.reference, rental.patient.email, rental.patient.family_name):
        assert secret not in address
    answer = Client().get(address)
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]


def test_advice_after_that_is_still_written_where_somebody_sends_it_with_its_way_out(rental):
    message = Message.objects.create(patient=rental.patient, created_at=make.NOW, next_attempt_at=make.NOW)
    assert address_of_token(make_token(message)) != address_of_token(make_token(Message(pk=message.pk)))
    assert "/unsubscribe/" in text_of(mail_about(rental, "first_days"))
