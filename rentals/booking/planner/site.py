"""What the planner is asked, what it answers, and which answers are sound and which is better.

Days are ordinals (`date.toordinal()`) of the clinic's local days, spans half-open; capacities are in treatments.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, slots=True)
class PlannedDevice:
    """A device that reservations may float to."""

    id: int
    free: int | None
    """Treatments left for floating reservations, after what is out or pinned on it; may be negative; None: unknown."""
    free_at_pace: int | None
    """The same if those out go on at their observed pace, at most `free`; bounds only what is newly moved onto it."""
    busy: tuple[tuple[int, int], ...]
    """Half-open spans of days taken by what cannot be moved."""
    turnaround: int
    """Days added after a reservation's last day."""
    usable_until: int | None
    """The last day on which it may still be with a patient (shelf or service date)."""
    reusable: bool
    patients: frozenset[int]
    """Who had it, has it, or holds it pinned; says something only of a device that is not reusable (I3)."""
    nominal: int
    """Its size in treatments, to break ties."""
    idle_rank: int
    """0 = idle longest."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation that may still change its device."""

    id: int
    patient: int
    device: int | None
    """Where it is now; None = at risk."""
    first_day: int
    last_day: int
    """Both inclusive, courier days in them, turnaround not."""
    treatments: int
    accepts_unknown: bool
    """Whether it may be on a device of unknown capacity."""
    kept: tuple[int, int] | None = None
    """The half-open span of days for which it blocks the device where it is now; None = as any other."""

    def span_on(self, device: PlannedDevice) -> tuple[int, int]:
        """The half-open span of days that it blocks `device`."""
        if self.kept and device.id == self.device:
            return self.kept
        return self.first_day, self.last_day + device.turnaround + 1

    def moves_to(self, device: int | None) -> bool:
        """Whether `device` is another than it had; being placed or losing its place is no move."""
        return None not in (self.device, device) and self.device != device


@dataclass(frozen=True)
class Site:
    """One site's devices and floating reservations, in the order of their ids however they were given."""

    devices: tuple[PlannedDevice, ...]
    reservations: tuple[Reservation, ...]
    _alone: dict[int, list[PlannedDevice]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("devices", "reservations"):
            object.__setattr__(self, name, tuple(sorted(getattr(self, name), key=lambda row: row.id)))

    @cached_property
    def device(self) -> dict[int, PlannedDevice]:
        return {device.id: device for device in self.devices}

    @cached_property
    def position(self) -> dict[int, int]:
        """Each device's place in the order of ids."""
        return {device.id: place for place, device in enumerate(self.devices)}

    def devices_for(self, reservation: Reservation) -> list[PlannedDevice]:
        """The devices that would do if nothing else floated; looked up once, as it is asked again and again."""
        if reservation.id not in self._alone:
            fitting = [device for device in self.devices if carries_soundly(device, [reservation])]
            self._alone[reservation.id] = fitting
        return self._alone[reservation.id]

    @cached_property
    def unknown_cost(self) -> int:
        """What a reservation on a device of unknown capacity counts as stranding: one more than any known one can."""
        return 1 + max([0, *(device.free for device in self.devices if device.free is not None)])


@dataclass(frozen=True)
class Plan:
    """Where each reservation of a site goes."""

    site: Site = field(repr=False)
    where: dict[int, int | None]
    """Reservation id → device id, or None: at risk."""

    @cached_property
    def carried(self) -> dict[int, list[Reservation]]:
        """Device id → what the plan puts on it."""
        return carried_by(self.site.reservations, self.where)

    @cached_property
    def unplaced(self) -> int:
        """How many reservations have no device."""
        return sum(device is None for device in self.where.values())

    @cached_property
    def moves(self) -> int:
        """How many reservations go from one device to another."""
        return sum(reservation.moves_to(self.where[reservation.id]) for reservation in self.site.reservations)

    @cached_property
    def stranded(self) -> int:
        """Treatments left over on the devices that carry a reservation.

        The smallest sufficient device strands the least, so the large ones stay whole for long courses; over a whole
        plan the sum also says that a device opened already is better used up than another one opened. Where the
        capacity is unknown, each reservation counts one more than the largest known one, so such devices come last.
        """
        return sum(stranded_on(self.site, self.site.device[device], rest) for device, rest in self.carried.items())

    @cached_property
    def rank(self) -> tuple[int, ...]:
        """What makes a plan better, most important first; the smaller is better.

        Unplaced; their starts (the later they start together, the more time to repair it by hand); moves; stranded;
        then, to settle ties, the sizes of the devices, how lately they were used, and their ids.
        """
        starts = sum(row.first_day for row in self.site.reservations if self.where[row.id] is None)
        on = [self.site.device[device] for device in self.where.values() if device is not None]
        return (
            self.unplaced,
            -starts,
            self.moves,
            self.stranded,
            sum(device.nominal for device in on),
            sum(device.idle_rank for device in on),
            sum(self.site.position[device.id] for device in on),
        )


def carried_by(reservations: Iterable[Reservation], where: Mapping[int, int | None]) -> dict[int, list[Reservation]]:
    """Device id → those of `reservations` that `where` puts on it; a device that carries none answers with none."""
    carried = defaultdict[int, list[Reservation]](list)
    for reservation in reservations:
        device = where[reservation.id]
        if device is not None:
            carried[device].append(reservation)
    return carried


def stranded_on(site: Site, device: PlannedDevice, carried: Collection[Reservation]) -> int:
    """What `Plan.stranded` counts for one device that carries something."""
    if device.free is None:
        return site.unknown_cost * len(carried)
    return device.free - sum(reservation.treatments for reservation in carried) if carried else 0


def is_sound(site: Site, where: Mapping[int, int | None]) -> bool:
    """Whether `where` names each reservation once, on devices of the site that carry soundly what they get."""
    if where.keys() != {reservation.id for reservation in site.reservations}:
        return False
    carried = carried_by(site.reservations, where)
    return carried.keys() <= site.device.keys() and all(
        carries_soundly(site.device[device], rows) for device, rows in carried.items()
    )


def carries_soundly(device: PlannedDevice, carried: Collection[Reservation]) -> bool:
    """Whether all of `carried` can be on `device` together; what is sound stays so when some of it goes."""
    return not carried or (
        _has_enough(device, carried)
        and _is_usable(device, carried)
        and _may_serve(device, carried)
        and _without_overlap(device, carried)
    )


def _has_enough(device: PlannedDevice, carried: Collection[Reservation]) -> bool:
    """I2. What is on it already may count on the plan of those who are out; a newcomer has to count on their pace."""
    if device.free is None:
        return all(row.accepts_unknown for row in carried)
    enough, needed = device.free, 0
    for row in carried:
        needed += row.treatments
        if row.device != device.id and device.free_at_pace is not None:
            enough = min(device.free, device.free_at_pace)
    return needed <= enough


def _is_usable(device: PlannedDevice, carried: Collection[Reservation]) -> bool:
    """Every last day lies within its shelf life and service."""
    return device.usable_until is None or all(row.last_day <= device.usable_until for row in carried)


def _may_serve(device: PlannedDevice, carried: Collection[Reservation]) -> bool:
    """I3. One that is not reusable serves whom it served before, and one patient only."""
    if device.reusable:
        return True
    patients = {row.patient for row in carried}
    return len(patients) == 1 and (not device.patients or patients <= device.patients)


def _without_overlap(device: PlannedDevice, carried: Collection[Reservation]) -> bool:
    """I1. No day twice, neither among them nor with what cannot be moved."""
    free_from = 0
    for start, end in sorted([row.span_on(device) for row in carried]):
        if start < free_from or any(start < taken_end and taken < end for taken, taken_end in device.busy):
            return False
        free_from = end
    return True
