"""Rentals about to be reminded of, and the moments at which they are."""

from datetime import date, datetime, time, timedelta

from config.models import Clinic
from rentals.models import Rental
from rentals.models.states import State
from tests import make


def overdue(clinic: Clinic | None = None, **wishes: object) -> Rental:
    """An active rental; with `morning_after(rental.due_on, n)` it is n days overdue."""
    return make.rental(State.ACTIVE, clinic, **wishes)


def morning(clinic: Clinic, day: date, clock: time = time(9)) -> datetime:
    """The moment at which the clinic's clock shows `clock` on `day`."""
    return datetime.combine(day, clock, tzinfo=clinic.zone)


def days_overdue(rental: Rental, days: int, clock: time = time(9)) -> datetime:
    return morning(rental.clinic, rental.due_on + timedelta(days=days), clock)


def before_due(rental: Rental, days: int, clock: time = time(9)) -> datetime:
    return days_overdue(rental, -days, clock)


def before_start(rental: Rental, days: int = 1, clock: time = time(9)) -> datetime:
    return morning(rental.clinic, rental.starts_on - timedelta(days=days), clock)
