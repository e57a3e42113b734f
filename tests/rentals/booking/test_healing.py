"""Healing confirmed: the device is expected back sooner, and the planner counts on it, but never blindly (I1, I11)."""

from datetime import date, datetime, time, timedelta

import pytest

from config.models import Clinic
from config.refusals import Refusal
from rentals.booking import extension, healing, replan
from rentals.booking.availability import fitting_devices
from rentals.booking.book import book
from rentals.models import Holding, Rental, StaffTask
from rentals.patient_requests import choose_return_slot, return_days
from rentals.staff_tasks import ask_staff
from tests import make
from tests.refusals import refused_as
from tests.rentals.never import broken
from tests.threads import all_at_once

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
TODAY = date(2026, 3, 2)  # a Monday; what is out is due on 30 March
EXPECTED = date(2026, 3, 9)
DUE = date(2026, 3, 30)
NEXT = date(2026, 3, 11)  # for the next patient: the device is expected, and a day to turn it around


def confirm(rental, at=make.NOW, **details):
    seen = {"on": rental.clinic.day_of(at), "imaging": "CT", **details}
    return healing.confirm_healed(rental, at=at, actor=make.clinician(), **seen)


def named(rental, moment):
    """The rental, its patient having said that the device comes back at `moment`."""
    Rental.objects.filter(pk=rental.pk).update(return_expected_at=moment)
    return Rental.objects.get(pk=rental.pk)


def choose(rental, day):
    return choose_return_slot(rental, day=day, clock=time(15), at=make.NOW)


def blocked_until(rental):
    """The last day on which the device is counted as away, without the day to turn it around."""
    return Holding.objects.get(rental=rental, live=True).blocked.upper - 2 * DAY


def device_of(rental):
    return Holding.objects.get(rental=rental, live=True).device


def test_healing_is_confirmed_on_imaging_of_a_day_that_came(active):
    assert refused_as("invalid", confirm, active, on=date(2026, 3, 3)).field == "on"
    assert refused_as("invalid", confirm, active, imaging=" ").field == "imaging"
    healed = confirm(active)
    assert (healed.healed_on, healed.healed_imaging, healed.state) == (TODAY, "CT", "active")


def test_the_device_is_expected_within_a_week_while_the_due_day_stays_as_agreed(active):
    rental = confirm(active)
    assert rental.due_on == DUE
    assert rental.return_expected_at == rental.clinic.moment(EXPECTED, rental.clinic.hours_on(EXPECTED).closes)
    assert blocked_until(rental) == EXPECTED


def test_a_moment_that_the_patient_has_named_is_kept(active):
    moment = datetime(2026, 3, 17, 1, 30, tzinfo=make.NOW.tzinfo)
    assert confirm(named(active, moment)).return_expected_at == moment
    assert blocked_until(active) == date(2026, 3, 17)


@pytest.mark.parametrize("days", [22, 28, 35])
def test_what_is_due_within_a_week_or_late_is_held_as_it_was(days, active):
    before = blocked_until(active)
    assert confirm(active, at=make.NOW + days * DAY).return_expected_at is None
    assert blocked_until(active) == before


def test_who_is_late_and_names_a_moment_is_still_presumed_away(active):
    late = make.NOW + 30 * DAY
    replan.mend(late)
    presumed = blocked_until(active)
    confirm(named(active, late + DAY), at=late)
    assert blocked_until(active) == presumed > active.clinic.day_of(late)


def test_somebody_can_be_booked_who_only_fits_because_of_it(active):
    booking = {"starts_on": NEXT, "days": 14, "planned_treatments": 14}
    refused_as("device_unavailable", make.book, active.clinic, **booking)
    confirm(active)
    assert device_of(make.book(active.clinic, **booking)) == device_of(active)
    refused_as("device_unavailable", make.book, active.clinic, **{**booking, "starts_on": NEXT - 2 * DAY})
    assert broken() == []


def test_the_planner_gives_a_reservation_at_risk_the_device_that_comes_back_sooner(active):
    gone = make.device(active.clinic)
    waits = make.book(active.clinic, device=gone, starts_on=NEXT, days=14, planned_treatments=14)
    make.put_at_risk(gone)
    gone.condition = "lost"
    gone.save()
    replan.replan(active.clinic, cause="a look", at=make.NOW)
    assert device_of(waits) is None
    confirm(active)
    replan.place_at_risk([active.clinic], make.NOW)
    assert device_of(waits) == device_of(active)


def test_a_device_that_does_not_come_is_held_until_it_is_due_and_the_next_patient_gets_another(active):
    rental = confirm(active)
    later = make.book(rental.clinic, starts_on=NEXT, days=14, planned_treatments=14)
    spare = make.device(rental.clinic)
    replan.mend(make.NOW + 8 * DAY)
    assert (blocked_until(rental), device_of(later)) == (DUE, spare)
    assert broken() == []


def test_on_the_day_itself_it_is_still_expected_and_nobody_is_pushed_off_it(active):
    rental = confirm(active)
    later = make.book(rental.clinic, starts_on=NEXT, days=14, planned_treatments=14)
    make.device(rental.clinic)
    for moment in (rental.clinic.start_of(EXPECTED), rental.clinic.start_of(EXPECTED + DAY) - timedelta(minutes=1)):
        replan.mend(moment)
        assert (blocked_until(rental), device_of(later)) == (EXPECTED, device_of(rental))
    assert not later.moves.filter(verb__in=["replan", "at_risk"]).exists()


def test_a_device_that_does_not_come_and_has_no_substitute_puts_the_next_patient_at_risk(active):
    rental = confirm(active)
    later = make.book(rental.clinic, starts_on=NEXT, days=14, planned_treatments=14)
    replan.mend(make.NOW + 8 * DAY)
    assert device_of(later) is None
    assert later.moves.last().reason.startswith("a device did not come back when it was expected")


def test_a_later_moment_named_afterwards_holds_the_device_for_longer(active):
    rental = confirm(active)
    named(rental, make.NOW + 14 * DAY)
    replan.mend(make.NOW)
    assert blocked_until(rental) == date(2026, 3, 16)
    named(rental, make.NOW + 60 * DAY)
    replan.mend(make.NOW)
    assert blocked_until(rental) == DUE


def test_a_sooner_moment_that_the_patient_chooses_frees_the_device_at_once(active):
    rental = confirm(active)
    choose(rental, TODAY + 3 * DAY)
    assert blocked_until(rental) == TODAY + 3 * DAY
    assert broken() == []


def test_a_later_moment_that_the_patient_chooses_holds_the_device_at_once(active):
    rental = confirm(active)
    choose(rental, date(2026, 3, 18))
    assert blocked_until(rental) == date(2026, 3, 18)
    refused_as("device_unavailable", make.book, rental.clinic, starts_on=NEXT, days=14, planned_treatments=14)


def test_no_later_moment_can_be_chosen_than_the_next_patient_can_wait_for(active):
    rental = confirm(active)
    later = make.book(rental.clinic, starts_on=NEXT + 2 * DAY, days=14, planned_treatments=14)
    last = EXPECTED + 2 * DAY
    assert return_days(rental, make.NOW)[-1] == last
    refusal = refused_as("device_unavailable", choose, rental, last + DAY)
    assert (refusal.field, "Wednesday 11 March or earlier" in refusal.message) == ("day", True)
    choose(rental, last)
    replan.mend(make.NOW)
    assert (blocked_until(rental), device_of(later)) == (last, device_of(rental))
    assert return_days(rental, make.NOW)[-1] == last
    assert broken() == []


def test_who_is_not_healed_chooses_any_day_until_it_is_due(active):
    make.book(active.clinic, device=device_of(active), starts_on=DUE + 2 * DAY, days=14, planned_treatments=14)
    before = blocked_until(active)
    for day in (EXPECTED, DUE):
        assert blocked_until(choose(active, day)) == before


@pytest.mark.django_db(transaction=True)
def test_two_who_are_healed_at_once_are_never_both_expected_in_the_last_place_of_a_day():
    site = make.clinic()
    for _ in range(2):
        make.rental("active", site)
    Clinic.objects.update(returns_per_day=1)
    rentals = list(Rental.objects.select_related("clinic").order_by("pk"))
    clinician = make.clinician()
    seen = {"on": TODAY, "imaging": "CT", "at": make.NOW, "actor": clinician}
    all_at_once([lambda one=one: healing.confirm_healed(one, **seen) for one in rentals])
    moments = Rental.objects.order_by("return_expected_at").values_list("return_expected_at", flat=True)
    assert [site.day_of(moment) for moment in moments] == [EXPECTED, EXPECTED + DAY]


@pytest.mark.django_db(transaction=True)
def test_a_later_moment_and_a_booking_in_between_never_both_get_the_device():
    rental = confirm(make.rental("active"))
    booking = make.booking(rental.clinic, starts_on=NEXT, days=14, planned_treatments=14)

    def unless_refused(do):
        try:
            return bool(do())
        except Refusal:
            return False

    got = all_at_once(
        [
            lambda: unless_refused(lambda: choose(rental, date(2026, 3, 20))),
            lambda: unless_refused(lambda: book(booking, at=make.NOW, actor=make.manager())),
        ]
    )
    assert sorted(got) == [False, True]
    assert broken() == []


def test_an_extension_takes_back_what_was_said_of_the_return(active):
    rental = confirm(active)
    rental = extension.extend(rental, due_on=DUE + 7 * DAY, at=make.NOW, actor=make.manager()).rental
    assert rental.return_expected_at is None
    assert blocked_until(rental) == DUE + 7 * DAY


def test_a_day_that_a_patient_names_who_is_not_healed_frees_nothing(active):
    rental = named(active, make.NOW + 7 * DAY)
    replan.replan(rental.clinic, cause="a look", at=make.NOW)
    assert blocked_until(rental) == DUE
    need = make.booking(rental.clinic, starts_on=NEXT).need
    assert fitting_devices(need, make.NOW)[0] == []


def test_the_patients_own_word_is_answered_by_it(active):
    task = ask_staff(StaffTask.Kind.HEALED, "once", rental=active, words="No more pain", at=make.NOW)
    confirm(active)
    task.refresh_from_db()
    assert (task.done_at, task.done_by, task.note) == (make.NOW, None, "Healing was confirmed.")
