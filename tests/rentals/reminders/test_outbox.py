"""Sending: claimed once, judged again, and an honest state for each way a mail server can fail (I8, T8)."""

import smtplib
import threading
import time as time_module
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import DatabaseError, connections, transaction

from config import mail
from config.keys import without_keys
from config.models import Clinic
from patients.models import Patient
from rentals import custody
from rentals.booking import change, extension
from rentals.ledger import pay
from rentals.models import Holding, Message, MessageTemplate, Reminder
from rentals.reminders import outbox, plan
from tests import make
from tests.raw import faulty
from tests.rentals.reminders.moments import before_due, before_start, days_overdue, overdue, reserved
from tests.threads import at_once

pytestmark = pytest.mark.django_db
NEXT_WEEK = make.NOW.date() + timedelta(days=8)  # a Tuesday


def planned(days=1):
    """A message about a rental so many days overdue (negative: due soon), and the moment at which it was planned."""
    at = days_overdue(overdue(), days)
    return Message.objects.get(pk=plan.plan_reminders(at).messages[0]), at


def test_a_mail_that_is_accepted_is_sent_under_the_message_id_of_its_row(sink):
    message, at = planned()
    assert outbox.send(message.pk, at) == "sent"
    message.refresh_from_db()
    assert (message.state, message.sent_at, message.attempts, message.claim) == ("sent", at, 1, None)
    assert sink.message_ids == {message.message_id: 1}
    assert sink.recipients == [message.patient.email]
    reminder = message.reminders.get()
    assert (reminder.state_shown, reminder.sent_at, reminder.why_shown) == ("sent", at, "")


def test_a_message_keeps_what_its_mail_said(sink):
    message, at = planned()
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


def test_a_message_tried_again_keeps_what_the_last_attempt_said(sink):
    message, at = planned()
    rental = message.reminders.get().rental
    sink.mode = "451 to the body"
    outbox.send(message.pk, at)
    first = Message.objects.get().text
    sink.mode = "accept"
    outbox.send(message.pk, days_overdue(rental, 2))
    last = Message.objects.get().text
    assert ["1 day ago" in first, "1 day ago" in last, "2 days ago" in last] == [True, False, True]
    assert said(sink.mails[0])[1] == without_keys(last)


def test_an_attempt_that_nobody_can_tell_about_keeps_what_may_have_arrived(sink):
    message, at = planned()
    sink.mode = "accepted, then dropped"
    outbox.send(message.pk, at)
    message.refresh_from_db()
    assert message.state == "unknown"
    assert said(sink.mails[0]) == kept_of(message)


def test_a_message_with_nothing_left_to_tell_says_nothing():
    message, at = planned()
    make.take_back(message.reminders.get().rental, counter=14, at=at)
    outbox.send(message.pk, at)
    message.refresh_from_db()
    assert (message.state, message.subject, message.text, message.html) == ("void", "", "", "")


def test_the_history_of_a_message_does_not_repeat_what_it_says(sink):
    message, at = planned()
    outbox.send(message.pk, at)
    assert list(message.events.order_by("pgh_id").values_list("state", flat=True)) == ["queued", "sending", "sent"]
    columns = {field.name for field in message.events.model._meta.get_fields()}
    assert columns & {"subject", "text", "html"} == set()


def test_a_message_is_sent_once_however_often_it_is_poked(sink):
    message, at = planned()
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
def test_each_failure_of_the_mail_server_has_its_state_and_none_sends_twice(sink, mode, state, accepted):
    message, at = planned()
    sink.mode = mode
    assert outbox.send(message.pk, at) == state
    sink.mode = "accept"
    for minutes in range(1, 12):
        outbox.sweep(at + timedelta(minutes=minutes))
        outbox.send_due(at + timedelta(minutes=minutes))
    message.refresh_from_db()
    assert message.state == ("sent" if state == "retry" else state)
    assert sink.message_ids.total() == accepted + (state == "retry")


def test_a_mail_server_that_is_not_there_is_tried_again(settings, sink):
    message, at = planned()
    settings.EMAIL_PORT = 1
    assert outbox.send(message.pk, at) == "retry"
    message.refresh_from_db()
    assert message.next_attempt_at == at + timedelta(minutes=1)
    assert message.reminders.get().why_shown == "no connection to the mail server (ConnectionRefusedError)"


def test_the_server_s_own_words_which_name_the_patient_are_not_kept(sink, caplog):
    message, at = planned()
    sink.mode = "550 at RCPT"
    outbox.send(message.pk, at)
    message.refresh_from_db()
    assert message.why == "the mail server refused it (550 5.1.1)"
    assert "patients.example" not in caplog.text


def test_without_watching_the_connection_a_lost_reply_would_be_sent_again(sink, monkeypatch):
    """The negative control: judged by the exception alone, a reply lost after the body looks like no connection."""
    message, at = planned()
    sink.mode = "accepted, then dropped"
    monkeypatch.setattr(mail._Watched, "getreply", smtplib.SMTP.getreply)
    assert outbox.send(message.pk, at) == "retry"
    outbox.send_due(at + timedelta(minutes=1))
    assert sink.message_ids == {message.message_id: 2}


def test_attempts_are_spaced_out(sink, settings):
    message, at = planned()
    settings.EMAIL_PORT = 1
    waits = []
    for _ in range(6):
        outbox.send(message.pk, at)
        message.refresh_from_db()
        waits.append(message.next_attempt_at - at)
        assert outbox.send(message.pk, message.next_attempt_at - timedelta(seconds=1)) is None
        at = message.next_attempt_at
    assert [wait.total_seconds() / 60 for wait in waits] == [1, 5, 15, 60, 60, 60]


def test_a_message_left_in_sending_becomes_unknown_after_its_lease_and_is_never_sent_again(sink):
    message, at = planned()
    outbox.claim(message.pk, at)
    assert outbox.sweep(at + outbox.LEASE - timedelta(seconds=1)) == 0
    assert outbox.sweep(at + outbox.LEASE) == 1
    message.refresh_from_db()
    assert (message.state, message.claim, message.why) == ("unknown", None, outbox.LEASE_RAN_OUT)
    assert outbox.send_due(at + timedelta(hours=2)) == {}
    assert sink.mails == []
    assert message.reminders.get().state_shown == "unknown"


def test_an_answer_that_comes_after_the_lease_leaves_it_unknown():
    message, at = planned()
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


def test_the_database_refuses_to_send_what_is_unknown_again():
    message, at = planned()
    outbox.claim(message.pk, at)
    outbox.sweep(at + outbox.LEASE)
    with pytest.raises(DatabaseError, match="Invalid transition"), transaction.atomic():
        Message.objects.filter(pk=message.pk).update(state="queued")


CHANGES = {
    "returned": lambda rental, at: make.take_back(rental, counter=14, at=at),
    "ended": lambda rental, at: custody.report_lost(rental, reason="Gone", at=at, actor=make.manager()),
    "date_changed": lambda rental, at: extension.extend(
        rental, due_on=rental.due_on + timedelta(days=8), at=at, actor=make.manager()
    ),
    "opted_out": lambda rental, at: Patient.objects.update(email_reminders=False),
    "no_email": lambda rental, at: Patient.objects.update(email=""),
    "withdrawn": lambda rental, at: Patient.objects.update(state=Patient.State.WITHDRAWN),
    "deceased": lambda rental, at: Patient.objects.update(state=Patient.State.DECEASED),
}


@pytest.mark.parametrize("days", [-3, 0, 1])
@pytest.mark.parametrize("why", CHANGES)
def test_what_happened_since_it_was_planned_stops_it(sink, why, days):
    message, at = planned(days)
    CHANGES[why](message.reminders.get().rental, at + timedelta(minutes=1))
    assert outbox.send(message.pk, at + timedelta(minutes=2)) == "void"
    message.refresh_from_db()
    reminder = message.reminders.get()
    assert (message.state, reminder.state_shown, reminder.why) == ("void", "void", why)
    assert sink.mails == []


def test_a_booking_given_up_or_collected_early_is_not_reminded_of(sink):
    for ending, why in ((make.hand_over, "collected"), (cancel, "cancelled")):
        rental = reserved(starts_on=NEXT_WEEK)
        at = before_start(rental)
        [message] = plan.plan_clinic(rental.clinic, at).messages
        ending(rental, at=at)
        assert outbox.send(message, at) == "void"
        assert Reminder.objects.get(rental=rental, kind="collect_tomorrow").why == why
    assert sink.mails == []


def cancel(rental, *, at):
    change.cancel(rental, reason="Treated elsewhere", at=at, actor=make.manager())


def test_a_message_delayed_into_the_start_day_says_today_and_after_it_nothing(sink):
    rental = reserved(starts_on=NEXT_WEEK)
    late = reserved(starts_on=NEXT_WEEK)
    messages = plan.plan_reminders(before_start(rental)).messages
    assert outbox.send(messages[0], before_start(rental, days=0)) == "sent"
    assert "today, Tuesday 10 March 2026" in sink.mails[0].get_body(("plain",)).get_content()
    assert outbox.send(messages[1], before_start(late, days=-1)) == "void"
    assert Reminder.objects.get(rental=late, kind="collect_tomorrow").why == "too_late"


def test_a_message_delayed_until_the_clinic_has_closed_on_the_start_day_is_not_sent(sink):
    rental = reserved(starts_on=date(2026, 3, 7))  # a Saturday, closed from 12:30
    message = plan.plan_reminders(before_start(rental)).messages[0]
    assert outbox.send(message, before_start(rental, days=0, clock=time(13, 56))) == "void"
    assert Reminder.objects.get().why == "too_late"
    assert sink.mails == []


def test_a_message_that_could_not_leave_gives_way_to_the_next_of_its_series(sink, settings):
    message, at = planned()
    rental = message.reminders.get().rental
    settings.EMAIL_PORT = 1
    outbox.send(message.pk, at)
    settings.EMAIL_PORT = sink.port
    plan.plan_reminders(days_overdue(rental, 3))
    assert outbox.send_due(days_overdue(rental, 3)) == {"void": 1, "sent": 1}
    assert [(row.occasion, row.state_shown, row.why) for row in Reminder.objects.order_by("pk")] == [
        ("2026-03-30+1", "void", "superseded"),
        ("2026-03-30+3", "sent", ""),
    ]
    assert "3 days ago" in sink.mails[0].get_body(("plain",)).get_content()


def test_being_due_soon_that_could_not_leave_gives_way_to_being_due_today(sink, settings):
    message, at = planned(-3)
    rental = message.reminders.get().rental
    settings.EMAIL_PORT = 1
    outbox.send(message.pk, at)
    settings.EMAIL_PORT = sink.port
    plan.plan_reminders(before_due(rental, 0))
    assert outbox.send_due(before_due(rental, 0)) == {"void": 1, "sent": 1}
    assert [(row.kind, row.state_shown, row.why) for row in Reminder.objects.order_by("pk")] == [
        ("due_soon", "void", "superseded"),  # a week before
        ("due_soon", "void", "too_late"),
        ("due_today", "sent", ""),
    ]
    [mail] = sink.mails
    assert "is due back today" in mail.get_body(("plain",)).get_content()


def test_being_due_today_is_not_sent_once_the_clinic_has_closed_and_the_next_morning_it_is_overdue(sink):
    message, _ = planned(0)
    rental = message.reminders.get().rental
    assert outbox.send(message.pk, before_due(rental, 0, time(17, 45))) == "void"
    assert Reminder.objects.get().why == "too_late"
    plan.plan_reminders(days_overdue(rental, 1))
    assert outbox.send_due(days_overdue(rental, 1)) == {"sent": 1}
    [mail] = sink.mails
    assert "1 day ago" in mail.get_body(("plain",)).get_content()


def test_one_reminder_stopped_lets_the_other_of_its_message_go(sink):
    rental = overdue(days=7)
    other = overdue(rental.clinic, days=7, patient=rental.patient)
    at = days_overdue(rental, 1)
    [message] = plan.plan_reminders(at).messages
    make.take_back(other, counter=14, at=at)
    assert outbox.send(message, at) == "sent"
    text = sink.mails[0].get_body(("plain",)).get_content()
    assert rental.reference in text
    assert other.reference not in text


def test_a_device_taken_away_since_lets_the_reminder_wait_for_another(sink):
    rental = reserved(starts_on=NEXT_WEEK)
    at = before_start(rental)
    [message] = plan.plan_reminders(at).messages
    device = Holding.objects.get(rental=rental).device
    make.put_at_risk(device)
    assert outbox.send(message, at) == "void"
    assert Reminder.objects.get().state_shown == "planned"
    Holding.objects.filter(rental=rental).update(device=device)
    plan.plan_reminders(at)
    assert outbox.send_due(at) == {"sent": 1}


def test_nothing_leaves_at_night_and_what_waited_is_judged_again_in_the_morning(sink, settings):
    message, at = planned()
    settings.EMAIL_PORT = 1
    rental = message.reminders.get().rental
    evening = days_overdue(rental, 1, time(17, 59, 30))
    outbox.send(message.pk, evening)
    settings.EMAIL_PORT = sink.port
    for clock in (time(18), time(23, 59)):
        at = days_overdue(rental, 1, clock)
        assert (outbox.send(message.pk, at), outbox.due_messages(at)) == (None, [])
    make.take_back(rental, counter=14, at=days_overdue(rental, 1, time(18, 30)))
    assert outbox.send_due(days_overdue(rental, 2, time(8))) == {"void": 1}
    assert sink.mails == []


def test_a_letter_that_cannot_be_written_is_tried_again_later_and_holds_no_other_up(sink, caplog):
    """A site's words that name what a later version of Callus does not know any more, say."""
    broken, at = planned()
    other = overdue(make.clinic("Elsewhere"))
    plan.plan_reminders(at)
    words = {"clinic": broken.patient.clinic, "kind": "overdue", "created_at": at, "created_by": make.manager()}
    MessageTemplate.objects.create(**words, version=1, subject="Due", text="{{ gone }}", html="<p>{{ gone }}</p>")
    assert outbox.send_due(at) == {"retry": 1, "sent": 1}
    broken.refresh_from_db()
    assert (broken.why, broken.attempts, broken.claim) == ("it could not be written (KeyError)", 1, None)
    assert sink.recipients == [other.patient.email]
    assert "Traceback" not in caplog.text
    MessageTemplate.objects.create(**words, version=2)
    assert outbox.send(broken.pk, broken.next_attempt_at) == "sent"


def test_a_clinic_whose_hours_cannot_be_told_holds_no_other_up(sink, caplog):
    broken, at = planned()
    other = overdue(make.clinic("Elsewhere"))
    plan.plan_reminders(at)
    Clinic.objects.filter(pk=broken.patient.clinic_id).update(time_zone="Nowhere/Void")
    assert outbox.send_due(at) == {"sent": 1}
    assert sink.recipients == [other.patient.email]
    hours = f"the sending hours of clinic {broken.patient.clinic_id} cannot be told (ZoneInfoNotFoundError)"
    assert hours in caplog.messages


def test_a_message_that_cannot_be_claimed_holds_no_other_up(sink, caplog):
    broken, at = planned()
    other = overdue(broken.patient.clinic)
    plan.plan_reminders(at)
    with faulty("rentals_message", "UPDATE", f"new.id = {broken.pk}"):
        assert outbox.send_due(at) == {"sent": 1}
    assert sink.recipients == [other.patient.email]
    assert f"message {broken.pk} could not be sent (ProgrammingError)" in caplog.messages
    assert outbox.send_due(at) == {"sent": 1}


def test_papers_that_cannot_be_made_hold_a_message_back_and_it_is_tried_again(sink):
    rental = reserved()
    pay(rental, kind="hire", amount=100, method="card", at=make.NOW, actor=make.manager())
    message = Message.objects.get(pk__in=plan.plan_reminders(make.NOW).messages)
    with faulty("rentals_paper", "INSERT"):
        assert outbox.send(message.pk, make.NOW) == "retry"
    message.refresh_from_db()
    assert message.why == "its papers could not be made (ProgrammingError)"
    assert outbox.send(message.pk, message.next_attempt_at) == "sent"
    [mail] = sink.mails
    assert "application/pdf" in [part.get_content_type() for part in mail.iter_attachments()]


@pytest.mark.django_db(transaction=True)
def test_of_many_senders_of_one_message_one_sends_it(sink):
    sink.delay = 0.2
    for _ in range(5):
        message, at = planned()
        assert sorted(map(str, at_once(6, lambda pk=message.pk, at=at: outbox.send(pk, at)))) == ["None"] * 5 + ["sent"]
    assert sink.message_ids.total() == len(sink.message_ids) == 5


def take_without_condition(message, at):
    waiting = Message.objects.filter(pk=message.pk, state__in=Message.TO_SEND).exists()
    everybody_has_looked.wait(timeout=10)
    Message.objects.filter(pk=message.pk).update(state="sending", claim=message.mail_key, lease_until=at)
    return waiting


everybody_has_looked = threading.Barrier(3)


@pytest.mark.django_db(transaction=True)
def test_a_claim_without_its_condition_sends_twice(sink, monkeypatch):
    """The negative control of the test above."""
    message, at = planned()
    monkeypatch.setattr(outbox, "take", take_without_condition)
    at_once(3, lambda: outbox.send(message.pk, at))
    assert sink.message_ids == {message.message_id: 3}


@pytest.mark.django_db(transaction=True)
def test_no_row_is_locked_while_the_mail_server_is_spoken_to(sink, settings):
    settings.EMAIL_TIMEOUT, sink.delay = 20, 1
    message, at = planned()
    with ThreadPoolExecutor(1) as pool:
        sender = pool.submit(send_in_a_thread, message.pk, at)
        look_at_locks(message)
        assert sender.result() == "sent"
    assert sink.message_ids == {message.message_id: 1}


def send_in_a_thread(message_id, at):
    try:
        return outbox.send(message_id, at)
    finally:
        connections.close_all()


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
