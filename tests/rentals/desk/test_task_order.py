"""What a task offers first, and what its page asks of staff who have nothing to choose."""

import pytest

from rentals.desk.task_steps import task_steps
from rentals.models import StaffTask
from rentals.models.states import State
from rentals.staff_tasks import ask_staff
from tests import make
from tests.rentals.desk.desk import Desk

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("problem", "first"),
    [
        ("fault", ["Swap the device", "Take back"]),
        ("gel", ["Give gel", "Swap the device"]),
        ("unwell", ["Take back", "Swap the device"]),
        ("lost", ["Report lost", "Swap the device"]),
    ],
)
def test_a_problem_offers_first_what_answers_it(problem, first):
    rental = make.rental(State.ACTIVE)
    kind = StaffTask.Kind.PROBLEM
    task = ask_staff(kind, "once", rental=rental, words="Help", at=make.NOW, asked={"problem": problem})
    assert [step.words for step in task_steps(task, make.manager())][:2] == first


def test_staff_of_one_site_are_not_asked_for_which():
    one, other = make.clinic("One site"), make.clinic("Another site")
    desk = Desk(make.reception(one))
    desk.see("/tasks/")
    assert 'name="clinic"' not in desk.page
    desk = Desk(make.reception(one, other))
    desk.see("/tasks/")
    assert 'name="clinic"' in desk.page


def test_who_confirms_healing_reads_that_the_patient_is_then_told_how_to_return():
    rental = make.rental(State.ACTIVE)
    desk = Desk(make.clinician(rental.clinic))
    assert desk.see(f"/rentals/{rental.reference}/healed/") == 200
    assert "The patient is then told" in desk.page and "how to return it" in desk.page
