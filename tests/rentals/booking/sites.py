"""Random sites for the planner: small ones with every kind of trouble, large ones as a clinic has them."""

from collections import Counter
from dataclasses import replace
from itertools import cycle, islice
from random import Random

from rentals.booking.planner import PlannedDevice, Reservation, Site

TODAY = 740_000


def small_site(rng: Random) -> Site:
    """2 to 5 devices, 2 to 7 reservations on any of them or none, mostly not where they could stay."""
    poor = rng.random() < 0.5
    devices = tuple(_any_device(rng, number, poor=poor) for number in range(1, rng.randint(2, 5) + 1))
    places = [device.id for device in devices] * 3 + [None, None, 999]  # 999: a device that left the site
    reservations = tuple(
        _any_reservation(rng, 100 + number, rng.choice(places), most=70 if poor else 40)
        for number in range(rng.randint(2, 7))
    )
    return Site(devices, reservations)


def _any_device(rng: Random, number: int, *, poor: bool) -> PlannedDevice:
    """A device with whatever a device can have; a poor one may have been promised to more than it can serve."""
    free = None if rng.random() < 0.1 else rng.randint(*((-20, 120) if poor else (60, 220)))
    out = [(TODAY - 9, TODAY + rng.randint(1, 25))] if rng.random() < 0.5 else []
    pinned = [(TODAY + 30, TODAY + 30 + rng.randint(3, 10))] if rng.random() < 0.15 else []
    return PlannedDevice(
        id=number,
        free=free,
        free_at_pace=None if free is None else free - rng.choice([0, 0, 10, 40]),
        busy=tuple(out + pinned),
        turnaround=rng.choice([0, 1, 2]),
        usable_until=TODAY + rng.randint(15, 50) if rng.random() < 0.2 else None,
        reusable=rng.random() < 0.75,
        patients=frozenset(rng.sample(range(1, 6), rng.choice([0, 0, 1, 1, 2]))),
        nominal=rng.choice([64, 150, 343]),
        idle_rank=rng.randint(0, 5),
    )


def _any_reservation(rng: Random, number: int, device: int | None, *, most: int) -> Reservation:
    first = TODAY + rng.randint(0, 40)
    return Reservation(
        id=number,
        patient=rng.randint(1, 5),
        device=device,
        first_day=first,
        last_day=first + rng.randint(3, 14),
        treatments=rng.randint(0, most),
        accepts_unknown=rng.random() < 0.4,
    )


def running_site(rng: Random, *, devices: int, reservations: int, troubles: int, crowded: bool = False) -> Site:
    """A site as it runs, every reservation in order, until so many devices come back late, run low or expire.

    A crowded one has a reservation early on nearly every device, and little capacity to spare.
    """
    fleet: list[PlannedDevice] = []
    rows: list[Reservation] = []
    numbers = range(1, devices + 1)
    carriers = Counter(islice(cycle(numbers), reservations) if crowded else rng.choices(numbers, k=reservations))
    for number in numbers:
        device = _running_device(rng, number)
        courses = _courses(rng, device, carriers[number], first_id=1000 + len(rows))
        free = sum(row.treatments for row in courses) + rng.randint(0, 80 if crowded else 120)
        fleet.append(replace(device, free=free, free_at_pace=free - rng.choice([0, 0, 10])))
        rows += courses
    for place in rng.sample(range(devices), troubles):
        fleet[place] = _in_trouble(rng, fleet[place])
    return Site(tuple(fleet), tuple(rows))


def _running_device(rng: Random, number: int) -> PlannedDevice:
    """A device that comes back some day."""
    return PlannedDevice(
        id=number,
        free=None,
        free_at_pace=None,
        busy=((TODAY - 20, TODAY + rng.randint(0, 40)),),
        turnaround=1,
        usable_until=None,
        reusable=True,
        patients=frozenset(),
        nominal=rng.choice([150, 343]),
        idle_rank=number,
    )


def _courses(rng: Random, device: PlannedDevice, count: int, *, first_id: int) -> list[Reservation]:
    """So many courses on `device`, one after the other, one treatment a day, each of another patient."""
    rows: list[Reservation] = []
    day = device.busy[0][1]
    for number in range(first_id, first_id + count):
        first = day + rng.randint(0, 12)
        last = first + rng.randint(20, 60)
        rows.append(Reservation(number, number, device.id, first, last, last - first, rng.random() < 0.2))
        day = last + device.turnaround + 1
    return rows


def _in_trouble(rng: Random, device: PlannedDevice) -> PlannedDevice:
    """`device` when it is overdue, has been used faster than planned, or reaches its service date."""
    late = device.busy[0][1] + rng.randint(12, 30)
    return rng.choice(
        [
            replace(device, busy=((TODAY - 20, late),)),
            replace(device, free=(device.free or 0) - 90, free_at_pace=(device.free or 0) - 90),
            replace(device, usable_until=TODAY + 60),
        ]
    )
