"""Changing a booking or a hire: extend, pin, swap, healed, cancel (I1, I2, I4)."""

from datetime import date, datetime

from django.db.backends.postgresql.psycopg_any import DateRange, DateTimeTZRange

from config.models import User
from config.refusals import Refusal, invalid
from devices.models import Device, Reading
from devices.readings import record_reading
from patients.access import record_access
from patients.models import Access
from rentals import custody, ledger
from rentals.booking.availability import (
    Need,
    alternatives_for,
    blocked_days,
    check_span,
    clash_with,
    judged_devices,
    other_devices,
    why_not,
)
from rentals.booking.book import check_plan, refuse_closed_day
from rentals.booking.capacity import delivered_treatments, needed_treatments
from rentals.deciding import deciding, held_device, lock_rental
from rentals.lifecycle import check_moment, move, record, require
from rentals.models import Holding, Rental
from rentals.models.holdings import Delivery
from rentals.models.states import State
from rentals.reconciliation.reconcile import reconcile


def extend(rental: Rental, *, due_on: date, at: datetime, actor: User, planned_treatments: int | None = None) -> Rental:
    """Move the due day of a reserved or active rental, and its planned treatments if given.

    Raises `device_unavailable` when another rental has the device then (says which, and what would
    fit), `capacity_exceeded` when the device has too few treatments left, `clinic_closed`.
    """
    require(rental, "extend")
    check_new_due_day(rental, due_on, at)
    if planned_treatments is not None:
        check_plan(planned_treatments)
    with deciding():
        rental, holding = lock_rental(rental)
        require(rental, "extend")
        treatments = planned_treatments or rental.planned_treatments
        if holding:
            stretch(rental, holding, due_on, treatments, at)
        move(rental, "extend", at=at, now=at, actor=actor, due_on=due_on, planned_treatments=treatments)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def check_new_due_day(rental: Rental, due_on: date, at: datetime) -> None:
    if due_on < rental.clinic.day_of(at):
        raise invalid("due_on", "The new due day must not lie in the past.")
    check_span(rental.starts_on, due_on)
    refuse_closed_day(rental.clinic, "due_on", due_on, at)


def stretch(rental: Rental, holding: Holding, due_on: date, treatments: int, at: datetime) -> None:
    """Block the device until `due_on` and promise `treatments` of it, where it is free and has them."""
    days = blocked_days(rental.clinic, rental.starts_on, due_on, courier=holding.delivery == Delivery.COURIER)
    blocked = DateRange(holding.blocked.lower, days.upper)  # after a swap it does not begin with the rental
    if holding.device:
        need = need_from_now(rental, holding, due_on, treatments, at)
        refuse_clash(holding.device, blocked, need, at)
        refuse_overpromise(holding.device, more_treatments(rental, holding, treatments), need, at)
    Holding.objects.filter(pk=holding.pk).update(blocked=blocked)


def need_from_now(rental: Rental, holding: Holding, due_on: date, treatments: int, at: datetime) -> Need:
    """What another device would have to give until `due_on`, for a course of `treatments` in all."""
    return Need(
        rental.clinic,
        max(rental.starts_on, rental.clinic.day_of(at)),
        due_on,
        max(treatments - delivered(holding), 0),
        patient=rental.patient,
        rental=rental,
        accepts_unknown=rental.accepts_unknown_capacity,
    )


def more_treatments(rental: Rental, holding: Holding, treatments: int) -> int:
    """How many more the rental needs for a course of `treatments`; what it had beyond its plan is not asked again."""
    had = delivered(holding)
    return max(treatments - had, 0) - max(rental.planned_treatments - had, 0)


def delivered(holding: Holding) -> int:
    """Treatments that the rental of a live holding has had, by the counters of all its devices."""
    return Holding.objects.annotate(delivered=delivered_treatments()).get(pk=holding.pk).delivered


def refuse_clash(device: Device, blocked: DateRange, need: Need, at: datetime) -> None:
    """Raise `device_unavailable` when another rental has the device on one of the `blocked` days."""
    clash = clash_with(device, blocked, need.rental)
    if clash:
        raise Refusal(
            "device_unavailable",
            f"Device {device.serial} is booked for rental {clash['reference']} from {clash['starts_on']}; "
            "choose an earlier due day, or swap to another device.",
            field="due_on",
            conflict=clash,
            alternatives=other_devices(need, at),
        )


def refuse_overpromise(device: Device, more: int, need: Need, at: datetime) -> None:
    """Raise `capacity_exceeded` when `more` treatments are not free on `device` (I2)."""
    if more <= 0:
        return
    free = judged_devices(need, at).get(pk=device.pk).free_treatments
    # A manager's override at the booking was given for that plan; it does not stretch to more.
    fits = need.accepts_unknown if free is None else free >= more
    if not fits:
        raise Refusal(
            "capacity_exceeded",
            f"Device {device.serial} has {free} free treatments, {more} more are asked; plan fewer, or swap later.",
            field="planned_treatments",
            conflict={"free_treatments": free},
            alternatives=[other for other in other_devices(need, at) if other["device"]["id"] != device.pk],
        )


def pin(rental: Rental, *, pinned: bool, at: datetime, actor: User) -> Rental:
    """Keep a reservation on its device (or let the planner move it again)."""
    require(rental, "pin")
    with deciding():
        rental, _ = lock_rental(rental)
        require(rental, "pin")
        move(rental, "pin", at=at, now=at, actor=actor, pinned=pinned)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def swap(
    rental: Rental,
    *,
    counter_out: int,
    device: Device,
    counter_in: int,
    at: datetime,
    now: datetime,
    actor: User,
) -> Rental:
    """Exchange the device mid-rental: the old one, showing `counter_out`, comes back to quarantine;
    `device`, showing `counter_in`, goes out. The treatments of both count for the patient.
    """
    require(rental, "swap")
    check_moment(at, now=now, actor=actor)
    with deciding():
        rental, holding = lock_rental(rental, device.pk)
        require(rental, "swap")
        holding, old = held_device(rental, holding)
        custody.close_holding(holding, old, counter=counter_out, at=at, now=now, actor=actor)
        custody.to_quarantine(old)
        needed = Holding.objects.annotate(needed=needed_treatments()).get(pk=holding.pk).needed
        start_holding(rental, device, counter=counter_in, needed=needed, at=at, now=now, actor=actor)
        record(rental, "swap", old=rental.state, at=at, now=now, actor=actor)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, now)
    return rental


def start_holding(
    rental: Rental, device: Device, *, counter: int, needed: int, at: datetime, now: datetime, actor: User
) -> None:
    """Hand the replacement `device` over at `at`, if it fits the rest of the rental."""
    first_day = rental.clinic.day_of(at)
    last_day = max(rental.due_on, first_day)
    need = Need(
        rental.clinic,
        first_day,
        last_day,
        needed,
        patient=rental.patient,
        rental=rental,
        accepts_unknown=rental.accepts_unknown_capacity,
    )
    judged = judged_devices(need, at).filter(pk=device.pk).first()
    reason = why_not(judged, need) if judged else "not_ready"
    if reason:
        raise Refusal(
            "device_unavailable",
            f"Device {device.serial} cannot replace it ({reason.replace('_', ' ')}); choose another one.",
            field="device",
            conflict=clash_with(device, need.blocked, rental),
            alternatives=alternatives_for(need, at),
        )
    custody.refuse_out_since(device, at)
    record_reading(device, counter, read_at=at, now=now, source=Reading.Source.HAND_OVER, actor=actor)
    Holding.objects.create(
        rental=rental,
        device=device,
        blocked=blocked_days(rental.clinic, first_day, last_day),
        out=DateTimeTZRange(at, None),
        counter_out=counter,
        used_out=custody.used_now(device),
    )
    reconcile([device.pk], now)
    custody.refuse_too_few(rental, device, needed)


def confirm_healed(rental: Rental, *, on: date, imaging: str, at: datetime, actor: User) -> Rental:
    """A clinician confirms healing, seen on `imaging` of the local day `on`; the return may start."""
    require(rental, "confirm_healed")
    today, out = rental.clinic.day_of(at), rental.handed_over_at
    if on > today or (out and on < rental.clinic.day_of(out)):
        raise invalid("on", "Healing is seen between the hand-over and today; correct the day.")
    if not imaging.strip():
        raise invalid("imaging", "Name the imaging on which healing was seen, plain film or CT say.")
    with deciding():
        rental, _ = lock_rental(rental)
        require(rental, "confirm_healed")
        move(rental, "confirm_healed", at=at, now=at, actor=actor, healed_on=on, healed_imaging=imaging)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def cancel(rental: Rental, *, reason: str, at: datetime, actor: User) -> Rental:
    """Give up a booking before the hand-over; a bond already paid becomes due to the patient (I9)."""
    require(rental, "cancel")
    if not reason.strip():
        raise invalid("reason", "Write the reason; it stays in the rental's history.")
    with deciding():
        rental, _ = lock_rental(rental)
        require(rental, "cancel")
        Holding.objects.filter(rental=rental, live=True).update(live=False)
        ledger.settle_bond(rental, at=at, actor=actor)
        move(rental, "cancel", to=State.CANCELLED, at=at, now=at, actor=actor, reason=reason, ended_at=at)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental
