"""The plan that is always at hand: keep what can stay, then place the rest where it fits best."""

from collections.abc import Mapping, Sequence

from rentals.booking.planner.site import (
    Plan,
    PlannedDevice,
    Reservation,
    Site,
    carried_by,
    carries_soundly,
    stranded_on,
)


def greedy(site: Site) -> Plan:
    """A sound plan at once: each reservation stays where it soundly can, the rest goes where it fits best.

    Earliest start first in both, so that what finds no place is what can best wait.
    """
    where = {reservation.id: None for reservation in site.reservations} | _kept(site)
    carried = carried_by(site.reservations, where)
    for reservation in _earliest_first(site.reservations):
        if where[reservation.id] is None:
            fitting = fitting_devices(site, carried, reservation)
            if fitting:
                where[reservation.id] = fitting[0].id
                carried[fitting[0].id].append(reservation)
    return Plan(site, where)


def _kept(site: Site) -> dict[int, int | None]:
    """The reservations that can stay on their devices."""
    kept: dict[int, int | None] = {}
    staying: dict[int, list[Reservation]] = {device.id: [] for device in site.devices}
    for reservation in _earliest_first(site.reservations):
        if reservation.device in staying:
            rows = staying[reservation.device]
            if carries_soundly(site.device[reservation.device], [*rows, reservation]):
                rows.append(reservation)
                kept[reservation.id] = reservation.device
    return kept


def _earliest_first(reservations: Sequence[Reservation]) -> list[Reservation]:
    return sorted(reservations, key=lambda row: (row.first_day, row.id))


def fitting_devices(
    site: Site, carried: Mapping[int, list[Reservation]], reservation: Reservation
) -> list[PlannedDevice]:
    """The devices that can take `reservation` beside what they carry, best first, in the order of `Plan.rank`."""
    fitting = [
        device
        for device in site.devices_for(reservation)
        if carries_soundly(device, [*carried[device.id], reservation])
    ]

    def badness(device: PlannedDevice) -> tuple[bool, int, int, int, int]:
        before = carried[device.id]
        strands = stranded_on(site, device, [*before, reservation]) - stranded_on(site, device, before)
        return reservation.moves_to(device.id), strands, device.nominal, device.idle_rank, device.id

    return sorted(fitting, key=badness)
