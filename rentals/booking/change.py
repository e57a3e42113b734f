"""Changing a booking or a hire: extend, pin, swap, healed, cancel (I1, I2, I4)."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange, DateTimeTZRange

from config.models import User
from config.refusals import Refusal, invalid
from devices.models import Device, Reading
from devices.readings import record_reading
from patients.access import record_access
from patients.models import Access
from rentals import custody, ledger
from rentals.booking.alternatives import alternatives_for, other_devices
from rentals.booking.availability import (
    Need,
    blocked_days,
    check_span,
    clash_with,
    judged_devices,
    usable_until,
    why_not,
)
from rentals.booking.book import check_plan, refuse_closed_day, take_device
from rentals.booking.capacity import delivered_treatments, needed_treatments, with_capacity
from rentals.booking.desk_days import take_places
from rentals.booking.offers import poke_offers
from rentals.booking.replan import let_clash, lock_sites, repair
from rentals.deciding import deciding, held_device, lock_rental
from rentals.lifecycle import check_moment, move, record, require
from rentals.models import Holding, Rental
from rentals.models.holdings import Delivery
from rentals.models.states import State
from rentals.reconciliation.reconcile import reconcile

LOOK_BACK = 14  # days in which an open one is looked for


def extend(rental: Rental, *, due_on: date, at: datetime, actor: User, planned_treatments: int | None = None) -> Rental:
    """Move the due day of a reserved or active rental, and its planned treatments if given.

    A later reservation that is in the way is moved to another device. Where that cannot be, raises
    `device_unavailable` (says which rental has the device then, and what would fit) or `capacity_exceeded`
    (the device has too few treatments left); `clinic_closed`, `desk_full`.
    """
    require(rental, "extend")
    check_new_due_day(rental, due_on, at)
    if planned_treatments is not None:
        check_plan(rental.clinic, planned_treatments)
    wish = Extension(due_on, planned_treatments or rental.planned_treatments)
    try:
        return extend_alone(rental, wish, at=at, actor=actor)
    except Refusal as refusal:
        if refusal.code not in {"device_unavailable", "capacity_exceeded"}:
            raise
        return extend_and_repair(rental, wish, refusal, at=at, actor=actor)


@dataclass(frozen=True)
class Extension:
    """The due day (local) and the treatments in all that a rental shall have."""

    due_on: date
    treatments: int


def extend_alone(rental: Rental, wish: Extension, *, at: datetime, actor: User) -> Rental:
    """Extend on the device that the rental has, where nobody is in the way."""
    with deciding():
        take_places(rental.clinic, {"due_on": wish.due_on}, at, rental)
        rental, holding = lock_rental(rental)
        require(rental, "extend")
        if holding:
            refuse_what_is_in_the_way(rental, holding, wish, at)
            stretch(rental, holding, wish)
        write_extension(rental, wish, at=at, actor=actor)
    return rental


def extend_and_repair(rental: Rental, wish: Extension, refusal: Refusal, *, at: datetime, actor: User) -> Rental:
    """Extend and let the planner move what is in the way; raises `refusal` where somebody would be left without."""
    with deciding():
        take_places(rental.clinic, {"due_on": wish.due_on}, at, rental)
        lock_sites([rental.clinic])
        rental, holding = lock_rental(rental)
        require(rental, "extend")
        if holding is None or holding.device is None:
            raise refusal
        if holding.out:
            refuse_unusable(holding.device, need_from_now(rental, holding, wish.due_on, wish.treatments, at), at)
        # What is wrong already is nobody's reason to refuse this.
        repair(rental.clinic, cause="the plan was looked at", at=at, actor=actor)
        before = free_on_device_of(rental)
        let_clash()
        stretch(rental, holding, wish)
        write_extension(rental, wish, at=at, actor=actor)
        repaired = repair(rental.clinic, cause=extended(rental), at=at, actor=actor)
        # What a manager has promised already may stay too much; it becomes no more.
        if repaired.at_risk or free_on_device_of(rental) < min(before, 0):
            raise refusal
    return rental


def extended(rental: Rental) -> str:
    """The cause that is written down with each reservation that an extension of `rental` moved."""
    return f"rental {rental.reference} was extended"


def free_on_device_of(rental: Rental) -> int:
    """What the rental's device has left beyond its promises, in treatments; 0 where nobody knows, or it has none."""
    device: Any = with_capacity(Device.objects.filter(holdings__rental=rental, holdings__live=True))
    return device.values_list("free_treatments", flat=True).first() or 0


def write_extension(rental: Rental, wish: Extension, *, at: datetime, actor: User) -> None:
    if wish.due_on < rental.due_on or wish.treatments < rental.planned_treatments:
        poke_offers(rental.clinic_id)
    move(rental, "extend", at=at, now=at, actor=actor, due_on=wish.due_on, planned_treatments=wish.treatments)
    record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)


def check_new_due_day(rental: Rental, due_on: date, at: datetime) -> None:
    if due_on < rental.clinic.day_of(at):
        raise invalid("due_on", "The new due day must not lie in the past.")
    check_span(rental.starts_on, due_on)
    refuse_closed_day(rental.clinic, "due_on", due_on, at)


def refuse_what_is_in_the_way(rental: Rental, holding: Holding, wish: Extension, at: datetime) -> None:
    """Raise what speaks against the extension on the device that the rental holds; nothing while it holds none."""
    if holding.device:
        need = need_from_now(rental, holding, wish.due_on, wish.treatments, at)
        refuse_unusable(holding.device, need, at)
        refuse_clash(rental, holding.device, stretched(rental, holding, wish), need, at)
        refuse_overpromise(holding.device, more_treatments(rental, holding, wish.treatments), need, at)


def stretch(rental: Rental, holding: Holding, wish: Extension) -> None:
    """Block the device until the new due day."""
    Holding.objects.filter(pk=holding.pk).update(blocked=stretched(rental, holding, wish))


def stretched(rental: Rental, holding: Holding, wish: Extension) -> DateRange:
    """The days that the extension blocks; after a swap they do not begin with the rental."""
    by_courier = holding.delivery == Delivery.COURIER
    days = blocked_days(holding.device, rental.clinic, rental.starts_on, wish.due_on, courier=by_courier)
    return DateRange(holding.blocked.lower, days.upper)


def need_from_now(rental: Rental, holding: Holding, due_on: date, treatments: int, at: datetime) -> Need:
    """What another device would have to give until `due_on`, for a course of `treatments` in all."""
    return Need(
        rental.clinic,
        max(rental.starts_on, rental.clinic.day_of(at)),
        max(due_on, rental.clinic.day_of(at)),
        max(treatments - delivered(holding), 0),
        patient=rental.patient,
        rental=rental,
        courier=holding.delivery == Delivery.COURIER,
        accepts_unknown=rental.accepts_unknown_capacity,
    )


def more_treatments(rental: Rental, holding: Holding, treatments: int) -> int:
    """How many more the rental needs for a course of `treatments`; what it had beyond its plan is not asked again."""
    had = delivered(holding)
    return max(treatments - had, 0) - max(rental.planned_treatments - had, 0)


def delivered(holding: Holding) -> int:
    """Treatments that the rental of a live holding has had, by the counters of all its devices."""
    return Holding.objects.annotate(delivered=delivered_treatments()).get(pk=holding.pk).delivered


def refuse_unusable(device: Device, need: Need, at: datetime) -> None:
    """Raise `device_unavailable` where `device` may not stay with the patient until then: recalled, or past its shelf
    life or service."""
    last_day = usable_until(device)
    if device.condition == Device.Condition.RECALLED:
        text = f"Device {device.serial} was recalled; swap it for another one first."
    elif last_day and last_day < need.with_patient[1]:
        text = f"Device {device.serial} may be used until {last_day:%-d %B %Y}; choose a day before, or swap it."
    else:
        return
    raise Refusal(
        "device_unavailable",
        text,
        field="due_on",
        conflict={"condition": device.condition, "usable_until": last_day and last_day.isoformat()},
        alternatives=other_devices(need, at),
    )


def refuse_clash(rental: Rental, device: Device, blocked: DateRange, need: Need, at: datetime) -> None:
    """Raise `device_unavailable` when another rental has the device on one of the `blocked` days."""
    clash = clash_with(device, blocked, rental)
    if clash:
        raise Refusal(
            "device_unavailable",
            f"Device {device.serial} is booked for rental {clash['reference']} from {clash['starts_on']}; "
            "choose an earlier due day, or swap to another device.",
            field="due_on",
            conflict=clash,
            alternatives=[*last_due_day(device, blocked, need, rental.due_on), *other_devices(need, at)],
        )


def last_due_day(device: Device, blocked: DateRange, need: Need, due_on: date) -> list[dict[str, Any]]:
    """The last open day after `due_on` on which the device would come back in time for the next, as the API says it."""
    others = Holding.objects.filter(device=device, live=True, blocked__overlap=blocked).exclude(rental=need.rental)
    next_one = min(days.lower for days in others.values_list("blocked", flat=True))
    after = need.blocked_on(device).upper - need.due_on  # the way back and the turnaround
    days = (next_one - after - timedelta(days=ahead) for ahead in range(LOOK_BACK))
    fits = (day for day in days if day > due_on and need.clinic.is_open(day))
    return [{"due_on": day.isoformat()} for day in islice(fits, 1)]


def refuse_overpromise(device: Device, more: int, need: Need, at: datetime) -> None:
    """Raise `capacity_exceeded` when `more` treatments are not free on `device` (I2)."""
    if more <= 0:
        return
    free = judged_devices(need, at).get(pk=device.pk).free_treatments
    # A manager's override at the booking was given for that plan; it does not stretch to more.
    fits = need.accepts_unknown if free is None else free >= more
    if not fits:
        known = "an unknown number of" if free is None else free
        raise Refusal(
            "capacity_exceeded",
            f"Device {device.serial} has {known} free treatments, {more} more are asked; plan fewer, or swap later.",
            field="planned_treatments",
            conflict={"free_treatments": free},
            alternatives=[other for other in other_devices(need, at) if other["device"]["id"] != device.pk],
        )


def change_device(rental: Rental, *, device: Device, at: datetime, actor: User) -> Rental:
    """Put a reservation on `device`, or give it one again after its own was taken away; it keeps its days.

    Raises `wrong_state`, `invalid` for the device it is on, and what `book` raises for a device.
    """
    require(rental, "change_device")
    with deciding():
        rental, holding = lock_rental(rental, device.pk)
        require(rental, "change_device")
        if holding is None or holding.device == device:
            raise invalid("device", f"It is on device {device.serial} already; choose another one.")
        need = need_for_another(rental, holding, at)
        taken = take_device(need, device, at)
        put_on(holding, taken, need)
        record_device(rental, holding.device, taken, at=at, actor=actor)
        poke_offers(rental.clinic_id)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def need_for_another(rental: Rental, holding: Holding, at: datetime) -> Need:
    """What another device would have to give the rental as it is planned, and what a manager accepted for that plan."""
    need = need_from_now(rental, holding, rental.due_on, rental.planned_treatments, at)
    return replace(need, accepts_too_few=bool(rental.capacity_override))


def put_on(holding: Holding, device: Device, need: Need) -> None:
    """Block `device` instead of the one that `holding` is on; it has not been handed over."""
    Holding.objects.filter(pk=holding.pk).update(device=device, blocked=need.blocked_on(device))


def record_device(rental: Rental, old: Device | None, new: Device, *, at: datetime, actor: User) -> None:
    """Write down from which device to which."""
    reason = f"from {old.serial if old else 'no device'} to {new.serial}"
    record(rental, "change_device", old=rental.state, at=at, now=at, actor=actor, reason=reason)


def pin(rental: Rental, *, pinned: bool, at: datetime, actor: User) -> Rental:
    """Keep a reservation on its device (or let the planner move it again)."""
    require(rental, "pin")
    with deciding():
        rental, _ = lock_rental(rental)
        require(rental, "pin")
        move(
            rental,
            "pin",
            at=at,
            now=at,
            actor=actor,
            reason="stays on its device" if pinned else "may be moved again",
            pinned=pinned,
        )
        poke_offers(rental.clinic_id)  # at risk, it may be placed now
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
            conflict=clash_with(device, need.blocked_on(device), rental),
            alternatives=alternatives_for(need, at),
        )
    custody.refuse_out_since(device, at)
    record_reading(device, counter, read_at=at, now=now, source=Reading.Source.HAND_OVER, actor=actor)
    Holding.objects.create(
        rental=rental,
        device=device,
        blocked=blocked_days(device, rental.clinic, first_day, last_day),
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
        move(
            rental,
            "cancel",
            to=State.CANCELLED,
            at=at,
            now=at,
            actor=actor,
            reason=reason,
            ended_at=at,
            offer_expires_at=None,
        )
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
        poke_offers(rental.clinic_id)
    return rental
