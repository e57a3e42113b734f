"""Everything about one rental on one timeline."""

from datetime import timedelta

import pytest

from rentals import ledger
from rentals.desk.story import ahead_of
from rentals.models import StaffTask
from rentals.overview import in_full
from rentals.reconciliation.readings import take_reading
from rentals.staff_tasks import ask_staff, do_task
from tests import make
from tests.rentals.desk.desk import Desk
from tests.usage import Log, import_logs

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def shown(rental, what: str) -> list:
    desk = Desk(make.reception(rental.clinic))
    assert desk.see(f"/rentals/{rental.reference}/") == 200
    return desk.answer.context[what]


def story(rental) -> list[str]:
    return [happening.what for happening in shown(rental, "story")]


def test_what_came_later_stands_first_whatever_part_of_the_house_knows_of_it(active):
    device, reception = active.holdings.get().device, make.reception(active.clinic)
    ledger.pay(active, kind="hire", amount=60, method="cash", at=make.NOW + DAY, actor=reception)
    take_reading(device, 5, read_at=make.NOW + 2 * DAY, at=make.NOW + 2 * DAY, actor=reception)
    words = story(active)
    assert words[:2] == ["Counter 5 read", "Hire payment, cash: $60.00"]
    assert words.index("Handed over") < words.index("Booked")


def test_a_payment_of_a_bond_stands_there_once(active):
    words = story(active)
    assert [what for what in words if "$300.00" in what] == ["Bond payment, card: $300.00"]
    assert "Payment recorded" not in words


def test_a_reading_of_the_device_from_before_is_none_of_its_story(active):
    device, before = active.holdings.get().device, make.NOW - DAY
    take_reading(device, 0, read_at=before, at=make.NOW + DAY, actor=make.reception(active.clinic))
    assert not [what for what in story(active) if what.startswith("Counter")]


def test_data_from_the_device_is_told_once_a_read_out(active):
    device = active.holdings.get().device
    import_logs(Log(device, make.NOW + 5 * DAY).daily([1, 2, 3], make.NOW + DAY))
    assert [what for what in story(active) if "Read-out" in what] == ["Read-out with 3 treatments of this rental"]


def test_a_task_stands_where_it_was_asked_for_and_where_it_was_done(active):
    problem = StaffTask.Kind.PROBLEM
    task = ask_staff(problem, "a problem", rental=active, words="It beeps.", at=make.NOW + DAY)
    do_task(task, note="Switched it off and on.", at=make.NOW + 2 * DAY, actor=make.reception(active.clinic))
    done, asked = shown(active, "story")[:2]
    assert (done.what, done.more) == ("Done: problem reported", "Switched it off and on.")
    assert asked.what == "Task: problem reported"


def test_its_days_ahead_stand_in_their_order(reserved):
    days = ahead_of(in_full(reserved, make.NOW), [], make.NOW)
    assert [one.what for one in days] == ["To be collected", "Due back"]
    assert [one.day for one in days] == [reserved.starts_on, reserved.due_on]


def test_what_is_over_is_not_ahead(active):
    late = make.NOW + 300 * DAY
    assert ahead_of(in_full(active, late), [], late) == []
