"""The preview of words shows what could be read: of a rental of which the kind is true, or as on a day when it is."""

import re
from datetime import timedelta

import pytest

from rentals.booking.healing import confirm_healed
from rentals.models import Reminder, Rental
from rentals.models.states import State
from rentals.reminders.texts.preview import preview, rental_to_show
from rentals.reminders.texts.templates import words_for
from tests import make
from tests.rentals.reminders.moments import days_overdue

pytestmark = pytest.mark.django_db
Kind = Reminder.Kind
DAY = timedelta(days=1)


def shown(rental, kind, at):
    return preview(rental, kind, words_for(rental.clinic, [kind], "en")[kind], at=at)


def test_overdue_is_shown_on_a_rental_that_is_late():
    late = make.rental(State.ACTIVE, days=7)
    newest = make.rental(State.ACTIVE, late.clinic)
    assert rental_to_show(late.clinic, Kind.OVERDUE, at=make.NOW) == newest  # nobody is late yet
    at = days_overdue(late, 2)
    assert rental_to_show(late.clinic, Kind.OVERDUE, at=at) == late
    letter = shown(late, Kind.OVERDUE, at)
    assert letter.at == at
    assert "2 days ago" in letter.text


@pytest.mark.parametrize("kind", Kind.values)
@pytest.mark.parametrize("days", [0, 28, 60])
def test_no_kind_counts_days_that_cannot_be(kind, days):
    rental = make.rental(State.ACTIVE)
    Rental.objects.update(imaging_due_on=rental.due_on)
    rental.refresh_from_db()
    letter = shown(rental, kind, make.NOW + days * DAY)
    assert not re.search(r"-\d+ days|\b0 days|in 1 days", letter.text + letter.html)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("overdue", "was due back on Monday 30 March 2026, 3 days ago"),
        ("due_today", "is due back today, Monday 30 March 2026"),
        ("imaging_due", "is planned in 7 days, on Monday 30 March 2026"),
        ("collect_tomorrow", "to collect tomorrow, Monday 2 March 2026"),
    ],
)
def test_what_is_not_so_now_is_shown_as_on_a_morning_on_which_it_is(kind, said):
    rental = make.rental(State.ACTIVE)
    past = rental.due_on - DAY if kind != "imaging_due" else rental.due_on + DAY
    Rental.objects.update(imaging_due_on=rental.due_on)
    rental.refresh_from_db()
    letter = shown(rental, kind, rental.clinic.start_of(past))
    assert said in letter.text
    assert letter.at.astimezone(rental.clinic.zone).hour == 9


def test_how_to_return_is_shown_on_a_rental_that_is_healed():
    healed = make.rental(State.ACTIVE)
    make.rental(State.ACTIVE, healed.clinic)
    confirm_healed(healed, on=make.NOW.date(), imaging="CT", at=make.NOW, actor=make.clinician())
    assert rental_to_show(healed.clinic, Kind.HOW_TO_RETURN, at=make.NOW) == healed
