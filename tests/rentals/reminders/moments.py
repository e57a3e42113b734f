"""Rentals about to be reminded of, and the moments at which they are."""

from datetime import date, datetime, time, timedelta

from config.models import Clinic
from rentals.agreement import sign
from rentals.models import Message, ReminderRule, Rental
from rentals.models.states import State
from rentals.reminders.plan import Plan, plan_clinic
from tests import make


def overdue(clinic: Clinic | None = None, **wishes: object) -> Rental:
    """An active rental; with `morning_after(rental.due_on, n)` it is n days overdue."""
    return make.rental(State.ACTIVE, clinic, **wishes)


def reserved(clinic: Clinic | None = None, **wishes: object) -> Rental:
    """A reservation whose agreement is signed, so that only its start is to be told."""
    rental = make.rental(State.RESERVED, clinic, **wishes)
    return sign(
        rental, name="Ada Example", accepted_terms_version=rental.terms.version, at=make.NOW, actor=make.manager()
    )


def switch_off(clinic: Clinic, *kinds: str) -> None:
    """Let the clinic tell nothing of these kinds."""
    ReminderRule.objects.bulk_create(ReminderRule(clinic=clinic, kind=kind, enabled=False) for kind in kinds)


def morning(clinic: Clinic, day: date, clock: time = time(9)) -> datetime:
    """The moment at which the clinic's clock shows `clock` on `day`."""
    return datetime.combine(day, clock, tzinfo=clinic.zone)


def days_overdue(rental: Rental, days: int, clock: time = time(9)) -> datetime:
    return morning(rental.clinic, rental.due_on + timedelta(days=days), clock)


def before_due(rental: Rental, days: int, clock: time = time(9)) -> datetime:
    return days_overdue(rental, -days, clock)


def before_start(rental: Rental, days: int = 1, clock: time = time(9)) -> datetime:
    return morning(rental.clinic, rental.starts_on - timedelta(days=days), clock)


def plan_at(rental: Rental, at: datetime) -> Plan:
    """One pass over the rental's clinic alone, whose hours and rules are those of now."""
    return plan_clinic(Clinic.objects.get(pk=rental.clinic_id), at)


def newly_planned(clinic: Clinic | None = None) -> Message:
    """A message about a rental that is a day overdue, planned at its `created_at`."""
    rental = overdue(clinic)
    [message] = plan_clinic(rental.clinic, days_overdue(rental, 1)).messages
    return Message.objects.get(pk=message)
