"""The planner: which device each floating reservation of a site should have.

Pure: rows in, plan out (`Site`, `Plan`); nothing here reads the database or a clock of the clinic. A plan is sound
(`is_sound`), and best in the order of `Plan.rank`.
"""

from rentals.booking.planner.greedy import greedy
from rentals.booking.planner.model import Effort, perfected, placed
from rentals.booking.planner.neighbourhood import around, choices, doubt_about, hopeless, moved, unplaced
from rentals.booking.planner.site import Plan, PlannedDevice, Reservation, Site, is_sound

__all__ = ["Plan", "PlannedDevice", "Reservation", "Site", "greedy", "is_sound", "plan"]

SMALL = 2000
"""A site of so many pairs of a reservation and a device is solved whole."""
REPAIRS = ((20, 15), (40, 25))
"""On a large site, first for each reservation without a device: so many near it may move, to so many devices each."""
MOST_PAIRS = 4000
"""Then so many pairs of what has moved or has no device, and the best devices for it."""


def plan(site: Site) -> Plan:
    """The best sound plan that can be found in time (2 s), never worse than the greedy one.

    The greedy plan is returned at once where it can be seen that nothing is better: nothing has to change, or what
    has to does not compete for a device. Otherwise the solver looks, with the greedy plan to start from; on a large
    site not everywhere, but around what is endangered. The answer is the same for the same input, in whatever order
    it is given.
    """
    first = greedy(site)
    doubt = doubt_about(first)
    if doubt is None:
        return first
    best, movable, effort = first, doubt.movable, Effort()
    if not doubt.placing_is_best:
        if len(site.devices) * len(site.reservations) <= SMALL:
            movable = {row.id for row in site.reservations}
        else:
            best = _repaired(first, effort)
            movable = moved(best) | {row.id for row in unplaced(best)}
    movable -= hopeless(first)
    open_choices = choices(best, movable, MOST_PAIRS // max(len(movable), 1))
    best = perfected(best, open_choices, effort, placing_is_best=doubt.placing_is_best)
    return min(first, best, key=lambda found: found.rank)


def _repaired(plan: Plan, effort: Effort) -> Plan:
    """`plan` with room made for one after the other that has no device, leaving a third of the effort."""
    enough = effort.work / 3
    for near, devices in REPAIRS:
        for reservation in unplaced(plan):
            if plan.where[reservation.id] is None and effort.work > enough and effort.seconds:
                open_choices = choices(plan, around(plan, reservation, near), devices)
                plan = min(plan, placed(plan, open_choices, effort), key=lambda found: found.rank)
    return plan
