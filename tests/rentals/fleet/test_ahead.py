"""How long treatments and devices last at the pace of new rentals, and what to buy by when."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from config.models import Clinic
from rentals.booking.change import cancel
from rentals.fleet.ahead import Held, Outlook, ahead
from rentals.fleet.capacity import Unit
from rentals.fleet.figures import Figures, fleet_figures
from rentals.fleet.scope import Scope
from tests import make

WEEK, DAY = timedelta(days=7), timedelta(days=1)


def unit(**changes: Any) -> Unit:
    """A device with 100 treatments free."""
    known = {"remaining": 100, "promised": 0, "holder": "unit", "nominal": 150, "usual": None, "idle": False}
    place = {"pk": 1, "clinic": 1, "condition": "ready", "availability": "available", "is_out": False}
    return Unit(**{**place, **known, **changes})


def outlook(*units: Unit, held: tuple[Held, ...] = (), **changes: Any) -> Outlook:
    """Two rentals a week, each of 14 treatments and three weeks."""
    asked = {"days": 28, "bookings": 8, "treatments": 112, "device_days": 8 * 21}
    return Outlook(**{**asked, **changes}, held=held, units=units)


def test_treatments_last_until_what_new_rentals_plan_has_taken_what_is_free():
    assert outlook(unit(remaining=70), unit(remaining=None), unit(remaining=-5)).weeks_of_treatments == Decimal("2.5")
    assert outlook(unit(remaining=70, promised=90)).weeks_of_treatments == 0


def test_devices_suffice_while_those_that_come_back_make_up_for_those_that_go_out():
    six = [unit(remaining=10_000) for _ in range(6)]
    assert outlook(*six).devices_needed(2) == 4
    assert [outlook(*six).devices_needed(week) for week in (3, 4, 52)] == [6, 6, 6]
    assert outlook(*six).weeks_of_devices is None
    assert outlook(*six[1:]).weeks_of_devices == 3


def test_what_is_held_counts_from_its_first_day_until_it_is_back():
    held = (Held(1, -10, 1), Held(1, -3, 8), Held(1, 14, 30))
    quiet = outlook(unit(), held=held, bookings=1, treatments=0, device_days=0)
    assert [quiet.devices_needed(week) for week in range(6)] == [2, 1, 1, 1, 1, 0]
    assert quiet.weeks_of_devices == 0
    assert outlook(unit(), unit(), held=held, bookings=1, treatments=0, device_days=0).weeks_of_devices is None


def test_the_runway_ends_with_whichever_runs_out_first():
    assert outlook(*[unit(remaining=12)] * 5).weeks == Decimal(60) / 28
    assert outlook(*[unit(remaining=1000)] * 5).weeks == 3
    assert outlook(unit(remaining=None)).weeks == 1, "one device is too few already"
    assert outlook(*[unit(remaining=None)] * 9).weeks is None


def test_nobody_knows_it_without_a_pace():
    still = outlook(unit(), bookings=0, treatments=0, device_days=0)
    assert (still.weeks, still.to_buy()) == (None, None)
    assert outlook(unit(), days=0).to_buy() is None


@pytest.mark.parametrize(
    ("units", "buy"),
    [
        ([unit(remaining=10_000)] * 6, (0, 0)),
        ([unit(remaining=10_000)] * 4, (2, 0)),  # six are needed
        ([unit(remaining=100)] * 6, (1, 0)),  # 728 treatments in 26 weeks
        ([unit(remaining=4)] * 6, (5, 0)),  # 704 are short, 150 a unit
        ([unit(remaining=100, holder="card", nominal=50)] * 6, (0, 3)),  # 128 are short
        ([unit(remaining=100, holder="card", nominal=50)] * 4, (2, 5)),  # 328 are short, of which units bring 100
        ([unit(remaining=100)] * 4 + [unit(remaining=0, holder="card", nominal=50)] * 2, (0, 7)),  # 328 by cards of 50
        ([unit(remaining=None, nominal=None)] * 4, (2, 0)),
    ],
)
def test_so_much_is_to_be_bought_that_half_a_year_is_served(units, buy):
    assert outlook(*units).to_buy() == buy


@pytest.mark.django_db
def test_the_day_is_the_one_on_which_the_runway_ends():
    scope = Scope((make.clinic(),), date(2026, 2, 3), date(2026, 3, 2), make.NOW)
    assert ahead(outlook(unit(remaining=70)), scope)["buy_by"] == date(2026, 3, 9)
    assert ahead(outlook(*[unit(remaining=70)] * 8), scope)["buy_by"] == date(2026, 3, 2) + 20 * WEEK
    assert ahead(outlook(*[unit(remaining=10_000)] * 8), scope)["buy_by"] is None


class TestWhatIsAsked:
    """New rentals, whose pace it is, as the database has them."""

    pytestmark = pytest.mark.django_db

    def figures(self, clinic: Clinic, at: Any = make.NOW) -> Figures:
        return fleet_figures([clinic], date(2026, 2, 23), date(2026, 3, 8), at)

    def test_bookings_of_the_period_and_the_waiting_list_count_and_cancelled_ones_do_not(self):
        clinic = make.clinic()
        made = [make.book(clinic, device=make.device(clinic), planned_treatments=20) for _ in range(3)]
        make.waiting(clinic, planned_treatments=10)
        cancel(made[0], reason="Treated elsewhere", at=make.NOW, actor=make.manager())
        found = self.figures(clinic)
        assert (found.bookings, found.treatments_booked) == (3, 50)
        free = 3 * 343 - 40
        assert found.runway_treatments_weeks == round(free / (50 * 7 / 8), 1), "eight of the days have begun"
        assert fleet_figures([clinic], date(2026, 2, 1), date(2026, 3, 1), make.NOW).bookings == 0

    def test_devices_in_repair_serve_nobody(self):
        clinic = make.clinic()
        make.book(clinic, device=make.device(clinic), planned_treatments=28)
        make.device(clinic, condition="repair")
        found = self.figures(clinic)
        assert found.free == 2 * 343 - 28
        assert found.runway_treatments_weeks == round((343 - 28) / (28 * 7 / 8), 1)
        assert (found.runway_weeks, found.runway_devices_weeks) == (1.0, 1.0)
        assert (found.units_to_buy, found.buy_by) == (4, date(2026, 3, 9))

    def test_sessions_that_nobody_booked_are_no_pace(self):
        found = self.figures(make.device().clinic)
        assert (found.runway_weeks, found.units_to_buy) == (None, None)
