"""The page that says when a site's reminders leave."""

from datetime import time

import pytest

from rentals.models import Reminder, ReminderRule
from rentals.reminders.rules import DEFAULTS, Rule, rules_of
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db
ADDRESS = "/messages/rules/"


@shared
def site():
    return make.clinic()


@shared
def desk(site):
    return Desk(make.manager(site))


def shown(desk):
    """What the page's form holds, as a browser would send it back."""
    desk.see(ADDRESS)
    form = desk.answer.context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value not in (False, None)}


def rules(site):
    return rules_of(type(site).objects.get(pk=site.pk))


def test_what_is_saved_unchanged_stays_the_default(desk, site):
    assert desk.send(ADDRESS, **shown(desk)) == 302
    assert ReminderRule.objects.count() == 0
    assert rules(site) == DEFAULTS


def test_every_kind_has_its_switch(desk):
    assert {f"{kind}_enabled" for kind in Reminder.Kind.values} <= shown(desk).keys()


def test_days_unit_hour_number_and_switch_are_saved_together(desk, site):
    given = shown(desk) | {
        "due_soon_days": "5, 2",
        "due_soon_counted": "open",
        "overdue_days": "2",
        "overdue_at": "10:30",
        "days_missed_threshold": "5",
    }
    del given["receipt_enabled"]
    assert desk.send(ADDRESS, **given) == 302
    changed = {kind: rule for kind, rule in rules(site).items() if rule != DEFAULTS[kind]}
    assert changed == {
        "due_soon": Rule(days=(-5, -2), counted_in="open"),
        "overdue": Rule(days=(2,), at=time(10, 30)),
        "days_missed": Rule(threshold=5),
        "receipt": Rule(enabled=False),
    }


def test_a_rule_set_back_to_the_default_is_none_of_the_site_s_own(desk, site):
    before = shown(desk)
    desk.send(ADDRESS, **before | {"overdue_days": "2"})
    assert desk.send(ADDRESS, **before | {"read": shown(desk)["read"]}) == 302
    assert ReminderRule.objects.count() == 0


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("due_soon_days", "soon", "whole numbers of days"),
        ("due_soon_days", "0", "from 1 to 60"),
        ("due_soon_days", "61", "from 1 to 60"),
        ("due_soon_days", "", "one to 6 different numbers"),
        ("overdue_days", "1, 1", "one to 6 different numbers"),
        ("overdue_days", "1 2 3 4 5 6 7", "one to 6 different numbers"),
        ("overdue_at", "07:59", "from 08:00 to before 18:00"),
        ("overdue_at", "18:00", "from 08:00 to before 18:00"),
        ("days_missed_threshold", "0", "write 1 or more"),
        ("treatments_low_threshold", "1000", "write 999 or less"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field_and_nothing_is_saved(desk, field, value, said):
    given = shown(desk) | {"due_today_at": "09:00", field: value}
    assert desk.send(ADDRESS, **given) in (400, 422)
    assert said in str(desk.answer.context["form"].errors[field])
    assert ReminderRule.objects.count() == 0
