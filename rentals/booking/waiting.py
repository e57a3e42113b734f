"""Waiting rentals: what a patient needs, written down, and the device that staff give it later (I1, I2, I4)."""

from datetime import date, datetime

from config.models import User
from config.refusals import Refusal
from devices.models import Device
from patients.access import record_access
from patients.models import Access
from rentals.booking.availability import Need
from rentals.booking.book import Booking, check_booking, make_rental, take_device
from rentals.deciding import deciding, lock_rental
from rentals.lifecycle import move, record, require
from rentals.models import Holding, Rental
from rentals.models.states import State


def enquire(booking: Booking, *, at: datetime, actor: User) -> Rental:
    """Write down what a patient needs, as `book` does and with its checks, and return the rental, in `enquiry`.

    It holds nothing: no day, no treatment, no device, not even the one that `booking` names.
    Raises `screening_required`, `clinic_closed`, `invalid`.
    """
    check_booking(booking, at=at, actor=actor)
    with deciding():
        rental = make_rental(booking, at=at, actor=actor, state=State.ENQUIRY)
        record(rental, "enquire", old="", at=at, now=at, actor=actor)
        record_access(actor, [booking.patient.pk], Access.Action.CHANGED, at)
    return rental


def reserve(rental: Rental, *, at: datetime, actor: User, device: Device | None = None) -> Rental:
    """Give a waiting rental the named `device`, or the best that fits, and return it `reserved`.

    What it waited for beyond its start does not shorten the course: see `days_from`. It comes under the clinic's
    present terms, as any booking made today. Raises `wrong_state`, and what `book` raises for a device.
    """
    require(rental, "reserve")
    with deciding():
        need = need_of(rental, at)
        taken = take_device(need, device, at)
        rental, _ = lock_rental(rental)
        require(rental, "reserve")
        Holding.objects.create(rental=rental, device=taken, blocked=need.blocked)
        move(
            rental,
            "reserve",
            to=State.RESERVED,
            at=at,
            now=at,
            actor=actor,
            starts_on=need.starts_on,
            due_on=need.due_on,
            terms=rental.clinic.current_terms,
        )
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def need_of(rental: Rental, at: datetime) -> Need:
    """What a waiting rental asks of a device at the moment `at`, by its plan and what was accepted for it."""
    starts_on, due_on = days_from(rental, at)
    return Need(
        rental.clinic,
        starts_on,
        due_on,
        rental.planned_treatments,
        rental.patient,
        accepts_unknown=rental.accepts_unknown_capacity,
        accepts_too_few=bool(rental.capacity_override),
    )


def days_from(rental: Rental, at: datetime) -> tuple[date, date]:
    """The days for which a waiting rental can be reserved: its own, or where they have passed or the clinic stays
    closed, the next open ones. The course keeps at least its length."""
    clinic, length = rental.clinic, rental.due_on - rental.starts_on
    starts_on = clinic.next_open_day(max(rental.starts_on, clinic.day_of(at)))
    due_on = starts_on and clinic.next_open_day(starts_on + length)
    if starts_on is None or due_on is None:
        raise Refusal("clinic_closed", f"{clinic} has no open day within 60 days; enter its opening hours first.")
    return starts_on, due_on
