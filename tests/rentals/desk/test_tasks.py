"""Tasks at the desk: what staff see of what patients ask for, and what they do about it."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from patients.contacts import name_contact
from patients.models import Access, Patient
from rentals.custody import report_lost
from rentals.desk.task_steps import task_steps
from rentals.models import Rental, StaffTask
from rentals.models.states import State
from rentals.staff_tasks import ask_staff, do_task
from tests import make
from tests.refusals import refused_as
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db

Kind, For = StaffTask.Kind, StaffTask.For
DAY = timedelta(days=1)


@shared
def site():
    return make.clinic("A site")


@shared
def active(site) -> Rental:
    return make.rental(State.ACTIVE, site)


@shared
def reserved(site) -> Rental:
    return make.rental(State.RESERVED, site)


def task(rental, kind=Kind.PHONE, words="Tell them that it is due.", subject="", **details):
    subject = subject or f"{rental.reference} {kind}"
    return ask_staff(kind, subject, rental=rental, words=words, at=make.NOW, **details)


def shown(desk, **query):
    assert desk.see("/tasks/", **query) == 200
    return [task.pk for task in desk.answer.context["shown"]]


class TestTheList:
    def test_says_who_how_to_reach_them_and_what_to_say_and_is_recorded(self, site):
        patient = make.patient(site, given_name="Zoë", family_name="Example", phone="(02) 5550 1234")
        rental = make.rental(State.ACTIVE, site, patient=patient)
        task(rental)
        desk = Desk(make.reception(site))
        shown(desk)
        for words in ("Zoë Example", rental.reference, 'href="tel:0255501234"', "Tell them that it is due."):
            assert words in desk.page
        last = Access.objects.latest("pk")
        assert (last.patient_id, last.action) == (patient.pk, "listed")

    def test_names_a_contact_person_who_is_told_and_how_to_reach_them(self, site, active):
        task(active)
        who = {"name": "Grace Example", "relation": "Mother", "phone": "0491 570 006"}
        name_contact(active.patient, **who, at=make.NOW, actor=make.manager())
        desk = Desk(make.reception(site))
        shown(desk)
        assert "Grace Example, mother" in desk.page
        assert 'href="tel:0491570006"' in desk.page

    def test_has_what_is_for_ones_own_role_first_then_by_the_day(self, site, active):
        later = task(active, Kind.CHASE, due_at=make.NOW + DAY)
        first = task(active)
        healed = task(active, Kind.HEALED, for_role=For.CLINICIAN)
        assert shown(Desk(make.reception(site))) == [first.pk, later.pk, healed.pk]
        assert shown(Desk(make.clinician(site))) == [healed.pk, first.pk, later.pk]
        assert shown(Desk(make.auditor(site))) == [first.pk, healed.pk, later.pk]

    def test_is_narrowed_by_role_kind_site_and_state(self, site, active):
        other = make.clinic("Another site")
        reception = make.reception(site, other)
        phone, there = task(active), task(make.rental(State.ACTIVE, other))
        healed = task(make.rental(State.ACTIVE, site), Kind.HEALED, for_role=For.CLINICIAN)
        done = do_task(task(make.rental(State.ACTIVE, site)), note="Told", at=make.NOW, actor=reception)
        task(make.rental(State.ACTIVE, make.clinic("Not theirs")))
        desk = Desk(reception)
        assert shown(desk) == [phone.pk, there.pk, healed.pk]
        assert shown(desk, for_role="clinician") == [healed.pk]
        assert shown(desk, kind="phone", clinic=other.pk) == [there.pk]
        assert shown(desk, state="done") == [done.pk]
        assert "Told" in desk.page
        assert desk.see("/tasks/", clinic="999999") == 422

    def test_asks_the_database_as_often_for_many_as_for_one(self, site):
        desk = Desk(make.reception(site))
        asked = []
        for rentals in (1, 3):
            for _ in range(rentals):
                rental = make.rental(State.RESERVED, site)
                for kind in Kind:
                    task(rental, kind, asked={"problem": "fault"})
            with CaptureQueriesContext(connection) as queries:
                shown(desk)
            asked.append(len(queries))
        assert asked[0] == asked[1]

    def test_the_menu_counts_what_is_due(self, site, active):
        desk = Desk(make.reception(site))
        task(active)
        task(make.rental(State.ACTIVE, site), due_at=make.NOW + DAY)
        task(make.rental(State.ACTIVE, make.clinic("Not theirs")))
        desk.see("/patients/")
        assert desk.answer.context["page"].counts["tasks"] == 1

    def test_says_of_a_patient_who_has_died_that_they_have(self, site, active):
        task(active, Kind.PROBLEM)
        Patient.objects.update(state="deceased")
        desk = Desk(make.reception(site))
        shown(desk)
        assert "has died" in desk.page


class TestWhatFits:
    STEPS = {
        Kind.PHONE: [],
        Kind.ADDRESS: ["Correct the patient", "Contact person"],
        Kind.CHASE: ["Take back", "Change the due day"],
        Kind.DEEMED_KEPT: ["Take back", "Patient keeps it"],
        Kind.EXTENSION: ["Change the due day"],
        Kind.PROBLEM: ["Swap the device", "Take back", "Give gel", "Report lost"],
        Kind.HEALED: ["Confirm healing"],
        Kind.LOCKED_OUT: [],
        Kind.GEL: ["Give gel"],
    }

    @pytest.mark.parametrize("kind", Kind.values)
    def test_stands_beside_each_kind_and_opens(self, kind, active):
        made = task(active, kind)
        manager = make.manager()
        steps = task_steps(made, manager)
        assert [step.words for step in steps] == self.STEPS[kind]
        desk = Desk(manager)
        assert [desk.see(step.address) for step in steps] == [200] * len(steps)

    def test_is_only_what_the_role_may_and_the_rental_allows(self, active, returned):
        healed = task(active, Kind.HEALED)
        assert task_steps(healed, make.reception()) == []
        assert len(task_steps(healed, make.clinician())) == 1
        assert task_steps(do_task(healed, note="", at=make.NOW, actor=make.manager()), make.clinician()) == []
        wish = task(returned, Kind.EXTENSION)
        assert task_steps(wish, make.manager()) == []

    def test_the_wished_day_stands_in_the_form_and_extending_answers_the_task(self, site, active):
        wish = task(active, Kind.EXTENSION, "Three weeks of holiday", asked={"due_on": "2026-04-27"})
        desk = Desk(make.reception(site))
        shown(desk)
        assert "To keep it until Mon 27 Apr 2026" in desk.page
        (step,) = task_steps(wish, make.reception())
        desk.see(f"/tasks/{wish.pk}/do/")
        assert f'href="{step.address}"' in desk.page
        assert step.address == f"/rentals/{active.reference}/extend/?due_on=2026-04-27"
        assert desk.fill_in(step.address) == 302
        active.refresh_from_db()
        wish.refresh_from_db()
        assert (active.due_on, bool(wish.done_at), wish.done_by) == (date(2026, 4, 27), True, None)

    def test_a_day_that_is_none_leaves_the_form_as_it_is(self, site, active):
        desk = Desk(make.reception(site))
        assert desk.see(f"/rentals/{active.reference}/extend/", due_on="tomorrow") == 200
        assert str(desk.proposed()["due_on"]) == "2026-04-13"

    def test_a_problem_is_said_in_the_words_of_the_form_it_came_by(self, site, active):
        task(active, Kind.PROBLEM, "It beeps", asked={"problem": "fault"})
        desk = Desk(make.reception(site))
        shown(desk)
        assert "The device does not work as it should" in desk.page
        assert active.holdings.get().device.condition == "ready"


class TestDoing:
    def test_is_written_down_with_who_and_what_came_of_it(self, site, active):
        reception = make.reception(site)
        made = task(active)
        desk = Desk(reception)
        assert desk.fill_in(f"/tasks/{made.pk}/do/", note="She comes on Friday") == 302
        made.refresh_from_db()
        assert (made.done_at, made.done_by, made.note) == (make.NOW, reception, "She comes on Friday")
        assert (desk.led_to, shown(desk)) == ("/tasks/", [])
        assert Access.objects.filter(patient=made.patient, action="changed", user=reception).exists()

    @pytest.mark.parametrize(
        ("for_role", "may"),
        [
            (For.RECEPTION, ["reception", "clinician", "manager"]),
            (For.CLINICIAN, ["clinician", "manager"]),
            (For.MANAGER, ["manager"]),
        ],
    )
    def test_is_for_who_was_asked_and_who_may_do_all_that_they_may(self, site, active, for_role, may):
        for role in ("reception", "clinician", "manager"):
            made = task(active, Kind.HEALED, subject=role, for_role=for_role)
            desk = Desk(make.user(role, site))
            address = f"/tasks/{made.pk}/do/"
            shown(desk)
            offered = [f'action="{address}"' in desk.page]
            desk.see(address)
            offered.append("It is done" in desk.page)
            done = desk.send(address, note="Looked at", once="abc123") == 302
            made.refresh_from_db()
            assert [*offered, done, bool(made.done_at)] == [role in may] * 4, role

    def test_says_whose_it_is_to_who_may_not_do_it(self, site, active):
        made = task(active, Kind.DEEMED_KEPT, for_role=For.MANAGER)
        refusal = refused_as("not_yours", do_task, made, note="", at=make.NOW, actor=make.clinician(site))
        assert (refusal.status, "for a manager" in refusal.message) == (403, True)
        desk = Desk(make.reception(site))
        desk.see(f"/tasks/{made.pk}/do/")
        assert "This is for a manager" in desk.page
        assert desk.send(f"/tasks/{made.pk}/do/", note="Phoned her") == 403
        assert "Your note was not recorded: <q>Phoned her</q>" in desk.page

    def test_a_second_desk_is_told_who_was_first_and_loses_no_note(self, site, active):
        made = task(active)
        do_task(made, note="", at=make.NOW, actor=make.reception(site))
        desk = Desk(make.reception(site))
        assert desk.send(f"/tasks/{made.pk}/do/", note="No answer") == 409
        assert "This was done already by reception-" in desk.page
        assert "Your note was not recorded: <q>No answer</q>" in desk.page

    def test_the_same_form_sent_twice_has_one_effect(self, site, active):
        made = task(active)
        desk = Desk(make.reception(site))
        for _ in range(2):
            assert desk.send(f"/tasks/{made.pk}/do/", note="Told", once="abc123") == 302

    def test_what_settled_itself_says_so(self, active):
        made = task(active)
        make.take_back(active, at=make.NOW + DAY)
        refusal = refused_as("already_done", do_task, made, note="", at=make.NOW + DAY, actor=make.reception())
        assert "not needed any more" in refusal.message


class TestSettledByItself:
    @pytest.mark.parametrize("end", ["return", "lost"])
    def test_the_end_of_a_hire_leaves_only_what_is_looked_into_all_the_same(self, end, active):
        for kind in Kind:
            task(active, kind)
        if end == "return":
            make.take_back(active, at=make.NOW + DAY)
        else:
            report_lost(active, reason="Gone", at=make.NOW + DAY, actor=make.manager())
        assert {made.kind for made in StaffTask.objects.open()} == {Kind.PROBLEM, Kind.ADDRESS}

    def test_a_hand_over_answers_the_calls_about_it(self, site, reserved):
        task(reserved)
        others = task(make.rental(State.RESERVED, site))
        make.hand_over(reserved)
        assert list(StaffTask.objects.open()) == [others]
