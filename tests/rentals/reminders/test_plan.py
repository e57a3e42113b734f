"""Planning: what is due becomes a row once, and one message a patient (I8)."""

import threading
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction

from config.models import Clinic, Closure
from devices.models import Device
from patients.models import Patient
from rentals.booking import extension
from rentals.models import Holding, Message, Reminder, Rental, StaffTask
from rentals.models.states import State
from rentals.reminders import plan
from tests import make
from tests.rentals.reminders.moments import before_due, before_start, days_overdue, morning, overdue, plan_at, reserved
from tests.shared import shared
from tests.threads import at_once

pytestmark = pytest.mark.django_db
NEXT_WEEK = make.NOW.date() + timedelta(days=8)  # a Tuesday


OF_THE_HIRE = ("collect_tomorrow", "due_soon", "due_today", "overdue")


def rows(kinds=OF_THE_HIRE):
    reminders = Reminder.objects.filter(kind__in=kinds, channel="email").order_by("pk")
    return [(row.kind, row.occasion, row.state_shown, row.why) for row in reminders]


@shared
def booked() -> Rental:
    return reserved(starts_on=NEXT_WEEK)


def test_a_reservation_is_told_the_day_before_it_starts(booked):
    at = before_start(booked, clock=time(8))
    assert plan_at(booked, at - timedelta(seconds=1)) == plan.Plan([], 0, 0)
    planned = plan_at(booked, at)
    assert rows() == [("collect_tomorrow", "2026-03-10-1", "queued", "")]
    assert Reminder.objects.get().due_at == at
    message = Message.objects.get()
    assert (planned.messages, message.patient, message.next_attempt_at) == ([message.pk], booked.patient, at)


def test_a_device_is_told_to_be_due_a_week_three_days_and_a_day_before_and_on_the_day():
    rental = make.rental(State.ACTIVE, days=29)
    for days in (7, 6, 3, 2, 1, 0):
        for clock in (time(7, 59), time(8)):
            plan_at(rental, before_due(rental, days, clock))
    assert rows() == [
        ("due_soon", "2026-03-31-7", "queued", ""),
        ("due_soon", "2026-03-31-3", "queued", ""),
        ("due_soon", "2026-03-31-1", "queued", ""),
        ("due_today", "2026-03-31", "queued", ""),
    ]
    due = Reminder.objects.filter(kind__in=OF_THE_HIRE).order_by("due_at").values_list("due_at", flat=True)
    assert list(due) == [before_due(rental, days, time(8)) for days in (7, 3, 1, 0)]


def test_of_the_due_day_only_the_latest_is_told(active):
    for days in (3, 0, -1):
        plan_at(active, before_due(active, days, time(20)))
    assert len(plan_at(active, days_overdue(active, 3)).messages) == 1
    assert rows() == [
        ("due_soon", "2026-03-30-7", "void", "too_late"),
        ("due_soon", "2026-03-30-3", "void", "too_late"),
        ("overdue", "2026-03-30+1", "void", "superseded"),
        ("overdue", "2026-03-30+3", "queued", ""),
    ]


def test_a_scheduler_dead_until_the_due_day_tells_only_that_it_is_today(active):
    plan_at(active, before_due(active, 0))
    assert rows() == [("due_today", "2026-03-30", "queued", "")]


def test_being_due_soon_is_not_written_any_more_in_the_night_before_the_due_day_s_own_reminder(active):
    plan_at(active, before_due(active, 0, time(0)))
    assert rows() == []
    plan_at(active, before_due(active, 1, time(23, 59, 59)))
    assert rows() == [("due_soon", f"2026-03-30-{days}", "planned", "") for days in (7, 3, 1)]


def test_being_due_today_is_not_written_once_the_clinic_has_closed(active):
    plan_at(active, before_due(active, 0, time(17, 30)))
    assert rows() == []


def test_a_due_day_on_which_the_clinic_stays_closed_is_told_all_the_same(active):
    Clinic.objects.update(quiet_when_closed=False)
    Closure.objects.create(clinic=active.clinic, first_day=active.due_on, last_day=active.due_on, reason="Flood")
    assert len(plan_at(active, before_due(active, 0, time(17, 45))).messages) == 1
    assert rows() == [("due_today", "2026-03-30", "queued", "")]


def test_where_closed_days_are_quiet_a_due_day_among_them_is_told_on_the_last_open_day_before(active):
    first = active.due_on - timedelta(days=1)
    Closure.objects.create(clinic=active.clinic, first_day=first, last_day=active.due_on, reason="Flood")
    assert len(plan_at(active, before_due(active, 2, time(8))).messages) == 1
    assert rows()[-1] == ("due_today", "2026-03-30", "queued", "")
    assert {row[2:] for row in rows()[:-1]} == {("void", "superseded")}


def test_where_closed_days_are_quiet_what_is_told_after_the_day_waits_for_the_next_open_day():
    rental = overdue(days=26)  # due on a Saturday
    assert plan_at(rental, days_overdue(rental, 1)) == plan.Plan([], 0, 0)  # a Sunday
    assert len(plan_at(rental, days_overdue(rental, 2, time(8))).messages) == 1
    assert rows() == [("overdue", "2026-03-28+1", "queued", "")]
    assert Reminder.objects.get(kind="overdue").due_at == days_overdue(rental, 2, time(8))


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (2, ["due_soon", "due_today"]),
        (3, ["due_soon", "due_today"]),
        (4, ["due_soon", "due_soon", "due_today"]),
    ],
)
def test_a_step_that_fell_due_by_the_day_of_the_hand_over_is_not_told_the_desk_has_just_done_it(days, told):
    before_opening = morning(make.clinic(), make.NOW.date(), time(7, 30))
    rental = make.rental(State.ACTIVE, at=before_opening, days=days)
    for day in range(days + 1):
        plan_at(rental, morning(rental.clinic, rental.starts_on + timedelta(days=day)))
    assert [kind for kind, *_ in rows()] == told


def test_a_device_handed_over_on_its_due_day_or_later_is_not_told_to_be_due_or_overdue_that_day():
    rental = make.rental(days=7)
    make.hand_over(rental, at=days_overdue(rental, 1, time(7, 30)))
    plan_at(rental, days_overdue(rental, 1))
    assert rows() == []
    plan_at(rental, days_overdue(rental, 3))
    assert rows() == [("overdue", "2026-03-09+3", "queued", "")]


def test_the_day_of_a_hand_over_is_the_clinic_s_own():
    """Handed over in Sydney at ten on Monday morning, which is still Sunday by UTC."""
    at = morning(make.clinic(), make.NOW.date(), time(10))
    assert at.astimezone(UTC).date() == make.NOW.date() - timedelta(days=1)
    rental = make.rental(State.ACTIVE, at=at, days=3)
    plan_at(rental, at + timedelta(hours=1))
    assert rows() == []
    assert rental.due_on == date(2026, 3, 5)


def test_planning_again_changes_nothing(active):
    assert plan_at(active, days_overdue(active, 1)).reminders == 1
    assert plan_at(active, days_overdue(active, 1, time(9, 5))) == plan.Plan([], 0, 0)
    assert plan_at(active, days_overdue(active, 2)) == plan.Plan([], 0, 0)
    assert Message.objects.count() == 1


def test_a_scheduler_dead_for_three_days_tells_the_latest_and_voids_the_older(active):
    planned = plan_at(active, days_overdue(active, 4))
    assert (len(planned.messages), planned.void) == (1, 1)
    assert rows() == [
        ("overdue", "2026-03-30+1", "void", "superseded"),
        ("overdue", "2026-03-30+3", "queued", ""),
    ]


def test_a_reservation_never_collected_is_not_told_of_a_day_that_has_passed():
    rental = make.rental(starts_on=NEXT_WEEK)
    plan_at(rental, morning(rental.clinic, NEXT_WEEK + timedelta(days=1), time(0, 1)))
    assert rows() == []


def test_a_reservation_of_today_is_told_until_the_clinic_closes_and_not_written_after():
    saturday = date(2026, 3, 7)
    told, untold = (reserved(starts_on=saturday).clinic for _ in range(2))
    plan.plan_clinic(told, morning(told, saturday, time(12, 29)))
    plan.plan_clinic(untold, morning(untold, saturday, time(13, 56)))
    assert rows() == [("collect_tomorrow", "2026-03-07-1", "queued", "")]
    assert Reminder.objects.get(kind="collect_tomorrow").rental.clinic == told


def test_a_reservation_whose_start_day_was_closed_since_is_not_told_to_come_that_day(booked):
    make.put_at_risk(*Device.objects.all())
    plan_at(booked, before_start(booked))
    Closure.objects.create(clinic=booked.clinic, first_day=NEXT_WEEK, last_day=NEXT_WEEK, reason="Flood")
    Clinic.objects.update(quiet_when_closed=False)
    assert plan_at(booked, before_start(booked, days=0)) == plan.Plan([], 0, 1)
    assert rows() == [("collect_tomorrow", "2026-03-10-1", "void", "too_late")]


def test_at_night_reminders_are_written_and_wait_for_the_morning(active):
    plan_at(active, days_overdue(active, 1, time(20)))
    assert rows() == [("overdue", "2026-03-30+1", "planned", "")]
    assert len(plan_at(active, days_overdue(active, 2, time(8))).messages) == 1


def test_all_that_is_due_for_one_patient_goes_into_one_message():
    rental = overdue(days=7)
    make.rental(State.RESERVED, rental.clinic, patient=rental.patient, starts_on=rental.due_on + timedelta(days=2))
    overdue(rental.clinic, days=7)
    assert len(plan_at(rental, days_overdue(rental, 1)).messages) == 2
    bundled = Message.objects.get(patient=rental.patient).reminders.order_by("kind")
    told = ["agreement_to_sign", "collect_tomorrow", "first_days", "overdue"]
    assert [reminder.kind for reminder in bundled] == told


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"email": ""}, "no_email"),
        ({"email": "ada\r\nBcc: eve@example.com"}, "no_email"),
        ({"email_reminders": False}, "opted_out"),
        ({"state": Patient.State.WITHDRAWN}, "withdrawn"),
        ({"state": Patient.State.DECEASED}, "deceased"),
    ],
)
def test_a_patient_who_cannot_be_mailed_has_a_void_reminder_that_says_why(active, columns, why):
    Patient.objects.filter(pk=active.patient_id).update(**columns)
    assert plan_at(active, days_overdue(active, 1)) == plan.Plan([], 0, 1)
    assert rows() == [("overdue", "2026-03-30+1", "void", why)]
    assert Reminder.objects.get(channel="email").why_shown


def test_a_new_due_day_starts_a_series_of_its_own(active):
    plan_at(active, days_overdue(active, 1, time(20)))
    at = days_overdue(active, 2, time(7))
    new_day = active.due_on + timedelta(days=8)
    active = extension.extend(active, due_on=new_day, at=at, actor=make.manager()).rental
    plan_at(active, at + timedelta(hours=2))
    plan_at(active, days_overdue(active, 1))
    assert rows() == [
        ("overdue", "2026-03-30+1", "void", "date_changed"),
        ("due_soon", "2026-04-07-7", "queued", ""),
        ("overdue", "2026-04-07+1", "queued", ""),
    ]


def test_a_due_day_moved_to_later_is_told_anew(active):
    plan_at(active, before_due(active, 3))
    active = extension.extend(active, due_on=date(2026, 4, 1), at=before_due(active, 0), actor=make.manager()).rental
    plan_at(active, before_due(active, 2, time(10)))
    plan_at(active, before_due(active, 0))
    assert [row for row in rows() if row[2] != "void"] == [
        ("due_soon", "2026-03-30-3", "queued", ""),
        ("due_soon", "2026-04-01-3", "queued", ""),
        ("due_today", "2026-04-01", "queued", ""),
    ]


def test_a_reservation_whose_device_was_taken_away_waits_until_it_has_one(booked):
    device = Holding.objects.get(rental=booked).device
    make.put_at_risk(device)
    assert plan_at(booked, before_start(booked)).messages == []
    assert rows() == [("collect_tomorrow", "2026-03-10-1", "planned", "")]
    Holding.objects.filter(rental=booked).update(device=device)
    assert len(plan_at(booked, before_start(booked, clock=time(10))).messages) == 1


def test_a_reminder_exists_once_an_occasion(active):
    plan_at(active, days_overdue(active, 1))
    twin = Reminder(rental=active, kind="overdue", occasion="2026-03-30+1", due_at=make.NOW)
    with pytest.raises(IntegrityError, match="reminder_once"), transaction.atomic():
        twin.save()


def test_each_clinic_is_planned_by_its_own_clock(active):
    overdue(make.clinic(time_zone="Australia/Perth"))
    at = datetime(2026, 3, 30, 23, 0, tzinfo=UTC)  # ten in Sydney, seven in Perth
    assert len(plan.plan_reminders(at).messages) == 1
    assert Message.objects.get().patient.clinic == active.clinic
    assert len(plan.plan_reminders(at + timedelta(hours=1)).messages) == 1


def test_a_clinic_that_cannot_be_planned_holds_no_other_up(active, caplog):
    broken = overdue().clinic
    Clinic.objects.filter(pk=broken.pk).update(time_zone="Nowhere/Void")
    planned = plan.plan_reminders(days_overdue(active, 1))
    assert [message.patient for message in Message.objects.filter(pk__in=planned.messages)] == [active.patient]
    assert caplog.messages == [f"the reminders of clinic {broken.pk} could not be planned (ZoneInfoNotFoundError)"]
    assert caplog.records[0].exc_info is None


@pytest.mark.parametrize("rentals", [1, 3])
def test_planning_takes_the_same_number_of_queries_however_much_is_due(rentals, django_assert_num_queries):
    place = make.clinic()
    for _ in range(rentals):
        made = overdue(place, days=7)
        make.rental(clinic=place, starts_on=made.due_on + timedelta(days=5))
    with django_assert_num_queries(34):  # the last ones: calls to be made, given up, and about another patient by now
        assert len(plan_at(made, days_overdue(made, 4)).messages) == 2 * rentals


@pytest.mark.parametrize(("calls", "queries"), [(1, 36), (3, 36)])
def test_calls_take_the_same_number_of_queries_however_many_there_are(calls, queries, django_assert_num_queries):
    place = make.clinic()
    for _ in range(calls):
        rental = overdue(place)
    Patient.objects.update(email="")
    with django_assert_num_queries(queries):
        plan_at(rental, days_overdue(rental, 3))
    assert StaffTask.objects.filter(kind="phone").count() == calls


@pytest.mark.django_db(transaction=True)
def test_two_planners_at_once_plan_everything_once():
    place = make.clinic()
    rentals = [overdue(place, days=7) for _ in range(3)]
    for days in (1, 3, 7):
        plans = at_once(4, partial(plan.plan_reminders, days_overdue(rentals[0], days)))
        assert sorted(len(made.messages) for made in plans) == [0, 0, 0, 3]
    assert Reminder.objects.filter(kind="overdue").count() == 9
    assert Message.objects.filter(reminders=None).count() == 0


@pytest.mark.django_db(transaction=True)
def test_without_the_row_lock_two_planners_make_two_messages_for_one_reminder(monkeypatch):
    """The negative control of the test above."""
    rental = overdue()
    monkeypatch.setattr("django.db.models.QuerySet.select_for_update", lambda rows, **_: rows.all())
    both_have_judged = threading.Barrier(2)
    judge = plan.judge_waiting

    def judge_then_wait(*arguments):
        judged = judge(*arguments)
        both_have_judged.wait(timeout=10)
        return judged

    plan.plan_reminders(days_overdue(rental, 1, time(7, 59)))
    plan.write_due_reminders(rental.clinic, days_overdue(rental, 1))
    monkeypatch.setattr(plan, "judge_waiting", judge_then_wait)
    at_once(2, lambda: plan.plan_reminders(days_overdue(rental, 1)))
    assert Message.objects.count() == 2
    assert connection.in_atomic_block is False
