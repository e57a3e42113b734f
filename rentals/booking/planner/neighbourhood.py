"""Which reservations to ask the solver about, and where each of them may go; all others stay where a plan has them.

The fewer, the sooner the answer: the site's devices are locked meanwhile.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from rentals.booking.planner.greedy import fitting_devices
from rentals.booking.planner.site import Plan, PlannedDevice, Reservation, carried_by, carries_soundly

Choices = list[tuple[Reservation, list[PlannedDevice]]]
"""What may move, and where to; each is sound beside what stays."""


@dataclass(frozen=True)
class Doubt:
    """What of a greedy plan may not be the best yet."""

    movable: set[int]
    """The reservations that have left their devices, or share a device with one of which another could leave."""
    placing_is_best: bool
    """No plan leaves fewer unplaced, or later ones, or moves fewer: only where the movable ones go is in doubt."""


def doubt_about(plan: Plan) -> Doubt | None:
    """What the greedy `plan` leaves in doubt; None: no plan is better.

    Some reservations must leave their devices whatever the others do, and some of them have no other to go to
    (hopeless). If the plan places all but the hopeless, and moves beyond those that must leave at most one from each
    device on which the rest cannot be together, then no plan is better in what is unplaced or in moves, and each that
    is as good leaves the reservations of all other devices alone: then only the few that are movable can matter. If
    moreover none had to be chosen to leave, each that leaves may have its best device already.
    """
    site = plan.site
    loose = [row for row in site.reservations if row.device is None or plan.where[row.id] != row.device]
    gone = {row.id for row in loose}
    chosen = [row.device for row in loose if row.device in {device.id for device in site.devices_for(row)}]
    movable = {row.id for row in site.reservations if row.id in gone or row.device in chosen} - hopeless(plan)
    placing_is_best = plan.unplaced == len(hopeless(plan)) and len(chosen) == len(set(chosen))
    if placing_is_best and not chosen and _each_has_its_best(plan, movable):
        return None
    return Doubt(movable, placing_is_best)


def hopeless(plan: Plan) -> set[int]:
    """The reservations without a device for which none would do even if nothing else floated."""
    return {row.id for row in unplaced(plan) if not plan.site.devices_for(row)}


def unplaced(plan: Plan) -> list[Reservation]:
    """The reservations without a device, earliest start first."""
    without = [row for row in plan.site.reservations if plan.where[row.id] is None]
    return sorted(without, key=lambda row: (row.first_day, row.id))


def moved(plan: Plan) -> set[int]:
    """The reservations that are not where they were."""
    return {row.id for row in plan.site.reservations if plan.where[row.id] != row.device}


def _each_has_its_best(plan: Plan, movable: set[int]) -> bool:
    """Whether each of `movable` is where it would be best if it were the only one, and that is best for all together.

    It is if no two may go to the same device. Otherwise, to share one that was not in use could strand less; not so
    if each has one in use anyway, or none of known capacity fits it.
    """
    open_choices = choices(plan, movable, len(plan.site.devices))
    devices = [device.id for _, fitting in open_choices for device in fitting]
    if len(devices) == len(set(devices)):
        return True
    used = {plan.where[row.id] for row in plan.site.reservations if row.id not in movable}
    best = [fitting[0] for _, fitting in open_choices]
    at_best = all(plan.where[row.id] == fitting[0].id for row, fitting in open_choices)
    return at_best and all(device.id in used or device.free is None for device in best)


def around(plan: Plan, reservation: Reservation, most: int) -> set[int]:
    """`reservation` and at most so many in all of those in its way, on the devices where the fewest are."""
    movable = {reservation.id}
    for obstacles in sorted(_obstacles(plan, reservation), key=len):
        if len(movable | obstacles) <= most:
            movable |= obstacles
    return movable


def _obstacles(plan: Plan, reservation: Reservation) -> Iterator[set[int]]:
    """For each device that would do if nothing else floated: who has to leave it (those on the same days, or all)."""
    for device in plan.site.devices_for(reservation):
        start, end = reservation.span_on(device)
        carried = plan.carried[device.id]
        staying = [row for row in carried if row.span_on(device)[1] <= start or end <= row.span_on(device)[0]]
        enough = carries_soundly(device, [*staying, reservation])
        yield {row.id for row in carried if not enough or row not in staying}


def choices(plan: Plan, movable: Collection[int], most: int) -> Choices:
    """Where each of `movable` may go beside what stays: the best devices, so many at most, and where `plan` has it."""
    site = plan.site
    staying = carried_by((row for row in site.reservations if row.id not in movable), plan.where)
    found: Choices = []
    for row in site.reservations:
        if row.id in movable:
            fitting = fitting_devices(site, staying, row)
            found.append(
                (row, fitting[:most] + [device for device in fitting[most:] if device.id == plan.where[row.id]])
            )
    return found
