"""What staff say in a call is true on the day on which they make it, not on the one that asked for it (I8)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.readings import record_reading
from patients.models import Patient
from rentals.models import Reminder, StaffTask
from rentals.models.states import State
from rentals.reminders import by_phone, plan
from rentals.staff_tasks import do_task
from tests import make
from tests.rentals.reminders.moments import days_overdue, overdue

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def call_about(rental, days):
    """The task to call whoever is `days` overdue and has no address."""
    Patient.objects.update(email="")
    plan.plan_reminders(days_overdue(rental, days))
    return StaffTask.objects.open().get(rental=rental, kind="phone")


def test_a_call_says_how_late_the_device_is_on_the_day_of_the_call():
    rental = overdue()
    task = call_about(rental, 1)
    said = {}
    for days in (1, 2, 6):
        by_phone.say_today([task], days_overdue(rental, days))
        said[days] = task.words
    assert "30 March 2026, 1 day ago." in said[1]
    assert "We are open from 8:30 am to 5:30 pm today." in said[1]
    assert "30 March 2026, 2 days ago." in said[2]
    assert "30 March 2026, 6 days ago." in said[6]
    assert "We are closed today; the next day we are open is Monday 6 April 2026" in said[6]


def test_what_was_to_be_said_is_kept_once_it_was_said():
    rental = overdue()
    task = call_about(rental, 1)
    done = do_task(task, note="Comes tomorrow", at=days_overdue(rental, 2), actor=make.reception())
    assert "30 March 2026, 2 days ago." in done.words
    by_phone.say_today([done], days_overdue(rental, 9))
    assert "30 March 2026, 2 days ago." in done.words


def test_whom_to_chase_is_told_with_the_day_and_not_with_a_number_of_days_that_goes_on():
    rental = overdue()
    plan.plan_reminders(days_overdue(rental, 7))
    words = StaffTask.objects.get(kind="chase").words
    assert "was due back on Monday 30 March 2026" in words
    assert "days" not in words


def many_calls(count):
    """Calls about what is late, about few treatments, and about money that was paid back, at one site."""
    clinic = make.clinic()
    for number in range(count):
        late = make.rental(State.ACTIVE, clinic)
        device = make.device(clinic, nominal=40)
        few = make.rental(State.ACTIVE, clinic, device=device)
        record_reading(device, 15, read_at=make.NOW + 20 * DAY, now=make.NOW + 20 * DAY, actor=None)
        paid = make.rental(State.CLOSED, clinic)
        kinds = {Reminder.Kind.OVERDUE: late, Reminder.Kind.TREATMENTS_LOW: few, Reminder.Kind.BOND_REFUNDED: paid}
        for kind, rental in kinds.items():
            occasion = f"entry-{rental.ledger.last().pk}" if kind == Reminder.Kind.BOND_REFUNDED else f"x-{number}"
            Reminder.objects.create(rental=rental, kind=kind, occasion=occasion, channel="phone", due_at=make.NOW)
        by_phone.ask_to_phone([late.pk, few.pk, paid.pk], make.NOW)
    return list(StaffTask.objects.filter(clinic=clinic).select_related("reminder"))


def test_a_list_of_calls_takes_the_same_number_of_queries_however_long_it_is():
    counts = []
    for calls in (1, 3):
        tasks = many_calls(calls)
        assert [task.words for task in tasks] == [""] * 3 * calls
        with CaptureQueriesContext(connection) as queries:
            by_phone.say_today(tasks, make.NOW + 29 * DAY)
        counts.append(len(queries))
        assert all(len(task.words) > 80 for task in tasks)
        assert "has about 25 treatments left" in " ".join(task.words for task in tasks)
    assert counts[0] == counts[1] <= 10
