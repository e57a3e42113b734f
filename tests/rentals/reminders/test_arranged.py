"""Only what the patient has chosen, or told staff, is told as arranged; never what we reckoned with ourselves."""

from datetime import date, time, timedelta

import pytest

from config.models import Closure, OpeningHours
from rentals.arranged import arranged_return
from rentals.booking.extension import extend
from rentals.booking.healing import confirm_healed
from rentals.models import Rental
from rentals.models.states import State
from rentals.patient_requests import choose_return_slot
from tests import make
from tests.rentals.reminders.mails import calendars_of, mail_about, site, text_of
from tests.rentals.reminders.moments import before_due

pytestmark = pytest.mark.django_db
NEXT_WEEK = date(2026, 3, 10)


@pytest.fixture
def rental():
    """Out since Monday 2 March, due in four weeks."""
    return make.rental(State.ACTIVE, site())


def now(rental):
    return Rental.objects.select_related("clinic").get(pk=rental.pk)


def healed(rental, at=make.NOW):
    return confirm_healed(now(rental), on=rental.clinic.day_of(at), imaging="CT", at=at, actor=make.clinician())


def choose(rental, day=NEXT_WEEK, **details):
    return choose_return_slot(now(rental), day=day, clock=time(9), at=make.NOW, **details)


def test_the_day_by_which_we_expect_a_healed_patient_is_not_told_as_arranged(rental):
    assert healed(rental).return_expected_at
    mail = mail_about(rental, "how_to_return")
    assert "bring it back by Monday 30 March 2026" in text_of(mail)
    assert "We are open from 8:30 am to 5:30 pm that day." in text_of(mail)
    assert "We expect you" not in text_of(mail)
    assert "DTSTART;VALUE=DATE:20260330" in calendars_of(mail)[0]


def test_a_time_that_was_arranged_is_told_instead_of_the_opening_hours(rental):
    choose(rental)
    mail = mail_about(rental, "due_soon", at=make.NOW)
    assert "We expect you on Tuesday 10 March 2026, 9:00 am" in text_of(mail)
    assert "We are open" not in text_of(mail)
    [file] = calendars_of(mail)
    assert "DTSTART;TZID=Australia/Sydney:20260310T090000" in file
    assert "BEGIN:VTIMEZONE" in file


@pytest.mark.parametrize("steps", [(choose, healed), (healed, choose)])
def test_what_the_patient_chose_stays_arranged_when_healing_is_confirmed(rental, steps):
    for step in steps:
        step(rental)
    assert arranged_return(now(rental)) == rental.clinic.moment(NEXT_WEEK, time(9))
    assert "We expect you on Tuesday 10 March 2026, 9:00 am" in text_of(mail_about(rental, "how_to_return"))


def test_what_staff_were_told_by_phone_is_arranged(rental):
    choose(rental, actor=make.reception(rental.clinic))
    assert arranged_return(now(rental))


def test_our_own_day_after_a_choice_that_holds_no_more_is_not_arranged(rental):
    choose(rental)
    longer = rental.due_on + timedelta(days=14)
    extend(now(rental), due_on=longer, at=make.NOW, actor=make.manager())
    assert now(rental).return_expected_at is None
    assert healed(rental).return_expected_at
    assert arranged_return(now(rental)) is None


def test_our_own_day_is_not_arranged_when_the_hours_have_changed_since(rental):
    healed(rental)
    OpeningHours.objects.filter(clinic=rental.clinic).update(closes=time(19))
    assert arranged_return(now(rental)) is None


def test_nobody_is_expected_on_a_day_that_was_closed_since(rental):
    choose(rental)
    Closure.objects.create(clinic=rental.clinic, first_day=NEXT_WEEK, last_day=NEXT_WEEK, reason="Flood")
    assert arranged_return(now(rental)) is None
    assert "We expect you" not in text_of(mail_about(rental, "due_soon", at=before_due(rental, 21)))
