"""A clinic's days, hours and terms."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from config.clinic_setup import open_clinic
from config.models import Clinic, Closure, OpeningHours, Terms
from tests import make

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Australia/Sydney", "2026-03-01T12:59:59", "2026-03-01"),
        ("Australia/Sydney", "2026-03-01T13:00:00", "2026-03-02"),
        ("Australia/Perth", "2026-03-01T15:59:59", "2026-03-01"),
        ("Australia/Perth", "2026-03-01T16:00:00", "2026-03-02"),
        # Daylight saving time ends on Sunday 5 April 2026 at 03:00: that day has 25 hours.
        ("Australia/Sydney", "2026-04-04T12:59:59", "2026-04-04"),
        ("Australia/Sydney", "2026-04-04T13:00:00", "2026-04-05"),
        ("Australia/Sydney", "2026-04-05T13:59:59", "2026-04-05"),
        ("Australia/Sydney", "2026-04-05T14:00:00", "2026-04-06"),
        # It begins on Sunday 4 October 2026 at 02:00: that day has 23 hours.
        ("Australia/Sydney", "2026-10-03T14:00:00", "2026-10-04"),
        ("Australia/Sydney", "2026-10-04T12:59:59", "2026-10-04"),
        ("Australia/Sydney", "2026-10-04T13:00:00", "2026-10-05"),
    ],
)
def test_a_moment_lies_on_the_clinics_own_day(zone, moment, day):
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert make.clinic(time_zone=zone).day_of(at) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-04-04", 24), ("2026-04-05", 25), ("2026-10-04", 23), ("2028-02-29", 24)]
)
def test_a_day_begins_at_local_midnight_and_is_as_long_as_the_clock_makes_it(day, hours):
    clinic, day = make.clinic(), date.fromisoformat(day)
    begins, ends = (clinic.start_of(day + timedelta(days=n)).astimezone(UTC) for n in (0, 1))
    assert ends - begins == timedelta(hours=hours)
    assert clinic.day_of(begins) == clinic.day_of(ends - timedelta(seconds=1)) == day
    assert clinic.day_of(begins - timedelta(seconds=1)) == day - timedelta(days=1)


def test_a_clinic_is_open_on_the_weekdays_of_its_hours_and_outside_its_closures():
    clinic = make.clinic()
    Closure.objects.create(clinic=clinic, first_day=date(2026, 4, 3), last_day=date(2026, 4, 6), reason="Easter")
    open_days = [day for day in range(1, 13) if clinic.is_open(date(2026, 4, day))]
    assert open_days == [1, 2, 7, 8, 9, 10, 11]


def test_the_hours_of_a_day_are_those_of_its_weekday_and_none_while_the_doors_stay_closed():
    clinic = make.clinic()
    Closure.objects.create(clinic=clinic, first_day=date(2026, 4, 3), last_day=date(2026, 4, 6), reason="Easter")
    hours = [clinic.hours_on(date(2026, 4, day)) for day in (2, 3, 4, 5, 6, 11, 12)]
    thursday, saturday = (time(8, 30), time(17, 30)), (time(8, 30), time(12, 30))
    assert [found and (found.opens, found.closes) for found in hours] == [thursday, *[None] * 4, saturday, None]


@pytest.mark.parametrize(
    ("last_closed", "found"),
    [(date(2026, 4, 3), date(2026, 4, 4)), (date(2026, 5, 31), date(2026, 6, 1)), (date(2026, 6, 2), None)],
)
def test_the_next_open_day_is_looked_for_sixty_days_ahead(last_closed, found):
    clinic = make.clinic()
    Closure.objects.create(clinic=clinic, first_day=date(2026, 4, 3), last_day=last_closed, reason="Renovation")
    assert clinic.next_open_day(date(2026, 4, 2)) == date(2026, 4, 2)
    assert clinic.next_open_day(date(2026, 4, 3)) == found


def test_the_same_name_is_the_same_clinic():
    clinic = make.clinic("Harbour Clinic", weekly_hire=Decimal("70.00"))
    again = open_clinic("Harbour Clinic", time_zone="Australia/Perth", at=make.NOW)
    assert (again, again.time_zone) == (clinic, "Australia/Sydney")
    assert (clinic.terms.get().weekly_hire, clinic.opening_hours.count()) == (Decimal("70.00"), 6)


def test_a_time_zone_is_a_real_one_and_nothing_stays_of_a_clinic_that_was_refused():
    with pytest.raises(ValidationError, match="Australia/Sydney"):
        make.clinic(time_zone="Australia/Sidney")
    assert not Clinic.objects.exists()


def test_the_current_terms_are_the_latest_version():
    clinic = make.clinic()
    assert clinic.current_terms.version == 1
    Terms.objects.create(clinic=clinic, version=2, created_at=make.NOW, text="New", bond=Decimal("250.00"))
    assert (clinic.current_terms.version, clinic.current_terms.bond) == (2, 250)


@pytest.mark.parametrize(
    ("constraint", "wrong"),
    [
        ("closure_days_in_order", Closure(first_day=date(2026, 4, 2), last_day=date(2026, 4, 1), reason="Backwards")),
        ("opening_hours_in_order", OpeningHours(weekday=6, opens=time(9), closes=time(9))),
        ("opening_hours_weekday_known", OpeningHours(weekday=7)),
        ("opening_hours_once_a_weekday", OpeningHours(weekday=0)),
        ("terms_version_once_a_clinic", Terms(version=1, created_at=make.NOW, text="Again")),
        ("terms_amounts_not_negative", Terms(version=2, created_at=make.NOW, text="Negative", bond=-1)),
    ],
)
def test_the_database_refuses_settings_that_cannot_be(constraint, wrong):
    wrong.clinic = make.clinic()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        wrong.save(force_insert=True)


def test_reminder_hours_are_in_order():
    clinic = make.clinic()
    with pytest.raises(IntegrityError, match="clinic_reminder_hours_in_order"), transaction.atomic():
        Clinic.objects.filter(pk=clinic.pk).update(reminders_from=time(18), reminders_until=time(8))
