"""Gel given to patients, and the day of the follow-up imaging."""

from datetime import date, timedelta

import pytest

from patients.models import Access
from rentals import custody
from rentals.care import Gel, give_gel, plan_imaging
from rentals.models import GelSupply, StaffTask
from rentals.staff_tasks import ask_staff
from tests import make
from tests.refusals import refused_as

pytestmark = pytest.mark.django_db

TODAY = date(2026, 3, 2)


def handed_over(parts, **details):
    rental = make.prepare(make.rental("reserved"))
    moment = {"at": make.NOW, "now": make.NOW, "actor": make.reception()}
    return custody.hand_over(rental, counter=0, parts=parts, **moment, **details)


class TestGel:
    def test_a_bottle_goes_out_where_gel_is_among_the_parts(self):
        rental = handed_over(part for part in ("main_unit", "gel"))
        supply = rental.gel.get()
        assert (supply.millilitres, supply.given_at, supply.expires_on) == (200, make.NOW, None)
        assert rental.holdings.get().parts_out == ["main_unit", "gel"]

    def test_as_much_as_was_said(self):
        supply = handed_over(["gel"], gel=Gel(50, date(2026, 9, 1))).gel.get()
        assert (supply.millilitres, supply.expires_on) == (50, date(2026, 9, 1))

    def test_none_where_it_is_not_among_the_parts(self):
        handed_over(["main_unit"], gel=Gel(50))
        assert not GelSupply.objects.exists()

    def test_more_is_given_later_and_answers_who_asked_for_it(self, active):
        task = ask_staff(StaffTask.Kind.GEL, "low", rental=active, words="Gel is low", at=make.NOW)
        actor = make.reception()
        give_gel(active, Gel(250), at=make.NOW, actor=actor)
        supply = active.gel.get()
        assert (supply.millilitres, supply.given_by) == (250, actor)
        assert (active.moves.last().verb, active.moves.last().reason) == ("give_gel", "250 ml")
        task.refresh_from_db()
        assert (task.done_at, task.note) == (make.NOW, "Gel was given.")
        assert Access.objects.latest("pk").action == "changed"

    def test_not_past_its_day_and_not_none(self, active):
        rental, now = active, {"at": make.NOW, "actor": make.reception()}
        past = Gel(200, TODAY - timedelta(days=1))
        assert refused_as("invalid", give_gel, rental, past, **now).field == "gel_expires_on"
        assert refused_as("invalid", give_gel, rental, Gel(0), **now).field == "gel_millilitres"
        refused_as("invalid", handed_over, ["gel"], gel=past)
        give_gel(rental, Gel(200, TODAY), **now)
        assert GelSupply.objects.count() == 1


class TestImaging:
    def test_a_day_is_planned_changed_and_taken_back_and_the_history_says_so(self, active):
        rental, now = active, {"at": make.NOW, "actor": make.clinician()}
        for on, said in (
            (date(2026, 4, 13), "for 13 April 2026"),
            (TODAY, "for 2 March 2026"),
            (None, "none any more"),
        ):
            rental = plan_imaging(rental, on=on, **now)
            assert (rental.imaging_due_on, rental.moves.last().reason) == (on, said)
        assert Access.objects.filter(patient=rental.patient, user=now["actor"], action="changed").count() == 3

    def test_not_for_a_day_that_has_passed(self, active):
        yesterday = {"on": TODAY - timedelta(days=1), "at": make.NOW, "actor": make.clinician()}
        assert refused_as("invalid", plan_imaging, active, **yesterday).field == "on"
