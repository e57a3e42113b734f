"""A rental that was recorded for somebody else: they are told nothing more, the right patient all that is due (I8)."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pgtrigger
import pytest
from django.db import connection, connections, transaction

from patients.models import Patient
from rentals.correction import correct_patient_of
from rentals.models import Message, Rental
from rentals.models.states import State
from rentals.reminders import outbox, plan
from tests import make
from tests.rentals.reminders.moments import days_overdue
from tests.shared import shared

pytestmark = pytest.mark.django_db


def put_right(rental, patient, at):
    correct_patient_of(rental, patient=patient, reason="A namesake was chosen", at=at, actor=make.manager())


@shared
def rental() -> Rental:
    return make.rental(State.ACTIVE)


@shared
def right(rental: Rental) -> Patient:
    return make.patient(rental.clinic)


def plan_and_send(at):
    plan.plan_reminders(at)
    outbox.send_due(at)


def test_what_waits_to_be_sent_goes_to_the_right_patient(rental, right, sink):
    at = days_overdue(rental, 1)
    [message] = plan.plan_reminders(at).messages
    put_right(rental, right, at)
    plan_and_send(at)
    assert sink.recipients == [right.email]
    assert Message.objects.get(pk=message).state == "void"


def test_a_mail_that_also_tells_of_another_rental_keeps_that(rental, right, sink):
    make.rental(State.ACTIVE, rental.clinic, patient=rental.patient)
    at = days_overdue(rental, 1)
    plan.plan_reminders(at)
    put_right(rental, right, at)
    plan_and_send(at)
    assert sorted(sink.recipients) == sorted([right.email, rental.patient.email])
    to_wrong = next(mail for mail in sink.mails if rental.patient.email in mail["To"])
    assert rental.reference not in to_wrong.get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    ("mode", "state", "tried"),
    [("451 at DATA", "retry", 0), ("550 at RCPT", "failed", 0), ("accepted, then dropped", "unknown", 1)],
)
def test_what_did_not_arrive_is_told_to_the_right_patient_and_phoned_to_nobody(
    rental,
    right,
    sink,
    mode,
    state,
    tried,
):
    at = days_overdue(rental, 1)
    sink.mode = mode
    plan_and_send(at)
    assert Message.objects.get().state == state
    sink.mode = "accept"
    put_right(rental, right, at)
    plan_and_send(at + timedelta(hours=1))
    assert sink.recipients[tried:] == [right.email]
    assert not Message.objects.to_decide().exists()


def test_what_was_sent_stays_as_it_was_and_is_not_said_again(rental, right, sink):
    at = days_overdue(rental, 1)
    plan_and_send(at)
    put_right(rental, right, at)
    plan_and_send(at)
    assert sink.recipients == [rental.patient.email]
    plan_and_send(days_overdue(rental, 3))
    assert sink.recipients == [rental.patient.email, right.email]


def test_what_the_wrong_patient_did_not_want_the_right_one_is_told(rental, right, sink):
    Patient.objects.filter(pk=rental.patient_id).update(email_reminders=False)
    at = days_overdue(rental, 1)
    plan_and_send(at)
    assert rental.reminders.get(channel="email").why == "opted_out"
    put_right(rental, right, at)
    plan_and_send(at)
    assert sink.recipients == [right.email]


def test_a_mail_bundled_while_the_rental_changed_hands_is_not_sent_to_the_wrong_one(rental, right, sink):
    """The planner had read the old patient, and committed after the correction."""
    at = days_overdue(rental, 1)
    plan.plan_reminders(at)
    with pgtrigger.ignore("rentals.Rental:rental_patient_fixed"):
        Rental.objects.update(patient=right)
    outbox.send_due(at)
    assert sink.recipients == []
    plan_and_send(at)
    assert sink.recipients == [right.email]


@pytest.mark.django_db(transaction=True)
def test_what_is_being_sent_at_that_moment_is_not_said_again():
    """The correction waits for the sender's claim, and then leaves alone what it carries."""
    rental = make.rental(State.ACTIVE)
    right = make.patient(rental.clinic)
    at = days_overdue(rental, 1)
    [pk] = plan.plan_reminders(at).messages
    message = Message.objects.get(pk=pk)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert outbox.take(message, at)
            correction = pool.submit(put_right_in_a_thread, rental, right, at)
            wait_until_somebody_waits()
        correction.result()
    assert rental.reminders.get().message == message


def put_right_in_a_thread(rental, patient, at):
    try:
        put_right(rental, patient, at)
    finally:
        connections.close_all()


def wait_until_somebody_waits():
    until = time.monotonic() + 5
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
            if cursor.fetchone()[0]:
                return
