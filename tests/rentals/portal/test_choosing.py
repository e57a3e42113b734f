"""What a form for patients has chosen before anybody did, what it keeps, and what it says of what is missing."""

import re
from datetime import date, time

import pytest

from config.models import OpeningHours
from rentals.booking.healing import confirm_healed
from rentals.models import Rental
from rentals.models.states import State
from rentals.patient_requests import choose_return_slot
from rentals.portal.forms import hours_in_words
from tests import make
from tests.rentals.portal.visitor import Visitor

pytestmark = pytest.mark.django_db
CHOSEN = re.compile(r'<option value="([^"]*)" selected>')


@pytest.fixture
def rental(clinic):
    """Out since today, a Monday, and due in four weeks."""
    return make.rental(State.ACTIVE, clinic)


@pytest.fixture
def visitor(rental):
    return Visitor(rental)


def test_nothing_is_chosen_of_a_return_before_the_patient_chooses(rental, visitor):
    visitor.see("/my/return/")
    assert CHOSEN.findall(visitor.page) == ["", ""]
    assert visitor.send("/my/return/", day="", clock="") == 422
    assert "Please choose the day on which you come." in visitor.page
    assert "Please choose about what time you come." in visitor.page
    assert visitor.send("/my/return/", day="2026-03-27", clock="") == 422
    assert CHOSEN.findall(visitor.page) == ["2026-03-27", ""]
    assert Rental.objects.get().return_expected_at is None


def test_what_was_chosen_of_a_return_is_chosen_still_whatever_minute_staff_wrote_down(rental, visitor):
    for day, clock in ((date(2026, 3, 27), time(16, 30)), (date(2026, 3, 26), time(16, 45))):
        choose_return_slot(rental, day=day, clock=clock, at=make.NOW, actor=make.reception(rental.clinic))
        visitor.see("/my/return/")
        assert CHOSEN.findall(visitor.page) == [day.isoformat(), clock.isoformat()]
        assert f"So far: <strong>{day:%A %-d %B}," in visitor.page


def test_the_day_by_which_we_expect_the_device_is_no_choice_of_the_patient(rental, visitor):
    confirm_healed(rental, on=make.NOW.date(), imaging="CT", at=make.NOW, actor=make.clinician())
    visitor.see("/my/")
    assert "You bring it back on" not in visitor.page
    assert "Choose a time to bring it back" in visitor.page
    visitor.see("/my/return/")
    assert "So far" not in visitor.page
    assert CHOSEN.findall(visitor.page) == ["", ""]


def test_the_hours_stand_beside_the_times_and_not_in_each_day(clinic, visitor):
    OpeningHours.objects.filter(clinic=clinic, weekday=5).update(opens=time(9), closes=time(12))
    OpeningHours.objects.filter(clinic=clinic, weekday=2).delete()
    words = "Monday to Tuesday 8:30 am to 5:30 pm, Thursday to Friday 8:30 am to 5:30 pm, Saturday 9:00 am to 12:00 pm"
    clinic.refresh_from_db()
    assert hours_in_words(clinic) == words
    visitor.see("/my/return/")
    assert f"We are open {words}." in visitor.page
    assert ">Friday 27 March</option>" in visitor.page


def test_the_other_forms_keep_what_was_chosen_when_something_is_wrong(visitor):
    assert visitor.fill_in("/my/problem/", problem="gel", words="") == 422
    assert re.search(r'value="gel"[^>]*checked', visitor.page)
    assert "Please fill this in." in visitor.page
    assert visitor.fill_in("/my/extension/", due_on="2026-04-12", words="Away until then.") == 409
    assert 'value="2026-04-12"' in visitor.page
    assert "Away until then." in visitor.page


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/my/extension/", ["Please fill this in."]),
        ("/my/problem/", ["Please choose one.", "Please fill this in."]),
        ("/my/days/", ["Please choose one.", "Please choose one."]),
    ],
)
def test_what_is_missing_is_asked_for_in_plain_words(visitor, address, said):
    assert visitor.fill_in(address) == 422
    assert re.findall(r"<li>(Please [^<]*)</li>", visitor.page) == said
    assert "This field is required" not in visitor.page
