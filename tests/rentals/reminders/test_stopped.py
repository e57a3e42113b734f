"""What happened since a message was planned stops it, whatever it tells of the due day (I8)."""

from datetime import timedelta

import pytest

from patients.models import Patient
from rentals import custody
from rentals.booking import extension
from rentals.models import Message
from rentals.reminders import outbox, plan
from tests import make
from tests.rentals.reminders.moments import days_overdue, overdue
from tests.shared import shared

pytestmark = pytest.mark.django_db

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
DAYS = (-3, 0, 1)  # due soon, due today, overdue


@shared
def planned() -> dict[int, Message]:
    """A message about a rental so many days overdue, planned at its `created_at`."""
    return {days: planned_on(days) for days in DAYS}


def planned_on(days):
    rental = overdue()
    [message] = plan.plan_clinic(rental.clinic, days_overdue(rental, days)).messages
    return Message.objects.get(pk=message)


@pytest.mark.parametrize("days", DAYS)
@pytest.mark.parametrize("why", CHANGES)
def test_what_happened_since_it_was_planned_stops_it(planned, sink, why, days):
    message = planned[days]
    CHANGES[why](message.reminders.get().rental, message.created_at + timedelta(minutes=1))
    assert outbox.send(message.pk, message.created_at + timedelta(minutes=2)) == "void"
    message.refresh_from_db()
    reminder = message.reminders.get()
    assert (message.state, reminder.state_shown, reminder.why) == ("void", "void", why)
    assert sink.mails == []
