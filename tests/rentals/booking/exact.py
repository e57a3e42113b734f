"""The best plan by trying all, to hold the planner against; it shares only the planner's data with it."""

from rentals.booking.planner import PlannedDevice, Reservation, Site

Figures = tuple[int, int, int, int]


def best_figures(site: Site) -> Figures:
    """Of the best sound plan: how many unplaced, the sum of their first days, moves, stranded treatments."""
    unplaced, first_days, moves, stranded = _search(site, len(site.reservations), {}, (0, 0, 0), None)
    return unplaced, -first_days, moves, stranded


def figures(site: Site, where: dict[int, int | None]) -> Figures:
    """The same of the plan `where`."""
    rows = {row.id: row for row in site.reservations}
    without = [rows[number].first_day for number, device in where.items() if device is None]
    moves = sum(device is not None and rows[number].device not in (None, device) for number, device in where.items())
    on = {device.id: [row for row in site.reservations if where[row.id] == device.id] for device in site.devices}
    return len(without), sum(without), moves, _stranded(site, on)


def is_allowed(device: PlannedDevice, rows: list[Reservation]) -> bool:
    """Whether `device` can serve all of `rows`, counted day by day."""
    taken = [day for start, end in device.busy for day in range(start, end)]
    asked = [day for row in rows for day in range(row.first_day, row.last_day + device.turnaround + 1)]
    if len(set(asked)) < len(asked) or set(asked) & set(taken):
        return False
    if device.usable_until is not None and max(row.last_day for row in rows) > device.usable_until:
        return False
    patients = {row.patient for row in rows}
    if not device.reusable and (len(patients) > 1 or (device.patients and patients - device.patients)):
        return False
    if device.free is None:
        return all(row.accepts_unknown for row in rows)
    needed = sum(row.treatments for row in rows)
    has_newcomer = any(row.device != device.id for row in rows)
    return needed <= device.free and not (
        has_newcomer and device.free_at_pace is not None and needed > device.free_at_pace
    )


def _search(site, left, on, cost, best):
    """The best figures of the first `left` reservations beside those `on` devices already, at such a cost.

    The first days count negative, as later is better; one more left out is worse whatever day it adds.
    """
    if best is not None and cost > best[:3]:
        return best
    if left == 0:
        full = (*cost, _stranded(site, on))
        return full if best is None or full < best else best
    row = site.reservations[left - 1]
    for device in sorted(site.devices, key=lambda device: device.id != row.device):
        rows = [*on.get(device.id, []), row]
        if is_allowed(device, rows):
            moved = row.device is not None and row.device != device.id
            best = _search(site, left - 1, on | {device.id: rows}, (cost[0], cost[1], cost[2] + moved), best)
    return _search(site, left - 1, on, (cost[0] + 1, cost[1] - row.first_day, cost[2]), best)


def _stranded(site, on):
    most = max([0] + [device.free for device in site.devices if device.free is not None])
    return sum(
        (most + 1) * len(rows) if device.free is None else device.free - sum(row.treatments for row in rows)
        for device in site.devices
        if (rows := on.get(device.id))
    )
