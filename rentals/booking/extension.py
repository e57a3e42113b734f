"""Another due day for a booking or a hire, and another plan (I1, I2)."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils.translation import gettext as _

from config.days import long_day
from config.models import User
from config.refusals import Refusal, invalid
from devices.models import Device
from patients.access import record_access
from patients.models import Access
from rentals.booking.alternatives import other_devices
from rentals.booking.availability import Need, blocked_days, check_span, clash_with, judged_devices, usable_until
from rentals.booking.book import check_plan, refuse_closed_day
from rentals.booking.capacity import with_capacity
from rentals.booking.change import delivered, need_from_now
from rentals.booking.desk_days import take_places
from rentals.booking.offers import poke_offers
from rentals.booking.replan import let_clash, lock_sites, repair
from rentals.deciding import deciding, lock_rental
from rentals.lifecycle import move, require
from rentals.models import Holding, Rental, StaffTask
from rentals.models.holdings import Delivery
from rentals.staff_tasks import settle_tasks

LOOK_BACK = 14  # days in which an open one is looked for


@dataclass(frozen=True)
class Extension:
    """The due day (local) and the treatments in all that a rental shall have."""

    due_on: date
    treatments: int


@dataclass(frozen=True)
class Extended:
    """The rental as it is now, and the reservations that were put on another device to make room for it."""

    rental: Rental
    moved: list[Rental] = field(default_factory=list)


def extend(
    rental: Rental, *, due_on: date, at: datetime, actor: User, planned_treatments: int | None = None
) -> Extended:
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


def extend_alone(rental: Rental, wish: Extension, *, at: datetime, actor: User) -> Extended:
    """Extend on the device that the rental has, where nobody is in the way."""
    with deciding():
        take_places(rental.clinic, {"due_on": wish.due_on}, at, rental)
        rental, holding = lock_rental(rental)
        require(rental, "extend")
        if holding:
            refuse_what_is_in_the_way(rental, holding, wish, at)
            stretch(rental, holding, wish)
        write_extension(rental, wish, at=at, actor=actor)
    return Extended(rental)


def extend_and_repair(rental: Rental, wish: Extension, refusal: Refusal, *, at: datetime, actor: User) -> Extended:
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
        repaired = repair(rental.clinic, cause=f"rental {rental.reference} was extended", at=at, actor=actor)
        # What a manager has promised already may stay too much; it becomes no more.
        if repaired.at_risk or free_on_device_of(rental) < min(before, 0):
            raise refusal
    return Extended(rental, repaired.moved)


def free_on_device_of(rental: Rental) -> int:
    """What the rental's device has left beyond its promises, in treatments; 0 where nobody knows, or it has none."""
    device: Any = with_capacity(Device.objects.filter(holdings__rental=rental, holdings__live=True))
    return device.values_list("free_treatments", flat=True).first() or 0


def write_extension(rental: Rental, wish: Extension, *, at: datetime, actor: User) -> None:
    if wish.due_on < rental.due_on or wish.treatments < rental.planned_treatments:
        poke_offers(rental.clinic_id)
    move(
        rental,
        "extend",
        at=at,
        now=at,
        actor=actor,
        due_on=wish.due_on,
        planned_treatments=wish.treatments,
        # What was said of the return before holds no more when the device is kept for longer.
        return_expected_at=None if wish.due_on > rental.due_on else rental.return_expected_at,
    )
    settle_tasks(rental, [StaffTask.Kind.EXTENSION], "The due day was changed.", at)
    record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)


def check_new_due_day(rental: Rental, due_on: date, at: datetime) -> None:
    if due_on < rental.clinic.day_of(at):
        raise invalid("due_on", _("The new due day must not lie in the past."))
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


def more_treatments(rental: Rental, holding: Holding, treatments: int) -> int:
    """How many more the rental needs for a course of `treatments`; what it had beyond its plan is not asked again."""
    had = delivered(holding)
    return max(treatments - had, 0) - max(rental.planned_treatments - had, 0)


def refuse_unusable(device: Device, need: Need, at: datetime) -> None:
    """Raise `device_unavailable` where `device` may not stay with the patient until then: recalled, or past its shelf
    life or service."""
    last_day = usable_until(device)
    if device.condition == Device.Condition.RECALLED:
        text = _("Device %(serial)s was recalled; swap it for another one first.") % {"serial": device.serial}
    elif last_day and last_day < need.with_patient[1]:
        text = _("Device %(serial)s may be used until %(last_day)s; choose a day before, or swap it.")
        text %= {"serial": device.serial, "last_day": long_day(last_day)}
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
            _(
                "Device %(serial)s is booked for rental %(reference)s from %(starts_on)s; choose an earlier "
                "due day, or swap to another device."
            )
            % {"serial": device.serial, "reference": clash["reference"], "starts_on": clash["starts_on"]},
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
        words = (
            _("Device %(serial)s has %(free)s free treatments, %(more)s more are asked; plan fewer, or swap later.")
            if free is not None
            else _(
                "Device %(serial)s has an unknown number of free treatments, %(more)s more are asked; plan fewer, or "
                "swap later."
            )
        )
        raise Refusal(
            "capacity_exceeded",
            words % {"serial": device.serial, "free": free, "more": more},
            field="planned_treatments",
            conflict={"free_treatments": free},
            alternatives=[other for other in other_devices(need, at) if other["device"]["id"] != device.pk],
        )
