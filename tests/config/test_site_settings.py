"""What a clinic sets for itself: what cannot be is refused at its field, and the history keeps every change."""

from datetime import date, time

import pghistory
import pytest
from django.apps import apps

from config.models import Clinic
from config.models.clinics import validate_abn
from config.site_settings import add_closure, change_site, remove_closure, set_hours
from tests import make
from tests.refusals import refused_as

pytestmark = pytest.mark.django_db
NINE, NOON, FIVE = time(9), time(12), time(17)
FIRST, LAST = date(2026, 4, 6), date(2026, 4, 10)


@pytest.fixture
def clinic():
    return make.clinic()


def test_what_is_given_is_set_and_the_rest_stays(clinic):
    change_site(clinic, {"phone": "(02) 5550 0100", "pick_ups_per_day": None, "turnaround_days": 2})
    site = Clinic.objects.get()
    assert (site.phone, site.turnaround_days, site.courier_days, site.name) == ("(02) 5550 0100", 2, 2, clinic.name)


@pytest.mark.parametrize("written", ["51824753556", "51 824 753 556", " 518 247 535 56"])
def test_an_abn_is_kept_as_it_is_printed(clinic, written):
    change_site(clinic, {"abn": written})
    assert Clinic.objects.get().abn == "51 824 753 556"
    validate_abn(Clinic.objects.get().abn)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("abn", "51 824 753 557", "is not an ABN"),
        ("abn", "51 824 753", "is not an ABN"),
        ("name", "", "blank"),
        ("name", "Elsewhere", "Another site has this name"),
        ("email", "nobody", "valid email"),
        ("sender_email", "desk@clinic.example\nBcc: x@y.example", "valid email"),
        ("address", "x" * 1001, "at most 1,000 characters"),
        ("time_zone", "Australia/Sidney", "is not a time zone"),
        ("holiday_region", "AU-NWS", "is not a region"),
        ("turnaround_days", 61, "up to 60"),
        ("overdue_presumption_days", -1, "write 0 or more"),
        ("pick_ups_per_day", 0, "write 1 or more"),
        ("adherent_from_percent", 101, "up to 100"),
        ("offer_open_hours", 101, "up to 100"),
        ("reminders_until", time(8), "after the one from which"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field_and_nothing_changes(clinic, field, value, said):
    make.clinic("Elsewhere")
    before = Clinic.objects.filter(pk=clinic.pk).values().get()
    refusal = refused_as("invalid", change_site, clinic, {"phone": "1", field: value})
    assert (refusal.field, refusal.status) == (field, 400)
    assert said in refusal.message
    assert Clinic.objects.filter(pk=clinic.pk).values().get() == before


class TestHours:
    def test_are_as_given_and_closed_where_none_are(self, clinic):
        set_hours(clinic, {0: (NINE, FIVE), 6: (NINE, NOON), 1: None})
        hours = [(one.weekday, one.opens, one.closes) for one in clinic.opening_hours.all()]
        assert hours == [(0, NINE, FIVE), (6, NINE, NOON)]

    def test_that_end_before_they_begin_are_refused_and_all_stay(self, clinic):
        refusal = refused_as("invalid", set_hours, clinic, {0: (NINE, FIVE), 2: (NOON, NOON)})
        assert refusal.field == "closes_2"
        assert clinic.opening_hours.count() == 6

    def test_leave_one_weekday_open(self, clinic):
        assert refused_as("invalid", set_hours, clinic, dict.fromkeys(range(7))).field == "opens_0"

    def test_that_are_as_before_leave_no_trace(self, clinic):
        before = events(clinic, "OpeningHours")
        set_hours(clinic, {hours.weekday: (hours.opens, hours.closes) for hours in clinic.opening_hours.all()})
        assert events(clinic, "OpeningHours") == before


class TestClosures:
    def test_close_all_days_from_first_to_last(self, clinic):
        add_closure(clinic, first_day=FIRST, last_day=LAST, reason="Easter")
        assert [clinic.why_closed(day) for day in (FIRST, LAST)] == ["Easter", "Easter"]
        assert clinic.is_open(date(2026, 4, 11))

    def test_in_the_wrong_order_or_added_twice_are_refused(self, clinic):
        assert (
            refused_as("invalid", add_closure, clinic, first_day=LAST, last_day=FIRST, reason="x").field == "last_day"
        )
        add_closure(clinic, first_day=FIRST, last_day=LAST, reason="Easter")
        refused_as("duplicate", add_closure, clinic, first_day=FIRST, last_day=LAST, reason="Again")

    def test_that_are_removed_close_nothing(self, clinic):
        remove_closure(add_closure(clinic, first_day=FIRST, last_day=LAST, reason="Easter"))
        assert Clinic.objects.get().is_open(FIRST)


def events(clinic, name):
    """What happened to the clinic's rows of a model, and who did it."""
    history = apps.get_model("config", f"{name}Event").objects.filter(clinic=clinic).order_by("pgh_id")
    return [(one.pgh_label, one.pgh_context and one.pgh_context.metadata["user"]) for one in history]


def test_the_history_keeps_who_changed_hours_and_closures(clinic):
    boss = make.manager()
    with pghistory.context(user=boss.pk):
        set_hours(clinic, dict.fromkeys(range(5), (NINE, FIVE)))
        remove_closure(add_closure(clinic, first_day=FIRST, last_day=LAST, reason="Easter"))
    assert events(clinic, "OpeningHours")[-6:] == [("delete", boss.pk)] + [("update", boss.pk)] * 5
    assert events(clinic, "Closure") == [("insert", boss.pk), ("delete", boss.pk)]
