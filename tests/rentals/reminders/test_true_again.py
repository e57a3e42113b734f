"""What became void because of how things stood, told once they stand so again (I8)."""

from datetime import timedelta

import pytest

from devices.models import Device
from devices.readings import record_reading
from patients.models import Patient
from rentals.models import Reminder, ReminderRule, Rental, StaffTask
from rentals.models.states import State
from rentals.reminders import outbox, plan
from rentals.staff_tasks import do_task
from tests import make
from tests.rentals.reminders.moments import before_due, morning, plan_at, switch_off

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def told(kind):
    return [(row.state_shown, row.why) for row in Reminder.objects.filter(kind=kind)]


def test_few_treatments_are_told_once_the_treatment_goes_on(sink):
    device = make.device(nominal=40)
    rental = make.rental(State.ACTIVE, device=device)
    morn = morning(rental.clinic, rental.starts_on + DAY)
    record_reading(device, 35, read_at=morn, now=morn, actor=None)
    plan_at(rental, morn)
    Device.objects.update(condition=Device.Condition.RECALLED)
    outbox.send_due(morn)
    for hours in (1, 2):
        plan_at(rental, morn + timedelta(hours=hours))
        assert told("treatments_low") == [("void", "paused")]
    Device.objects.update(condition=Device.Condition.READY)
    for hours in (3, 4):
        plan_at(rental, morn + timedelta(hours=hours))
        outbox.send_due(morn + timedelta(hours=hours))
    assert told("treatments_low") == [("sent", "")]
    mails = len(sink.mails)
    for condition in (Device.Condition.RECALLED, Device.Condition.READY):
        Device.objects.update(condition=condition)
        plan_at(rental, morn + timedelta(hours=5))
        outbox.send_due(morn + timedelta(hours=5))
    assert len(sink.mails) == mails


def test_an_agreement_is_asked_for_again_when_a_start_that_has_passed_is_moved():
    rental = make.rental(starts_on=make.NOW.date() + 8 * DAY)
    at = morning(rental.clinic, rental.starts_on + DAY)
    plan_at(rental, morning(rental.clinic, rental.starts_on - 3 * DAY))
    outbox.send_due(at)
    plan_at(rental, at)
    assert told("agreement_to_sign") == [("void", "too_late")]
    Rental.objects.update(starts_on=rental.starts_on + 7 * DAY)
    plan_at(rental, at)
    assert told("agreement_to_sign") == [("queued", "")]


def test_a_due_day_that_was_moved_and_moved_back_is_told(active):
    at = before_due(active, 3)
    plan.write_due_reminders(active.clinic, at)
    Rental.objects.update(due_on=active.due_on + 60 * DAY)
    plan_at(active, at)
    assert ("void", "date_changed") in told("due_soon")
    Rental.objects.update(due_on=active.due_on)
    plan_at(active, at)
    assert Reminder.objects.get(occasion=f"{active.due_on}-3").state_shown == "queued"


def test_what_is_void_because_of_who_is_told_stays_void(active, sink):
    at = before_due(active, 3)
    patients = type(active.patient).objects
    patients.update(email_reminders=False)
    plan_at(active, at)
    patients.update(email_reminders=True)
    plan_at(active, at)
    assert ("void", "opted_out") in told("due_soon")
    assert ("queued", "") not in told("due_soon")


def test_a_kind_that_was_switched_off_for_a_while_is_told(active):
    at = before_due(active, 3)
    plan.write_due_reminders(active.clinic, at)
    switch_off(active.clinic, "due_soon")
    plan_at(active, at)
    assert set(told("due_soon")) == {("void", "switched_off")}
    ReminderRule.objects.all().delete()
    for _ in range(2):
        plan_at(active, at)
        assert ("queued", "") in told("due_soon")


def test_a_call_that_was_given_up_is_to_be_made_once_its_reason_is_back():
    device = make.device(nominal=40)
    rental = make.rental(State.ACTIVE, device=device)
    Patient.objects.update(email="")
    morn = morning(rental.clinic, rental.starts_on + DAY)
    record_reading(device, 35, read_at=morn, now=morn, actor=None)
    steps = enumerate([Device.Condition.READY, Device.Condition.RECALLED, Device.Condition.READY])
    for hours, condition in steps:
        Device.objects.update(condition=condition)
        plan_at(rental, morn + timedelta(hours=hours))
        assert StaffTask.objects.open().count() == (condition == Device.Condition.READY)
    call, task = Reminder.objects.get(channel="phone"), StaffTask.objects.get()
    assert (call.void, call.why) == (False, "")
    assert (task.opened_at, task.note, task.patient) == (morn + timedelta(hours=2), "", rental.patient)
    do_task(task, note="Comes for a card", at=morn, actor=make.reception())
    for hours, condition in ((3, Device.Condition.RECALLED), (4, Device.Condition.READY)):
        Device.objects.update(condition=condition)
        plan_at(rental, morn + timedelta(hours=hours))
        assert not StaffTask.objects.open().exists()
    assert Reminder.objects.get(channel="phone").state_shown == "sent"


def test_a_call_given_up_is_not_made_beside_a_mail_about_the_same(active):
    at = before_due(active, 3)
    Patient.objects.update(email="")
    plan_at(active, at)
    email = Reminder.objects.filter(channel="email", occasion=f"{active.due_on}-3")
    switch_off(active.clinic, "due_soon")
    plan_at(active, at)
    assert not StaffTask.objects.open().exists()
    ReminderRule.objects.all().delete()
    Patient.objects.update(email="ada@patients.example")
    email.update(void=False, why="")
    plan_at(active, at)
    assert email.get().state_shown == "queued"
    assert not StaffTask.objects.open().exists()
