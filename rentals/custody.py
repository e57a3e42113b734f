"""Who has the device: hand-over, return, inspection, loss (I1, I3, I4, I9)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange, DateTimeTZRange
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.days import long_day
from config.models import User
from config.refusals import Refusal, invalid
from config.words import aud, in_sentence
from devices.models import Device, Inspection, Reading
from devices.readings import record_reading
from patients.access import record_access
from patients.models import Access
from rentals import ledger
from rentals.agreement import is_signed
from rentals.booking.availability import blocked_days, clash_with, not_beyond, reaching
from rentals.booking.offers import poke_offers
from rentals.booking.replan import lock_sites, repair
from rentals.buy_out import charge_purchase
from rentals.care import Gel, write_supply
from rentals.deciding import deciding, held_device, lock_devices, lock_rental, refuse_moved
from rentals.lifecycle import check_moment, move, require
from rentals.models import Holding, Rental, StaffTask
from rentals.models.holdings import Part
from rentals.models.states import State
from rentals.reconciliation.reconcile import reconcile
from rentals.staff_tasks import OF_THE_HIRE, settle_tasks

TO_INSPECT = (Device.Condition.QUARANTINE, Device.Condition.REPAIR)
CHECKS = {
    "cleaned": gettext_lazy("Cleaned and disinfected"),
    "output": gettext_lazy("Gives ultrasound: the self-test passes"),
    "cable": gettext_lazy("Cable, transducer face and charger are sound"),
    "clock": gettext_lazy("Screen reads well, clock set to local time"),
    "single_patient_parts": gettext_lazy("Strap, cap and gel of the last patient removed"),
}


def hand_over(
    rental: Rental,
    *,
    counter: int,
    parts: Iterable[str],
    at: datetime,
    now: datetime,
    actor: User,
    delivery: str = "desk",
    tracking: str = "",
    gel: Gel | None = None,
) -> Rental:
    """Give the device to the patient at the moment `at`, its screen showing `counter`.

    Where gel is among the `parts`, a bottle of it is written down, or what `gel` says was given.
    May come before the start if the device is free; start and blocked days then move to that day.
    Raises `wrong_state`, `not_signed`, `bond_unpaid`, `device_not_ready`, `device_unavailable`, and
    `capacity_exceeded` when the screen shows that too little is left.
    """
    require(rental, "hand_over")
    check_moment(at, now=now, actor=actor)
    given = list(parts)
    with deciding():
        rental, holding = lock_rental(rental)
        require(rental, "hand_over")
        holding, device = held_device(rental, holding)
        refuse_unprepared(rental, device)
        refuse_out_since(device, at)
        day = rental.clinic.day_of(at)
        starts_on = min(rental.starts_on, day)
        days = blocked_days(device, rental.clinic, starts_on, rental.due_on, courier=delivery == "courier")
        if delivery == holding.delivery:
            days = not_beyond(days, holding)
        blocked = reaching(days, day)
        refuse_clash(rental, device, blocked)
        record_reading(device, counter, read_at=at, now=now, source=Reading.Source.HAND_OVER, actor=actor)
        Holding.objects.filter(pk=holding.pk).update(
            out=DateTimeTZRange(at, None),
            blocked=blocked,
            counter_out=counter,
            used_out=used_now(device),
            parts_out=given,
            delivery=delivery,
            tracking=tracking,
        )
        reconcile([device.pk], now)
        refuse_too_few(rental, device, rental.planned_treatments)
        move(
            rental,
            "hand_over",
            to=State.ACTIVE,
            at=at,
            now=now,
            actor=actor,
            handed_over_at=at,
            starts_on=starts_on,
        )
        if Part.GEL in given:
            write_supply(rental, gel or Gel(), at=at, actor=actor)
        settle_tasks(rental, [StaffTask.Kind.PHONE], "The device was handed over.", now)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, now)
    return rental


def refuse_unprepared(rental: Rental, device: Device) -> None:
    """A device goes out signed for, with its bond paid, and only when it is ready (I3)."""
    if not is_signed(rental):
        raise Refusal("not_signed", _("The agreement is not signed yet; have it signed first."))
    due = ledger.bond_due(rental)
    if due:
        raise Refusal(
            "bond_unpaid",
            _("%(due)s of the bond is not paid yet; take it first.") % {"due": aud(due)},
            conflict={"due": str(due)},
        )
    if device.condition != Device.Condition.READY:
        raise Refusal(
            "device_not_ready",
            _("Device %(serial)s is %(condition)s; inspect it, or choose another one.")
            % {"serial": device.serial, "condition": in_sentence(device.get_condition_display())},
            conflict={"condition": device.condition},
        )


def refuse_out_since(device: Device, at: datetime) -> None:
    """A device is out once at a time (I1): refuse while it is out, or a moment before it came back."""
    out = Holding.objects.filter(device=device, out__overlap=DateTimeTZRange(at, None)).select_related("rental__clinic")
    last = out.order_by("-out").first()
    if last is None:
        return
    reference, back = last.rental.reference, last.out.upper
    if back is None:
        raise Refusal(
            "device_not_ready",
            _("Device %(serial)s is still out with rental %(reference)s; take it back first.")
            % {"serial": device.serial, "reference": reference},
            conflict={"reference": reference},
        )
    there = back.astimezone(last.rental.clinic.zone)
    when = f"{long_day(there.date())}, {there:%H:%M}"
    raise Refusal(
        "device_unavailable",
        _("Device %(serial)s was out with rental %(reference)s until %(when)s; correct the time.")
        % {"serial": device.serial, "reference": reference, "when": when},
        field="at",
        conflict={"reference": reference, "out_until": back.isoformat()},
    )


def refuse_too_few(rental: Rental, device: Device, needed: int) -> None:
    """What the screen shows must still be enough for the course, unless a manager has overridden it (I2)."""
    remaining = Device.objects.with_counters().get(pk=device.pk).remaining_treatments
    if remaining is None or remaining >= needed or rental.capacity_override:
        return
    raise Refusal(
        "capacity_exceeded",
        _(
            "Device %(serial)s has %(remaining)s treatments left, %(needed)s are needed; plan fewer, or "
            "choose another device."
        )
        % {"serial": device.serial, "remaining": remaining, "needed": needed},
        field="counter",
        conflict={"remaining_treatments": remaining},
    )


def refuse_clash(rental: Rental, device: Device, blocked: DateRange) -> None:
    """An early or late hand-over, or one by courier, blocks other days than were booked (I1)."""
    clash = clash_with(device, blocked, rental)
    if clash:
        raise Refusal(
            "device_unavailable",
            _(
                "Device %(serial)s is booked for rental %(reference)s from %(starts_on)s and free from "
                "%(free_from)s; hand it over on other days, or change that rental first."
            )
            % {
                "serial": device.serial,
                "reference": clash["reference"],
                "starts_on": clash["starts_on"],
                "free_from": clash["free_from"],
            },
            conflict=clash,
        )


def used_now(device: Device) -> int:
    """Treatments used of the device's present allowance, by trusted readings."""
    return Device.objects.with_counters().get(pk=device.pk).used_treatments


def take_back(
    rental: Rental,
    *,
    counter: int,
    parts: Iterable[str],
    at: datetime,
    now: datetime,
    actor: User,
    notes: str = "",
) -> Rental:
    """Take the device back at the moment `at`; it goes to quarantine and the hire is charged.

    Raises `wrong_state`, `invalid` for a return before the hand-over.
    """
    require(rental, "take_back")
    check_moment(at, now=now, actor=actor)
    with deciding():
        rental, holding = lock_rental(rental)
        require(rental, "take_back")
        holding, device = held_device(rental, holding)
        close_holding(holding, device, counter=counter, at=at, now=now, actor=actor)
        Holding.objects.filter(pk=holding.pk).update(parts_back=list(parts), notes=notes)
        to_quarantine(device)
        ledger.charge_hire(rental, at, at=now, actor=actor)
        move(rental, "take_back", to=State.RETURNED, at=at, now=now, actor=actor, returned_at=at)
        settle_tasks(rental, OF_THE_HIRE, "The device came back.", now)
        poke_offers(rental.clinic_id)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, now)
    return rental


def close_holding(
    holding: Holding, device: Device, *, counter: int | None, at: datetime, now: datetime, actor: User
) -> None:
    """End the live holding at `at`, with the counter read then (None: the device is not there to read)."""
    if at <= holding.out.lower:
        raise invalid("at", _("This moment lies before the hand-over; correct the time."))
    if counter is not None:
        record_reading(device, counter, read_at=at, now=now, source=Reading.Source.RETURN, actor=actor)
    Holding.objects.filter(pk=holding.pk).update(
        live=False, out=DateTimeTZRange(holding.out.lower, at), counter_back=counter, used_back=used_now(device)
    )
    reconcile([device.pk], now)


def to_quarantine(device: Device) -> None:
    """What comes back waits for its inspection; a recalled or lost mark stays."""
    Device.objects.filter(pk=device.pk, condition=Device.Condition.READY).update(condition=Device.Condition.QUARANTINE)


def inspect(
    rental: Rental,
    *,
    passed: bool,
    checks: Mapping[str, Any],
    fees: Iterable[Mapping[str, Any]],
    at: datetime,
    actor: User,
) -> Rental:
    """Look at the returned device, post the fees, settle the bond and close the rental (I9).

    The device becomes ready, or goes to repair. A lost or kept rental is settled the same way;
    its device stays as it is.
    """
    require(rental, "inspect")
    with deciding():
        if not passed:
            lock_sites([rental.clinic])
        returned = returned_device(rental)
        rental, _ = lock_rental(rental, *([returned.pk] if returned else []))
        require(rental, "inspect")
        inspection = returned and inspect_device(returned, passed=passed, checks=checks, at=at, actor=actor)
        ledger.charge_fees(rental, fees, at=at, actor=actor)
        ledger.settle_bond(rental, at=at, actor=actor)
        move(rental, "inspect", to=State.CLOSED, at=at, now=at, actor=actor, inspection=inspection, ended_at=at)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def returned_device(rental: Rental) -> Device | None:
    """The device that came back last; None when none came back."""
    if rental.state != State.RETURNED:
        return None
    return Device.objects.filter(holdings__rental=rental, holdings__live=False).latest("holdings__out")


def inspect_device(device: Device, *, passed: bool, checks: Mapping[str, Any], at: datetime, actor: User) -> Inspection:
    """Record the inspection; a device that fails goes to repair and its reservations elsewhere, or are at risk.

    The caller holds the device's lock, and for one that fails those of `lock_sites`. Raises `invalid` for a device
    that would pass although one of `CHECKS` was answered with no.
    """
    open_checks = [words for check, words in CHECKS.items() if checks.get(check) is False]
    if passed and open_checks:
        raise invalid(
            "checks",
            _("Not ready while this is open: %(checks)s. See to it, or choose repair.")
            % {"checks": "; ".join(map(str, open_checks))},
        )
    verdict = Device.Condition.READY if passed else Device.Condition.REPAIR
    Device.objects.filter(pk=device.pk, condition__in=TO_INSPECT).update(condition=verdict)
    device.refresh_from_db(fields=["condition"])
    if passed:
        poke_offers(device.clinic_id)
    else:
        repair(device.clinic, cause=f"device {device.serial} failed its inspection", at=at, actor=actor)
    return Inspection.objects.create(device=device, at=at, by=actor, passed=passed, checks=dict(checks))


def inspect_unit(device: Device, *, passed: bool, checks: Mapping[str, Any], at: datetime, actor: User) -> Inspection:
    """Inspect a device that no returned rental waits for: swapped out, new to the clinic, or back from repair.

    Raises `nothing_to_inspect` unless it is in quarantine or repair, `wrong_state` while a rental waits for it.
    """
    with deciding():
        if not passed:
            lock_sites([device.clinic])
        refuse_moved(device)
        device = lock_devices([device.pk])[device.pk]
        refuse_nothing_to_inspect(device)
        waiting = Rental.objects.filter(state=State.RETURNED, holdings__device=device).order_by("-returned_at").first()
        if waiting and returned_device(waiting) == device:
            raise Refusal(
                "wrong_state",
                _("Rental %(reference)s waits for this inspection; inspect it there, so that the bond is settled.")
                % {"reference": waiting.reference},
                conflict={"reference": waiting.reference},
            )
        return inspect_device(device, passed=passed, checks=checks, at=at, actor=actor)


def refuse_nothing_to_inspect(device: Device) -> None:
    """Only what came back, is new or was repaired is inspected."""
    if device.condition not in TO_INSPECT:
        raise Refusal(
            "nothing_to_inspect",
            _("Device %(serial)s is %(condition)s; only a device in quarantine or repair is inspected.")
            % {"serial": device.serial, "condition": in_sentence(device.get_condition_display())},
        )


def report_lost(rental: Rental, *, reason: str, at: datetime, actor: User) -> Rental:
    """The device is gone: hire is charged until now, its reservations go elsewhere, or are at risk."""
    return write_off(
        rental,
        "report_lost",
        to=State.LOST,
        condition=Device.Condition.LOST,
        reason=reason,
        at=at,
        actor=actor,
    )


def report_kept(rental: Rental, *, reason: str, at: datetime, actor: User, price: Decimal | None = None) -> Rental:
    """The patient keeps the device (bought, or deemed bought): it leaves the fleet as sold.

    With a `price` (AUD, beside the hire) it is charged at once; without one, what is asked for it is charged as fees
    when the rental is settled.
    """
    return write_off(
        rental,
        "report_kept",
        to=State.KEPT,
        condition=Device.Condition.SOLD,
        reason=reason,
        at=at,
        actor=actor,
        price=price,
    )


def write_off(
    rental: Rental,
    verb: str,
    *,
    to: State,
    condition: str,
    reason: str,
    at: datetime,
    actor: User,
    price: Decimal | None = None,
) -> Rental:
    """End an active rental whose device does not come back; `inspect` settles it later."""
    require(rental, verb)
    if not reason.strip():
        raise invalid("reason", _("Write the reason; it stays in the rental's history."))
    with deciding():
        lock_sites([rental.clinic])
        rental, holding = lock_rental(rental)
        require(rental, verb)
        holding, device = held_device(rental, holding)
        close_holding(holding, device, counter=None, at=at, now=at, actor=actor)
        Device.objects.filter(pk=device.pk).update(condition=condition)
        repair(rental.clinic, cause=f"device {device.serial} is {to}", at=at, actor=actor)
        ledger.charge_hire(rental, at, at=at, actor=actor)
        if price is not None:
            charge_purchase(rental, price, at=at, actor=actor)
        move(rental, verb, to=to, at=at, now=at, actor=actor, reason=reason, ended_at=at)
        settle_tasks(rental, OF_THE_HIRE, f"The rental is recorded as {to.value}.", at)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental
