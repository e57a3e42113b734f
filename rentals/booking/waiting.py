"""Waiting rentals: what a patient needs, written down, and the device that staff give it later (I1, I2, I4)."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal, invalid
from devices.models import Device
from patients.access import record_access
from patients.models import Access
from rentals.booking.alternatives import next_start
from rentals.booking.availability import Need
from rentals.booking.book import Booking, book, check_booking, make_rental, refuse_closed_day, take_device
from rentals.booking.desk_days import next_day_with_room, refuse_full_days, take_places
from rentals.deciding import deciding, lock_rental, seen_device
from rentals.lifecycle import move, record, require, wrong_state
from rentals.models import Holding, Priority, Rental
from rentals.models.states import State

WAITED_FOR = {"device_unavailable", "capacity_exceeded", "reuse_not_permitted"}


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


def book_or_wait(booking: Booking, *, at: datetime, actor: User) -> Rental:
    """Book as `book` does, or where no device can be had, put the patient on the waiting list (`enquiry`).

    Raises what `book` raises for anything else than the device.
    """
    try:
        return book(booking, at=at, actor=actor)
    except Refusal as refusal:
        if refusal.code not in WAITED_FOR:
            raise
    return enquire(booking, at=at, actor=actor)


def prioritise(rental: Rental, *, priority: Priority, at: datetime, actor: User) -> Rental:
    """Write down how soon the patient needs a device, as a clinician sees it; the waiting list goes by it."""
    require(rental, "prioritise")
    with deciding():
        rental = lock_rental(rental)[0]
        require(rental, "prioritise")
        change = f"from {Priority(rental.priority).name.lower()} to {priority.name.lower()}"
        move(rental, "prioritise", at=at, now=at, actor=actor, reason=change, priority=priority)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def reserve(
    rental: Rental, *, at: datetime, actor: User, device: Device | None = None, starts_on: date | None = None
) -> Rental:
    """Give a waiting rental the named `device`, or the best that fits, and return it `reserved`.

    It is collected on the local day `starts_on`; without one see `days_from`, and also for what it waited for beyond
    its start, which does not shorten the course. It comes under the clinic's present terms, as any booking made
    today. Raises `wrong_state`, `invalid`, `clinic_closed`, `desk_full`, and what `book` raises for a device.
    """
    require(rental, "reserve")
    with deciding():
        need = replace(need_of(rental, at, starts_on), asked_by=actor)
        rental = give_device(rental, need, "reserve", wanted=device, at=at, actor=actor)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def give_device(
    rental: Rental,
    need: Need,
    verb: str,
    *,
    at: datetime,
    actor: User | None,
    wanted: Device | None = None,
    **changes: Any,
) -> Rental:
    """Put a waiting rental on the device that is `wanted`, or on the best one that fits `need`, for the need's days.

    The caller holds the transaction, and no lock yet. Raises what `take_device` and `take_places` raise.
    """
    take_places(rental.clinic, {"starts_on": need.starts_on, "due_on": need.due_on}, at, rental)
    if seen_device(rental):  # a twin was faster; its device is not to be locked after another one
        raise wrong_state(Rental.objects.get(pk=rental.pk))
    device = take_device(need, wanted, at)
    rental = lock_rental(rental)[0]
    require(rental, "reserve")
    Holding.objects.create(rental=rental, device=device, blocked=need.blocked_on(device))
    booked = {"starts_on": need.starts_on, "due_on": need.due_on, "terms": rental.clinic.current_terms, **changes}
    move(rental, verb, to=State.RESERVED, at=at, now=at, actor=actor, **booked)
    return rental


def need_of(rental: Rental, at: datetime, starts_on: date | None = None) -> Need:
    """What a waiting rental asks of a device at the moment `at`, by its plan and what was accepted for it.

    Raises what `days_from` raises.
    """
    first_day, due_on = days_from(rental, at, starts_on)
    return Need(
        rental.clinic,
        first_day,
        due_on,
        rental.planned_treatments,
        rental.patient,
        accepts_unknown=rental.accepts_unknown_capacity,
        accepts_too_few=bool(rental.capacity_override),
    )


def days_from(rental: Rental, at: datetime, starts_on: date | None = None) -> tuple[date, date]:
    """The local days for which a waiting rental can be reserved: from `starts_on`, or without one its own, or where
    they have passed, the clinic stays closed or its desk is full, the next ones. The course keeps at least its length.

    Raises `invalid` for a `starts_on` that has passed, `desk_full` for a full one, `clinic_closed` for a closed one
    or where no day can be had.
    """
    clinic = rental.clinic
    if starts_on:
        check_start(rental, starts_on, at)
    first_day = starts_on or next_day_with_room(clinic, "starts_on", max(rental.starts_on, clinic.day_of(at)))
    due_on = first_day and next_day_with_room(clinic, "due_on", first_day + length_of(rental))
    if first_day is None or due_on is None:
        raise Refusal(
            "clinic_closed",
            _("%(clinic)s has no open day with room within 60 days; see to its opening hours and limits.")
            % {"clinic": clinic},
        )
    return first_day, due_on


def check_start(rental: Rental, starts_on: date, at: datetime) -> None:
    """A device is collected on an open day from today on: nothing was held before that could have been collected."""
    if starts_on < rental.clinic.day_of(at):
        raise invalid("starts_on", _("The day of collection has passed; choose today or a later day."))
    refuse_closed_day(rental.clinic, "starts_on", starts_on, at)
    refuse_full_days(rental.clinic, {"starts_on": starts_on}, at, rental)


def later_start(rental: Rental, need: Need, at: datetime) -> list[dict[str, Any]]:
    """The next start at which a waiting rental would get a device, as the API says it, where none fits `need`."""
    return next_start(replace(need, due_on=need.starts_on + length_of(rental)), at)


def length_of(rental: Rental) -> timedelta:
    """How many days the course was asked for; a due day that moves to an open one does not make it longer."""
    return rental.due_on - rental.starts_on
