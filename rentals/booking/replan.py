"""The plan repairs itself: reservations are moved to where they fit, all in one transaction (I1, I2, I11)."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import Q, QuerySet

from config.models import Clinic, User
from config.refusals import Refusal
from devices.models import Device, DeviceQuerySet
from patients.access import record_access
from patients.models import Access
from rentals.booking.capacity import with_capacity
from rentals.booking.planner import plan
from rentals.booking.present import PLANNABLE, Present, away, blocked_days_of, held_until, read_present
from rentals.deciding import deciding, lock_devices
from rentals.lifecycle import record
from rentals.models import Holding, Rental
from rentals.models.states import State

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Repaired:
    """What a repair changed: reservations on another device now, given one again, and without one from now on.

    `ways`: for the id of each such rental the serials from which to which ("" for no device).
    """

    moved: list[Rental] = field(default_factory=list)
    placed: list[Rental] = field(default_factory=list)
    at_risk: list[Rental] = field(default_factory=list)
    ways: dict[int, tuple[str, str]] = field(default_factory=dict)


def replan(clinic: Clinic, *, cause: str, at: datetime, actor: User | None = None) -> Repaired:
    """Repair the plan of `clinic` as it is at the moment `at`; `cause` is written down with each move."""
    with deciding():
        lock_sites([clinic])
        return repair(clinic, cause=cause, at=at, actor=actor)


def mend(at: datetime) -> None:
    """Repair every clinic's plan that reality has overtaken: each night, and whenever asked (I11)."""
    for clinic in Clinic.objects.order_by("pk"):
        if cause := what_is_wrong(clinic, at):
            replan_or_wait(clinic, cause=cause, at=at)


def place_at_risk(clinics: Iterable[Clinic], at: datetime) -> None:
    """Look again for a device for what is at risk at `clinics`: for when one became free."""
    for clinic in clinics:
        if at_risk(clinic.pk).exists():
            replan_or_wait(clinic, cause="a device became free", at=at)


def at_risk(clinic_id: int) -> QuerySet[Holding]:
    """Holdings of the clinic's reservations for which the planner has no device yet."""
    return Holding.objects.filter(live=True, device=None, rental__pinned=False, rental__clinic=clinic_id)


def replan_or_wait(clinic: Clinic, *, cause: str, at: datetime) -> None:
    """Replan, or leave it to the next run: somebody has the clinic's devices, or its rows are at fault, which is no
    reason to leave the other clinics' plans as they are."""
    try:
        replan(clinic, cause=cause, at=at)
    except (Refusal, DatabaseError):
        logger.warning("the plan of clinic %s could not be repaired now", clinic.pk, exc_info=True)


def what_is_wrong(clinic: Clinic, at: datetime) -> str:
    """Why the plan of `clinic` wants repair, or "": seen without a lock, so it may be over when that is had."""
    live = Holding.objects.filter(live=True, rental__clinic=clinic)
    today = clinic.day_of(at)
    expected = Q(rental__healed_on__isnull=False, rental__return_expected_at__isnull=False)
    out = live.filter(Q(rental__due_on__lt=today) | expected, out__isnull=False, device__condition__in=PLANNABLE)
    rows = out.select_related("device__model", "rental__clinic").annotate(held_until=held_until())
    missed = [holding.rental.due_on for holding in rows if away(holding, today) != holding.blocked]
    if any(due_on < today for due_on in missed):
        return "an overdue device is presumed to stay away"
    if missed:
        return "a device did not come back when it was expected"
    to_come = live.filter(out=None, rental__due_on__gte=today)
    promised = to_come.filter(rental__capacity_override="").values("device")
    if has_overpromised(Device.objects.filter(pk__in=promised)):
        return "a device has fewer treatments left than were promised"
    return ""


def has_overpromised(devices: DeviceQuerySet) -> bool:
    """Whether one of `devices` is promised more than it has left (I2)."""
    capacities: Any = with_capacity(devices)
    return capacities.filter(free_treatments__lt=0).exists()


def lock_sites(clinics: Iterable[Clinic]) -> None:
    """Lock all devices of the clinics in id order, then their reservations: what the planner may move."""
    sites = list(clinics)
    lock_devices(Device.objects.filter(clinic__in=sites).values_list("pk", flat=True))
    reservations = Rental.objects.filter(clinic__in=sites, state=State.RESERVED).order_by("pk")
    list(reservations.select_for_update(no_key=True).values_list("pk"))


def repair(clinic: Clinic, *, cause: str, at: datetime, actor: User | None) -> Repaired:
    """Find a device for each reservation of `clinic` that may float, and mark at risk what has none.

    The caller holds the transaction and the locks of `lock_sites`; where it has made two holdings clash, it has said
    `let_clash` before. Raises what the database refuses when the plan does not fit the rows.
    """
    let_clash()
    present = read_present(clinic, at)
    for holding, blocked in present.growing:
        Holding.objects.filter(pk=holding.pk).update(blocked=blocked)
    where = plan(present.site()).where
    repaired = Repaired()
    for holding in present.lost:
        put(holding, None, present, repaired)
    for holding in present.floating:
        put(holding, where[holding.rental_id], present, repaired)
    refuse_clashes()
    write_down(repaired, present, cause=cause, at=at, actor=actor)
    return repaired


def put(holding: Any, device_id: int | None, present: Present, repaired: Repaired) -> None:
    """Write where a reservation goes, and count it among what changed."""
    rental, room = holding.rental, present.rooms.get(device_id or 0)
    blocked = blocked_days_of(holding, room.device if room else None, present.today)
    if (holding.device_id, holding.blocked) == (device_id, blocked):
        return
    Holding.objects.filter(pk=holding.pk).update(device=device_id, blocked=blocked)
    if device_id == holding.device_id:
        return
    if device_id is None:
        repaired.at_risk.append(rental)
    else:
        (repaired.moved if holding.device_id else repaired.placed).append(rental)


def write_down(repaired: Repaired, present: Present, *, cause: str, at: datetime, actor: User | None) -> None:
    """Each move with its cause, and from which device to which."""
    reserved = [*present.floating, *present.lost]
    before = {holding.rental_id: holding.device.serial if holding.device else "" for holding in reserved}
    after = dict(Holding.objects.filter(live=True, rental__in=before).values_list("rental", "device__serial"))
    for rental in [*repaired.moved, *repaired.placed, *repaired.at_risk]:
        old, new = before[rental.pk], after[rental.pk] or ""
        repaired.ways[rental.pk] = old, new
        reason = f"{cause}: from {old or 'no device'} to {new or 'no device'}"
        record(rental, "replan" if new else "at_risk", old=rental.state, at=at, now=at, actor=actor, reason=reason)
    if actor:
        changed = {rental.patient_id for rental in [*repaired.moved, *repaired.placed, *repaired.at_risk]}
        record_access(actor, changed, Access.Action.CHANGED, at)


def let_clash() -> None:
    """Let two holdings block one device until `refuse_clashes`, so that they can be moved one after the other."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS holding_blocks_device_once DEFERRED")


def refuse_clashes() -> None:
    """Have the database check at once what `let_clash` put off."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS holding_blocks_device_once IMMEDIATE")
