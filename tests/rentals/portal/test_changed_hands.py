"""What the former patient sends in the instant of a correction: nothing is recorded on the right one (I10)."""

from datetime import date, time

import pytest

from rentals.correction import correct_patient_of
from rentals.models import PatientDay, Rental, StaffTask
from rentals.models.states import State
from rentals.patient_requests import (
    Problem,
    ask_for_extension,
    choose_return_slot,
    mark_day,
    report_problem,
    say_healed,
)
from tests import make
from tests.refusals import refused_as

pytestmark = pytest.mark.django_db
FORM = {"words": "I feel well", "key": "abc", "at": make.NOW}
VERBS = {
    "extension": lambda rental: ask_for_extension(rental, due_on=date(2026, 4, 13), **FORM),
    "problem": lambda rental: report_problem(rental, problem=Problem.GEL, **FORM),
    "healed": lambda rental: say_healed(rental, **FORM),
    "return slot": lambda rental: choose_return_slot(rental, day=date(2026, 3, 10), clock=time(9), at=make.NOW),
    "day by hand": lambda rental: mark_day(rental, day=date(2026, 3, 2), treated=True, at=make.NOW),
}


@pytest.fixture
def read_before(clinic):
    """A rental as the former patient's page has read it, since recorded for somebody else."""
    rental = make.rental(State.ACTIVE, clinic)
    right = make.patient(clinic)
    seen = Rental.objects.select_related("clinic", "patient", "terms").get(pk=rental.pk)
    correct_patient_of(rental, patient=right, reason="A namesake was chosen", at=make.NOW, actor=make.manager())
    return seen


@pytest.mark.parametrize("verb", VERBS)
def test_what_the_former_patient_sends_is_refused_kindly_and_recorded_nowhere(read_before, verb):
    moves = read_before.moves.count()
    refusal = refused_as("not_now", VERBS[verb], read_before)
    assert refusal.message == "This hire was changed a moment ago, so nothing was written down. Please phone us."
    assert not StaffTask.objects.exists()
    assert not PatientDay.objects.exists()
    assert Rental.objects.get().return_expected_at is None
    assert read_before.moves.count() == moves


def test_staff_are_asked_to_look_again(read_before):
    told = {"day": date(2026, 3, 10), "clock": time(9), "at": make.NOW, "actor": make.reception(read_before.clinic)}
    assert "look at it again" in refused_as("busy", choose_return_slot, read_before, **told).message
