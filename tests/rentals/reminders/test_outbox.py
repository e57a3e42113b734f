"""Sending: claimed once, judged again, and an honest state for each way a mail server can fail (I8, T8)."""

import smtplib
import threading
import time as time_module
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import DatabaseError, transaction

from config import mail
from config.keys import without_keys
from config.models import Clinic
from patients.models import Patient
from rentals.models import Message, MessageTemplate, Reminder
from rentals.reminders import outbox, plan
from tests import make
from tests.raw import faulty
from tests.rentals.reminders.moments import days_overdue, newly_planned, overdue
from tests.threads import at_once, in_its_own_connection

pytestmark = pytest.mark.django_db
NEXT_WEEK = make.NOW.date() + timedelta(days=8)  # a Tuesday


def test_a_mail_that_is_accepted_is_sent_under_the_message_id_of_its_row(planned, sink):
    message, at = planned, planned.created_at
    assert outbox.send(message.pk, at) == "sent"
    message.refresh_from_db()
    assert (message.state, message.sent_at, message.attempts, message.claim) == ("sent", at, 1, None)
    assert sink.message_ids == {message.message_id: 1}
    assert sink.recipients == [message.patient.email]
    reminder = message.reminders.get()
    assert (reminder.state_shown, reminder.sent_at, reminder.why_shown) == ("sent", at, "")


def test_a_message_keeps_what_its_mail_said(planned, sink):
    message, at = planned, planned.created_at
    assert (message.subject, message.text, message.html) == ("", "", "")
    outbox.send(message.pk, at)
    message.refresh_from_db()
    assert message.state == "sent"
    assert said(sink.mails[0]) == kept_of(message)
    assert message.reminders.get().rental.reference in message.text


def said(mail):
    """Subject, text and HTML of a mail as it arrived, without the keys in it."""
    bodies = (mail.get_body((kind,)).get_content().replace("\r\n", "\n") for kind in ("plain", "html"))
    return mail["Subject"], *map(without_keys, bodies)


def kept_of(message):
    """The same of what is kept of it, where other words stand for the keys."""
    return message.subject, without_keys(message.text), without_keys(message.html)


def test_a_message_tried_again_keeps_what_the_last_attempt_said(planned, sink):
    message, at = planned, planned.created_at
    rental = message.reminders.get().rental
    sink.mode = "451 to the body"
    outbox.send(message.pk, at)
    first = Message.objects.get().text
    sink.mode = "accept"
    outbox.send(message.pk, days_overdue(rental, 2))
    last = Message.objects.get().text
    assert ["1 day ago" in first, "1 day ago" in last, "2 days ago" in last] == [True, False, True]
    assert said(sink.mails[0])[1] == without_keys(last)


def test_an_attempt_that_nobody_can_tell_about_keeps_what_may_have_arrived(planned, sink):
    message, at = planned, planned.created_at
    sink.mode = "accepted, then dropped"
    outbox.send(message.pk, at)
    message.refresh_from_db()
    assert message.state == "unknown"
    assert said(sink.mails[0]) == kept_of(message)


def test_a_message_with_nothing_left_to_tell_says_nothing(planned):
    message, at = planned, planned.created_at
    make.take_back(message.reminders.get().rental, counter=14, at=at)
    outbox.send(message.pk, at)
    message.refresh_from_db()
    assert (message.state, message.subject, message.text, message.html) == ("void", "", "", "")


def test_the_history_of_a_message_does_not_repeat_what_it_says(planned, sink):
    message, at = planned, planned.created_at
    outbox.send(message.pk, at)
    assert list(message.events.order_by("pgh_id").values_list("state", flat=True)) == ["queued", "sending", "sent"]
    columns = {field.name for field in message.events.model._meta.get_fields()}
    assert columns & {"subject", "text", "html"} == set()


def test_a_message_is_sent_once_however_often_it_is_poked(planned, sink):
    message, at = planned, planned.created_at
    assert [outbox.send(message.pk, at) for _ in range(3)] == ["sent", None, None]
    assert sink.message_ids == {message.message_id: 1}


@pytest.mark.parametrize(
    ("mode", "state", "accepted"),
    [
        ("421 at connect", "retry", 0),
        ("554 at connect", "retry", 0),
        ("550 at EHLO", "retry", 0),
        ("dropped at RCPT", "retry", 0),
        ("slow at RCPT", "retry", 0),
        ("450 at RCPT", "retry", 0),
        ("451 at DATA", "retry", 0),
        ("451 to the body", "retry", 0),
        ("550 at RCPT", "failed", 0),
        ("552 to the body", "failed", 0),
        ("accepted, then dropped", "unknown", 1),
        ("accepted, then slow", "unknown", 1),
        ("accepted, then nonsense", "unknown", 1),
        ("accepted, then a line too long", "unknown", 1),
    ],
)
def test_each_failure_of_the_mail_server_has_its_state_and_none_sends_twice(planned, sink, mode, state, accepted):
    message, at = planned, planned.created_at
    sink.mode = mode
    assert outbox.send(message.pk, at) == state
    sink.mode = "accept"
    for minutes in (1, 2, 6, 11):  # when it is tried again, and when its lease has run out
        outbox.sweep(at + timedelta(minutes=minutes))
        outbox.send_due(at + timedelta(minutes=minutes))
    message.refresh_from_db()
    assert message.state == ("sent" if state == "retry" else state)
    assert sink.message_ids.total() == accepted + (state == "retry")


def test_a_mail_server_that_is_not_there_is_tried_again(planned, settings, sink):
    message, at = planned, planned.created_at
    settings.EMAIL_PORT = 1
    assert outbox.send(message.pk, at) == "retry"
    message.refresh_from_db()
    assert message.next_attempt_at == at + timedelta(minutes=1)
    assert message.reminders.get().why_shown == "no connection to the mail server (ConnectionRefusedError)"


def test_the_server_s_own_words_which_name_the_patient_are_not_kept(planned, sink, caplog):
    message, at = planned, planned.created_at
    sink.mode = "550 at RCPT"
    outbox.send(message.pk, at)
    message.refresh_from_db()
    assert message.why == "the mail server refused it (550 5.1.1)"
    assert "patients.example" not in caplog.text


def test_without_watching_the_connection_a_lost_reply_would_be_sent_again(planned, sink, monkeypatch):
    """The negative control: judged by the exception alone, a reply lost after the body looks like no connection."""
    message, at = planned, planned.created_at
    sink.mode = "accepted, then dropped"
    monkeypatch.setattr(mail._Watched, "getreply", smtplib.SMTP.getreply)
    assert outbox.send(message.pk, at) == "retry"
    outbox.send_due(at + timedelta(minutes=1))
    assert sink.message_ids == {message.message_id: 2}


def test_attempts_are_spaced_out(planned, sink, settings):
    message, at = planned, planned.created_at
    settings.EMAIL_PORT = 1
    waits = []
    for _ in range(6):
        outbox.send(message.pk, at)
        message.refresh_from_db()
        waits.append(message.next_attempt_at - at)
        assert outbox.send(message.pk, message.next_attempt_at - timedelta(seconds=1)) is None
        at = message.next_attempt_at
    assert [wait.total_seconds() / 60 for wait in waits] == [1, 5, 15, 60, 60, 60]


def test_a_message_left_in_sending_becomes_unknown_after_its_lease_and_is_never_sent_again(planned, sink):
    message, at = planned, planned.created_at
    outbox.claim(message.pk, at)
    assert outbox.sweep(at + outbox.LEASE - timedelta(seconds=1)) == 0
    assert outbox.sweep(at + outbox.LEASE) == 1
    message.refresh_from_db()
    assert (message.state, message.claim, message.why) == ("unknown", None, outbox.LEASE_RAN_OUT)
    assert outbox.send_due(at + timedelta(hours=2)) == {}
    assert sink.mails == []
    assert message.reminders.get().state_shown == "unknown"


def test_an_answer_that_comes_after_the_lease_leaves_it_unknown(planned):
    message, at = planned, planned.created_at
    claimed, *_ = outbox.claim(message.pk, at)
    outbox.sweep(at + outbox.LEASE)
    assert outbox.settle(claimed, mail.Delivery(mail.Outcome.ACCEPTED), at + outbox.LEASE) == "unknown"
    message.refresh_from_db()
    assert message.state == "unknown"


def test_the_lease_outlasts_a_task_and_every_wait_for_the_mail_server():
    from django.conf import settings

    steps = 12  # connect, greeting, EHLO, STARTTLS, EHLO, AUTH (3), MAIL, RCPT, DATA, body
    assert outbox.LEASE.total_seconds() > settings.CELERY_TASK_TIME_LIMIT
    assert settings.EMAIL_TIMEOUT * steps < outbox.LEASE.total_seconds()


def test_the_database_refuses_to_send_what_is_unknown_again(planned):
    message, at = planned, planned.created_at
    outbox.claim(message.pk, at)
    outbox.sweep(at + outbox.LEASE)
    with pytest.raises(DatabaseError, match="Invalid transition"), transaction.atomic():
        Message.objects.filter(pk=message.pk).update(state="queued")


def test_a_letter_that_cannot_be_written_is_tried_again_later_and_holds_no_other_up(planned, sink, caplog):
    """A site's words that name what a later version of Callus does not know any more, say."""
    broken, at = planned, planned.created_at
    other = overdue(make.clinic("Elsewhere"))
    plan.plan_clinic(other.clinic, at)
    words = {"clinic": broken.patient.clinic, "kind": "overdue", "created_at": at, "created_by": make.manager()}
    MessageTemplate.objects.create(**words, version=1, subject="Due", text="{{ gone }}", html="<p>{{ gone }}</p>")
    assert outbox.send_due(at) == {"retry": 1, "sent": 1}
    broken.refresh_from_db()
    assert (broken.why, broken.attempts, broken.claim) == ("it could not be written (KeyError)", 1, None)
    assert sink.recipients == [other.patient.email]
    assert "Traceback" not in caplog.text
    MessageTemplate.objects.create(**words, version=2)
    assert outbox.send(broken.pk, broken.next_attempt_at) == "sent"


def test_a_clinic_whose_hours_cannot_be_told_holds_no_other_up(planned, sink, caplog):
    broken, at = planned, planned.created_at
    other = overdue(make.clinic("Elsewhere"))
    plan.plan_clinic(other.clinic, at)
    Clinic.objects.filter(pk=broken.patient.clinic_id).update(time_zone="Nowhere/Void")
    assert outbox.send_due(at) == {"sent": 1}
    assert sink.recipients == [other.patient.email]
    hours = f"the sending hours of clinic {broken.patient.clinic_id} cannot be told (ZoneInfoNotFoundError)"
    assert hours in caplog.messages


def test_a_message_that_cannot_be_claimed_holds_no_other_up(planned, sink, caplog):
    broken, at = planned, planned.created_at
    other = overdue(broken.patient.clinic)
    plan.plan_clinic(other.clinic, at)
    with faulty("rentals_message", "UPDATE", f"new.id = {broken.pk}"):
        assert outbox.send_due(at) == {"sent": 1}
    assert sink.recipients == [other.patient.email]
    assert f"message {broken.pk} could not be sent (ProgrammingError)" in caplog.messages
    assert outbox.send_due(at) == {"sent": 1}


@pytest.mark.django_db(transaction=True)
def test_of_many_senders_of_one_message_one_sends_it(sink):
    sink.delay = 0.2
    for _ in range(3):
        answers = at_once(6, partial(send, newly_planned()))
        assert sorted(map(str, answers)) == ["None"] * 5 + ["sent"]
    assert sink.message_ids.total() == len(sink.message_ids) == 3


def send(message):
    return outbox.send(message.pk, message.created_at)


def take_without_condition(message, at):
    waiting = Message.objects.filter(pk=message.pk, state__in=Message.TO_SEND).exists()
    everybody_has_looked.wait(timeout=10)
    Message.objects.filter(pk=message.pk).update(state="sending", claim=message.mail_key, lease_until=at)
    return waiting


everybody_has_looked = threading.Barrier(3)


@pytest.mark.django_db(transaction=True)
def test_a_claim_without_its_condition_sends_twice(sink, monkeypatch):
    """The negative control of the test above."""
    message = newly_planned()
    monkeypatch.setattr(outbox, "take", take_without_condition)
    at_once(3, partial(send, message))
    assert sink.message_ids == {message.message_id: 3}


@pytest.mark.django_db(transaction=True)
def test_no_row_is_locked_while_the_mail_server_is_spoken_to(sink, settings):
    settings.EMAIL_TIMEOUT, sink.delay = 20, 1
    message = newly_planned()
    with ThreadPoolExecutor(1) as pool:
        sender = pool.submit(in_its_own_connection, send, message)
        look_at_locks(message)
        assert sender.result() == "sent"
    assert sink.message_ids == {message.message_id: 1}


def look_at_locks(message):
    while not Message.objects.filter(pk=message.pk, state="sending").exists():
        time_module.sleep(0.01)
    with transaction.atomic():
        assert Message.objects.select_for_update(nowait=True).get(pk=message.pk).state == "sending"
        assert Patient.objects.select_for_update(nowait=True).get(pk=message.patient_id)
        assert Reminder.objects.select_for_update(nowait=True).get(message=message)


def test_due_messages_are_those_of_clinics_that_may_send_oldest_first():
    sydney, perth = make.clinic(), make.clinic(time_zone="Australia/Perth")
    for place in (sydney, perth):
        overdue(place)
    plan.plan_reminders(datetime(2026, 3, 31, 1, 0, tzinfo=UTC))
    by_clinic = {message.patient.clinic: message.pk for message in Message.objects.all()}
    assert outbox.due_messages(datetime(2026, 3, 31, 7, 30, tzinfo=UTC)) == [by_clinic[perth]]
    assert outbox.due_messages(datetime(2026, 3, 31, 2, 0, tzinfo=UTC)) == sorted(by_clinic.values())
