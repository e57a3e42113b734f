"""A clinic's days, hours and terms."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from config.clinic_setup import open_clinic
from config.models import Clinic, Closure, OpeningHours, Terms
from config.public_holidays import public_holidays
from config.refusals import Refusal
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


def closed(clinic: Clinic, first_day: str, last_day: str, reason: str = "Renovation") -> Clinic:
    Closure.objects.create(
        clinic=clinic, first_day=date.fromisoformat(first_day), last_day=date.fromisoformat(last_day), reason=reason
    )
    return clinic


@pytest.mark.parametrize(
    ("region", "day", "why"),
    [
        ("AU-NSW", "2026-04-03", "Good Friday"),
        ("AU-NSW", "2026-04-05", "Easter Sunday"),
        ("AU-NSW", "2026-04-27", "ANZAC Day (observed)"),
        ("AU-NSW", "2026-10-05", "Labour Day"),
        ("AU-WA", "2026-03-02", "Labour Day"),
        ("AU-NSW", "2026-03-02", ""),
        ("NZ-AUK", "2026-07-10", "Matariki"),
        ("AU-NSW", "2026-03-29", "closed on Sundays"),
        ("", "2026-03-29", "closed on Sundays"),
        ("", "2026-04-03", ""),
        ("AU-NSW", "2026-05-12", "Renovation"),
        ("AU-NSW", "2026-05-14", ""),
    ],
)
def test_a_closed_day_says_why(region, day, why):
    clinic, day = closed(make.clinic(holiday_region=region), "2026-05-11", "2026-05-13"), date.fromisoformat(day)
    assert clinic.why_closed(day) == why
    assert clinic.is_open(day) is (clinic.hours_on(day) is not None) is (why == "")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("2026-04-03", "2026-04-07"),
        ("2026-12-24", "2026-12-24"),
        ("2026-12-25", "2026-12-29"),
        ("2027-01-01", "2027-01-02"),
    ],
)
def test_the_next_open_day_leaps_over_easter_and_christmas(asked, found):
    clinic = make.clinic(holiday_region="AU-NSW")
    assert clinic.next_open_day(date.fromisoformat(asked)) == date.fromisoformat(found)


def test_the_holidays_of_a_region_are_reckoned_once_a_year():
    assert public_holidays("AU-NSW", 2026) is public_holidays("AU-NSW", 2026)


@pytest.mark.parametrize(
    ("zone", "region"),
    [
        ("Australia/Sydney", "AU-NSW"),
        ("Australia/Melbourne", "AU-VIC"),
        ("Australia/Brisbane", "AU-QLD"),
        ("Australia/Adelaide", "AU-SA"),
        ("Australia/Perth", "AU-WA"),
        ("Australia/Hobart", "AU-TAS"),
        ("Australia/Darwin", "AU-NT"),
        ("Pacific/Auckland", "NZ-AUK"),
        ("Europe/Lisbon", ""),
    ],
)
def test_a_new_clinic_has_the_holidays_of_the_state_its_time_zone_stands_for(zone, region):
    clinic = open_clinic("Harbour Clinic", time_zone=zone, at=make.NOW)
    assert clinic.holiday_region == region
    assert clinic.is_open(date(2026, 4, 3)) is (region == "")


def test_a_clinic_is_set_up_with_the_holidays_that_are_asked_for(capsys):
    call_command("set_up_clinic", "--name=Capital Clinic", "--holiday-region=AU-ACT")
    assert "Capital Clinic is open (Australia/Sydney, public holidays of AU-ACT)." in capsys.readouterr().out
    assert Clinic.objects.get().why_closed(date(2026, 6, 1)) == "Reconciliation Day"
    with pytest.raises(CommandError, match="AU-NSW"):
        call_command("set_up_clinic", "--name=Other Clinic", "--holiday-region=AU-NWS")
    assert Clinic.objects.count() == 1


@pytest.mark.parametrize(
    ("since", "hours", "until"),
    [
        # Monday to Friday 08:30 to 17:30, Saturday till 12:30; all moments as the clocks in Sydney show them.
        ("2026-03-02T08:30", 9, "2026-03-02T17:30"),
        ("2026-03-02T12:00", 9, "2026-03-03T12:00"),
        ("2026-03-02T03:00", 1, "2026-03-02T09:30"),
        ("2026-03-02T21:00", 1, "2026-03-03T09:30"),
        ("2026-03-07T12:00", 1, "2026-03-09T09:00"),
        ("2026-03-02T12:00", 49, "2026-03-09T12:00"),
        # Over Easter and the end of daylight saving time, over its beginning and Labour Day, over a closure.
        ("2026-04-02T17:00", 1, "2026-04-07T09:00"),
        ("2026-10-03T12:00", 1, "2026-10-06T09:00"),
        ("2026-05-09T12:00", 1, "2026-05-14T09:00"),
    ],
)
def test_open_hours_pass_only_while_the_doors_are_open(since, hours, until):
    clinic = closed(make.clinic(holiday_region="AU-NSW"), "2026-05-11", "2026-05-13")
    at, end = (datetime.fromisoformat(clock).replace(tzinfo=clinic.zone) for clock in (since, until))
    assert clinic.after_open_hours(at, hours) == end
    assert clinic.after_open_hours(at.astimezone(UTC), hours).tzinfo is UTC


@pytest.mark.parametrize(
    ("day", "until"),
    [("2026-04-05", "03:30"), ("2026-10-04", "05:30"), ("2026-10-11", "04:30"), ("2026-04-12", "04:30")],
)
def test_open_hours_are_real_hours_on_a_day_on_which_the_clock_is_changed(day, until):
    clinic = make.clinic()
    OpeningHours.objects.create(clinic=clinic, weekday=6, opens=time(0, 30), closes=time(6, 30))
    end = datetime.fromisoformat(f"{day}T{until}").replace(tzinfo=clinic.zone)
    began = datetime.fromisoformat(f"{day}T00:30").replace(tzinfo=clinic.zone)
    assert clinic.after_open_hours(began - timedelta(hours=2), 4) == clinic.after_open_hours(began, 4) == end


def test_doors_that_open_while_the_clock_leaps_take_no_hours_away():
    clinic = make.clinic()
    OpeningHours.objects.create(clinic=clinic, weekday=6, opens=time(2, 30), closes=time(3, 15))
    saturday = datetime(2026, 10, 3, 12, 0, tzinfo=clinic.zone)
    assert clinic.after_open_hours(saturday, 1) == datetime(2026, 10, 5, 9, 0, tzinfo=clinic.zone)


def test_open_hours_that_never_come_are_refused():
    clinic = closed(make.clinic(), "2026-03-03", "2026-05-03")
    assert clinic.after_open_hours(make.NOW, 5) == make.NOW + timedelta(hours=5)
    with pytest.raises(Refusal, match="enter its opening hours and closures under Settings") as refused:
        clinic.after_open_hours(make.NOW, 6)
    assert refused.value.code == "clinic_closed"


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
