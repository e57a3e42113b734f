"""Judged again before it is sent: what is no longer so is not told, what is still so is, in the words of today (I8)."""

from datetime import date, datetime, time, timedelta

import pytest

from rentals.booking import change
from rentals.ledger import pay
from rentals.models import Holding, Message, Reminder, Rental
from rentals.reminders import outbox, plan
from tests import make
from tests.raw import faulty
from tests.rentals.reminders.moments import before_due, before_start, days_overdue, overdue, reserved
from tests.shared import shared

pytestmark = pytest.mark.django_db
NEXT_WEEK = make.NOW.date() + timedelta(days=8)  # a Tuesday


@shared
def booked() -> Rental:
    return reserved(starts_on=NEXT_WEEK)


def planned(rental: Rental, at: datetime) -> Message:
    """The one message about the rental and all others of its clinic."""
    [message] = plan.plan_clinic(rental.clinic, at).messages
    return Message.objects.get(pk=message)


def cancel(rental, *, at):
    change.cancel(rental, reason="Treated elsewhere", at=at, actor=make.manager())


@pytest.mark.parametrize(("ending", "why"), [(make.hand_over, "collected"), (cancel, "cancelled")])
def test_a_booking_given_up_or_collected_early_is_not_reminded_of(booked, sink, ending, why):
    at = before_start(booked)
    message = planned(booked, at)
    ending(booked, at=at)
    assert outbox.send(message.pk, at) == "void"
    assert Reminder.objects.get(kind="collect_tomorrow").why == why
    assert sink.mails == []


def test_a_message_delayed_into_the_start_day_says_today_and_after_it_nothing(booked, sink):
    late = reserved(booked.clinic, starts_on=NEXT_WEEK)
    messages = plan.plan_clinic(booked.clinic, before_start(booked)).messages
    assert outbox.send(messages[0], before_start(booked, days=0)) == "sent"
    assert "today, Tuesday 10 March 2026" in sink.mails[0].get_body(("plain",)).get_content()
    assert outbox.send(messages[1], before_start(late, days=-1)) == "void"
    assert Reminder.objects.get(rental=late, kind="collect_tomorrow").why == "too_late"


def test_a_message_delayed_until_the_clinic_has_closed_on_the_start_day_is_not_sent(sink):
    rental = reserved(starts_on=date(2026, 3, 7))  # a Saturday, closed from 12:30
    message = planned(rental, before_start(rental))
    assert outbox.send(message.pk, before_start(rental, days=0, clock=time(13, 56))) == "void"
    assert Reminder.objects.get().why == "too_late"
    assert sink.mails == []


def test_a_message_that_could_not_leave_gives_way_to_the_next_of_its_series(active, sink, settings):
    at = days_overdue(active, 1)
    message = planned(active, at)
    settings.EMAIL_PORT = 1
    outbox.send(message.pk, at)
    settings.EMAIL_PORT = sink.port
    plan.plan_clinic(active.clinic, days_overdue(active, 3))
    assert outbox.send_due(days_overdue(active, 3)) == {"void": 1, "sent": 1}
    assert [(row.occasion, row.state_shown, row.why) for row in Reminder.objects.order_by("pk")] == [
        ("2026-03-30+1", "void", "superseded"),
        ("2026-03-30+3", "sent", ""),
    ]
    assert "3 days ago" in sink.mails[0].get_body(("plain",)).get_content()


def test_being_due_soon_that_could_not_leave_gives_way_to_being_due_today(active, sink, settings):
    at = before_due(active, 3)
    message = planned(active, at)
    settings.EMAIL_PORT = 1
    outbox.send(message.pk, at)
    settings.EMAIL_PORT = sink.port
    plan.plan_clinic(active.clinic, before_due(active, 0))
    assert outbox.send_due(before_due(active, 0)) == {"void": 1, "sent": 1}
    assert [(row.kind, row.state_shown, row.why) for row in Reminder.objects.order_by("pk")] == [
        ("due_soon", "void", "superseded"),  # a week before
        ("due_soon", "void", "too_late"),
        ("due_today", "sent", ""),
    ]
    [mail] = sink.mails
    assert "is due back today" in mail.get_body(("plain",)).get_content()


def test_being_due_today_is_not_sent_once_the_clinic_has_closed_and_the_next_morning_it_is_overdue(active, sink):
    message = planned(active, before_due(active, 0))
    assert outbox.send(message.pk, before_due(active, 0, time(17, 45))) == "void"
    assert Reminder.objects.get().why == "too_late"
    plan.plan_clinic(active.clinic, days_overdue(active, 1))
    assert outbox.send_due(days_overdue(active, 1)) == {"sent": 1}
    [mail] = sink.mails
    assert "1 day ago" in mail.get_body(("plain",)).get_content()


def test_one_reminder_stopped_lets_the_other_of_its_message_go(sink):
    rental = overdue(days=7)
    other = overdue(rental.clinic, days=7, patient=rental.patient)
    at = days_overdue(rental, 1)
    message = planned(rental, at)
    make.take_back(other, counter=14, at=at)
    assert outbox.send(message.pk, at) == "sent"
    text = sink.mails[0].get_body(("plain",)).get_content()
    assert rental.reference in text
    assert other.reference not in text


def test_a_device_taken_away_since_lets_the_reminder_wait_for_another(booked, sink):
    at = before_start(booked)
    message = planned(booked, at)
    device = Holding.objects.get(rental=booked).device
    make.put_at_risk(device)
    assert outbox.send(message.pk, at) == "void"
    assert Reminder.objects.get().state_shown == "planned"
    Holding.objects.filter(rental=booked).update(device=device)
    plan.plan_clinic(booked.clinic, at)
    assert outbox.send_due(at) == {"sent": 1}


def test_nothing_leaves_at_night_and_what_waited_is_judged_again_in_the_morning(active, sink, settings):
    message = planned(active, days_overdue(active, 1))
    settings.EMAIL_PORT = 1
    evening = days_overdue(active, 1, time(17, 59, 30))
    outbox.send(message.pk, evening)
    settings.EMAIL_PORT = sink.port
    for clock in (time(18), time(23, 59)):
        at = days_overdue(active, 1, clock)
        assert (outbox.send(message.pk, at), outbox.due_messages(at)) == (None, [])
    make.take_back(active, counter=14, at=days_overdue(active, 1, time(18, 30)))
    assert outbox.send_due(days_overdue(active, 2, time(8))) == {"void": 1}
    assert sink.mails == []


def test_papers_that_cannot_be_made_hold_a_message_back_and_it_is_tried_again(sink):
    rental = reserved()
    pay(rental, kind="hire", amount=100, method="card", at=make.NOW, actor=make.manager())
    message = planned(rental, make.NOW)
    with faulty("rentals_paper", "INSERT"):
        assert outbox.send(message.pk, make.NOW) == "retry"
    message.refresh_from_db()
    assert message.why == "its papers could not be made (ProgrammingError)"
    assert outbox.send(message.pk, message.next_attempt_at) == "sent"
    [mail] = sink.mails
    assert "application/pdf" in [part.get_content_type() for part in mail.iter_attachments()]
