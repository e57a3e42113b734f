"""A site that changes on which days it tells something: nobody is told the same again (I8)."""

from datetime import timedelta

import pytest

from rentals.ledger import pay
from rentals.models import Reminder, ReminderRule, Rental
from rentals.reminders import outbox
from rentals.staff_tasks import do_task
from tests import make
from tests.rentals.reminders.moments import before_due, days_overdue, morning, overdue, plan_at, reserved, switch_off
from tests.shared import shared

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@shared
def hired() -> Rental:
    return overdue(days=25)


def plan_and_send(rental, at):
    plan_at(rental, at)
    outbox.send_due(at)


def change(rental, kind, *days):
    ReminderRule.objects.update_or_create(clinic=rental.clinic, kind=kind, defaults={"days": list(days)})


def told(kind):
    return [row.occasion for row in Reminder.objects.filter(kind=kind).order_by("pk") if row.state_shown == "sent"]


@pytest.mark.parametrize(("days", "also"), [([-7, -4, -1], []), ([-7, -2, -1], []), ([-3, -2], [2]), ([-2], [])])
def test_a_step_that_was_moved_is_not_told_again_and_those_after_it_are(hired, sink, days, also):
    plan_and_send(hired, before_due(hired, 3))
    change(hired, "due_soon", *days)
    for before in (3, 2):
        plan_and_send(hired, before_due(hired, before) + timedelta(minutes=10))
    due = hired.due_on.isoformat()
    assert told("due_soon") == [f"{due}-3", *(f"{due}-{number}" for number in also)]
    plan_and_send(hired, before_due(hired, 1))
    assert (f"{due}-1" in told("due_soon")) == (-1 in days)


def test_a_receipt_is_told_once_whatever_its_day_becomes(sink):
    rental = reserved()
    pay(rental, kind="hire", amount=100, method="card", at=make.NOW, actor=make.manager())
    switch_off(rental.clinic, "collect_tomorrow")
    plan_and_send(rental, make.NOW)
    entry = Reminder.objects.get(kind="receipt").occasion
    change(rental, "receipt", 1)
    for days in (1, 2):
        plan_and_send(rental, make.NOW + days * DAY)
    assert told("receipt") == [entry]


def test_a_receipt_that_waits_is_told_on_the_day_that_the_site_wants_by_now(sink):
    rental = reserved()
    pay(rental, kind="hire", amount=100, method="card", at=make.NOW, actor=make.manager())
    switch_off(rental.clinic, "collect_tomorrow")
    plan_at(rental, make.NOW)
    entry = Reminder.objects.get(kind="receipt").occasion
    change(rental, "receipt", 1)
    for days in (0, 1):
        outbox.send_due(make.NOW + days * DAY)
        plan_and_send(rental, make.NOW + days * DAY)
    assert Reminder.objects.get(occasion=entry).why == "switched_off"
    assert told("receipt") == [f"{entry}+1"]


def test_how_to_return_is_told_once_a_rental(active, sink):
    Rental.objects.filter(pk=active.pk).update(healed_on=active.starts_on)
    plan_and_send(active, morning(active.clinic, active.starts_on + DAY))
    change(active, "how_to_return", 1)
    plan_and_send(active, morning(active.clinic, active.starts_on + 2 * DAY))
    assert told("how_to_return") == ["healed"]


def test_what_staff_have_told_by_phone_is_told(active, sink):
    type(active.patient).objects.filter(pk=active.patient_id).update(email="")
    plan_and_send(active, days_overdue(active, 1))
    do_task(Reminder.objects.get(channel="phone").staff_task, note="", at=days_overdue(active, 1), actor=make.manager())
    change(active, "overdue", 2, 7)
    plan_and_send(active, days_overdue(active, 2))
    assert Reminder.objects.filter(channel="phone").count() == 1
