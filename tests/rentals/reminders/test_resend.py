"""Sending a message once more: only because a person says so, once, judged again, under the same Message-ID (I8)."""

import pytest

from config.refusals import Refusal
from patients.models import SuppressedAddress
from rentals.models import Message, Reminder
from rentals.reminders import outbox
from rentals.reminders.decide import decide
from rentals.reminders.resend import resend, why_passed
from tests import make
from tests.refusals import refused_as
from tests.rentals.reminders.moments import days_overdue, newly_planned
from tests.rentals.reminders.test_decide import to_state
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def rental_of(message):
    return Reminder.objects.filter(message__patient=message.patient).get().rental


def later(message):
    return days_overdue(rental_of(message), 2)


@pytest.mark.parametrize("state", ["failed", "unknown", "sent"])
def test_a_message_is_sent_again_under_the_same_message_id(planned, sink, state):
    message, actor = to_state(planned, state, sink), make.reception()
    SuppressedAddress.objects.all().delete()
    again = resend(message, at=later(message), actor=actor)
    sink.mode, before = "accept", sink.message_ids.total()
    assert outbox.send(again.pk, later(message)) == "sent"
    assert sink.message_ids.total() == before + 1
    assert set(sink.message_ids) == {message.message_id} == {again.message_id}
    assert (again.resend_of, again.recipient, again.patient) == (message, "patient", message.patient)
    assert [reminder.message for reminder in Reminder.objects.all()] == [again]
    assert message.patient.accesses.get(user=actor).action == "changed"


@pytest.mark.parametrize("state", ["failed", "unknown"])
def test_that_staff_had_it_sent_again_is_the_decision(planned, sink, state):
    message, actor = to_state(planned, state, sink), make.reception()
    SuppressedAddress.objects.all().delete()
    at = later(message)
    resend(message, at=at, actor=actor)
    message.refresh_from_db()
    assert (message.state, message.decision, message.decided_at, message.decided_by) == (state, "resent", at, actor)
    assert not Message.objects.to_decide().exists()


def test_a_message_is_sent_again_once_and_the_new_one_once_more(planned, sink):
    message, actor = to_state(planned, "unknown", sink), make.reception()
    again = resend(message, at=later(message), actor=actor)
    refused_as("already_decided", resend, message, at=later(message), actor=actor)
    refused_as("wrong_state", resend, again, at=later(message), actor=actor)
    outbox.send(again.pk, later(message))
    third = resend(again, at=later(message), actor=actor)
    outbox.send(third.pk, later(message))
    assert set(sink.message_ids) == {message.message_id}
    assert Message.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_of_many_who_send_it_again_at_once_one_does(sink):
    message = to_state(newly_planned(), "unknown", sink)
    staff = iter([make.reception() for _ in range(4)])

    def press():
        try:
            return resend(message, at=later(message), actor=next(staff)).pk
        except Refusal as refusal:
            return refusal.code

    answers = at_once(4, press)
    assert answers.count("already_decided") == 3
    assert Message.objects.count() == 2


def test_what_was_told_by_phone_is_not_sent_again(planned, sink):
    message, actor = to_state(planned, "unknown", sink), make.reception()
    decide(message, Message.Decision.TOLD, at=later(message), actor=actor)
    refused_as("already_decided", resend, message, at=later(message), actor=actor)


def test_what_waits_to_be_sent_is_not_sent_again(planned, sink):
    message = to_state(planned, "retry", sink)
    refused_as("wrong_state", resend, message, at=later(message), actor=make.reception())


def test_what_there_is_no_reason_for_any_more_is_not_sent_again_and_it_is_said_why(planned, sink):
    message = to_state(planned, "unknown", sink)
    at = later(message)
    assert why_passed(message, at) == []
    make.take_back(rental_of(message), counter=14, at=at)
    refusal = refused_as("nothing_to_tell", resend, message, at=at, actor=make.reception())
    assert refusal.message == "There is nothing left to send: the device came back."
    assert why_passed(message, at) == ["returned"]
    assert Message.objects.to_decide().count() == 1


def test_what_comes_back_between_the_button_and_the_sending_is_not_sent(planned, sink):
    message = to_state(planned, "unknown", sink)
    before, at = sink.message_ids.total(), later(message)
    again = resend(message, at=at, actor=make.reception())
    make.take_back(rental_of(message), counter=14, at=at)
    assert outbox.send(again.pk, at) == "void"
    assert sink.message_ids.total() == before
