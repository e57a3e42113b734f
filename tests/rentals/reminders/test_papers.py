"""A mail whose papers cannot be made: it is tried again, and fails for staff to see where that does not help (T14)."""

import logging

import pytest

from config.mail import Outcome
from config.refusals import Refusal
from rentals.ledger import pay, reverse
from rentals.models import Message
from rentals.reminders import outbox, plan
from tests import make
from tests.raw import faulty
from tests.rentals.reminders.moments import reserved

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid():
    """A message that has a receipt with it."""
    rental = reserved()
    pay(rental, kind="hire", amount=100, method="card", at=make.NOW, actor=make.manager())
    [message] = plan.plan_reminders(make.NOW).messages
    return Message.objects.get(pk=message)


def tried_again(message, times):
    """The message after so many more attempts, in the minutes in which it is due."""
    for _ in range(times):
        message.refresh_from_db()
        outbox.send(message.pk, message.next_attempt_at)
    message.refresh_from_db()
    return message


def test_papers_that_still_cannot_be_made_after_five_attempts_are_for_staff_to_see(paid, sink):
    with faulty("rentals_paper", "INSERT"):
        assert tried_again(paid, 4).state == "retry"
        failed = tried_again(paid, 1)
    assert (failed.state, failed.why) == ("failed", "its papers could not be made (ProgrammingError)")
    assert list(Message.objects.to_decide()) == [failed]
    assert outbox.send(failed.pk, failed.next_attempt_at) is None
    assert sink.mails == []


def test_a_paper_that_fails_once_after_the_mail_server_has_refused_often_is_tried_again(paid, sink):
    sink.mode = "451 at DATA"
    assert tried_again(paid, 5).state == "retry"
    assert outbox.without_papers(paid, ValueError()).outcome == Outcome.TRY_AGAIN


@pytest.mark.parametrize(
    ("code", "outcome"),
    [("busy", "retry"), ("changed_meanwhile", "retry"), ("no_payment", "retry"), ("wrong_state", "failed")],
)
def test_a_refusal_that_passes_is_tried_again_and_another_one_fails_at_once(paid, code, outcome):
    delivery = outbox.without_papers(paid, Refusal(code, "Ada Example is in the way."))
    assert delivery.why == f"its papers could not be made ({code})"
    assert outbox.take(paid, make.NOW)
    assert outbox.settle(paid, delivery, make.NOW) == outcome


def test_of_papers_that_cannot_be_made_the_log_says_the_class_alone(paid, sink, caplog):
    with faulty("rentals_paper", "INSERT"), caplog.at_level(logging.WARNING):
        tried_again(paid, 1)
    first = caplog.records[0]
    assert first.getMessage() == f"the papers of message {paid.pk} could not be made (ProgrammingError)"
    assert first.exc_info is None
    assert all(record.exc_info is None for record in caplog.records)


def test_a_payment_that_is_taken_back_while_its_mail_waits_holds_up_nothing_else_in_it(paid, sink):
    entry = paid.reminders.get(kind="receipt").rental.ledger.get(kind="hire_payment")
    with faulty("rentals_paper", "INSERT"):
        assert tried_again(paid, 1).state == "retry"
    reverse(entry, reason="Wrong amount", at=make.NOW, actor=make.manager())
    assert tried_again(paid, 1).state == "sent"
    assert entry.rental.reminders.get(kind="receipt").why == "superseded"
    [mail] = sink.mails
    assert "application/pdf" not in [part.get_content_type() for part in mail.iter_attachments()]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1, "1 message became unknown: its sender stopped"),
        (2, "2 messages became unknown: their senders stopped"),
    ],
)
def test_messages_whose_sender_stopped_are_counted_in_the_log(number, said, caplog):
    for _ in range(number):
        patient = make.patient(make.clinic())
        message = Message.objects.create(patient=patient, created_at=make.NOW, next_attempt_at=make.NOW)
        assert outbox.take(message, make.NOW)
    outbox.sweep(make.NOW + outbox.LEASE)
    assert caplog.messages == [said]
