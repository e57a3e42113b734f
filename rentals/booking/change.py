"""Changing a booking or a hire: another device, pin, swap, cancel (I1, I2, I4)."""

from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.models import User
from config.refusals import Refusal, invalid
from devices.models import Device, Reading
from devices.readings import record_reading
from patients.access import record_access
from patients.models import Access
from rentals import custody, ledger
from rentals.booking.alternatives import alternatives_for
from rentals.booking.availability import Need, blocked_days, clash_with, judged_devices, why_not
from rentals.booking.book import take_device
from rentals.booking.capacity import delivered_treatments, needed_treatments
from rentals.booking.offers import poke_offers
from rentals.deciding import deciding, held_device, lock_rental
from rentals.lifecycle import check_moment, move, record, require
from rentals.models import Holding, Rental
from rentals.models.holdings import Delivery
from rentals.models.states import State
from rentals.reconciliation.reconcile import reconcile
from rentals.staff_tasks import OF_THE_HIRE, settle_tasks

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# The reasons of `why_not` as they stand in brackets.
WHY_NOT: "dict[str, StrOrPromise]" = {
    "not_ready": gettext_lazy("not ready"),
    "overdue": gettext_lazy("overdue"),
    "blocked": gettext_lazy("blocked"),
    "in_transfer": gettext_lazy("in transfer"),
    "shelf_or_service": gettext_lazy("shelf or service"),
    "reuse_not_permitted": gettext_lazy("reuse not permitted"),
    "unknown_capacity": gettext_lazy("unknown capacity"),
    "too_few_treatments": gettext_lazy("too few treatments"),
}


def change_device(rental: Rental, *, device: Device, at: datetime, actor: User) -> Rental:
    """Put a reservation on `device`, or give it one again after its own was taken away; it keeps its days.

    Raises `wrong_state`, `invalid` for the device it is on, and what `book` raises for a device.
    """
    require(rental, "change_device")
    with deciding():
        rental, holding = lock_rental(rental, device.pk)
        require(rental, "change_device")
        if holding is None or holding.device == device:
            raise invalid(
                "device", _("It is on device %(serial)s already; choose another one.") % {"serial": device.serial}
            )
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


def delivered(holding: Holding) -> int:
    """Treatments that the rental of a live holding has had, by the counters of all its devices."""
    return Holding.objects.annotate(delivered=delivered_treatments()).get(pk=holding.pk).delivered


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
        rental = lock_rental(rental)[0]
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
            _("Device %(serial)s cannot replace it (%(reason)s); choose another one.")
            % {"serial": device.serial, "reason": WHY_NOT[reason]},
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


def cancel(rental: Rental, *, reason: str, at: datetime, actor: User) -> Rental:
    """Give up a booking before the hand-over; a bond already paid becomes due to the patient (I9)."""
    require(rental, "cancel")
    if not reason.strip():
        raise invalid("reason", _("Write the reason; it stays in the rental's history."))
    with deciding():
        rental = lock_rental(rental)[0]
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
        settle_tasks(rental, OF_THE_HIRE, "The booking was given up.", at)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
        poke_offers(rental.clinic_id)
    return rental
