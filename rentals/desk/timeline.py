"""A site's devices over eight weeks: a row each, with what its rentals leave of it, and who has it when."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange, DateTimeTZRange
from django.utils.translation import gettext as _

from config.models import Clinic
from devices.models import Device, Transfer
from rentals.booking.capacity import needed_treatments
from rentals.desk.bars import (
    DAY,
    WEEKS,
    Part,
    Window,
    between,
    ended_parts,
    idle_parts,
    left_of,
    parts_of,
    transfer_parts,
)
from rentals.models import Holding

# Nobody gets these any more: a row is shown only for what still stands in it.
GONE = (Device.Condition.LOST, Device.Condition.SOLD, Device.Condition.RETIRED)
DAYS = 7 * WEEKS


@dataclass(frozen=True)
class Cell:
    """So many days of a row, the first of them `begins` days after the window's, in which stands `part` or nothing."""

    begins: int
    days: int
    part: Part | None
    words: str
    cut: str = ""  # where the part goes on beyond the window, as a class of the styles


Lane = list[Cell]


@dataclass(frozen=True)
class Row:
    """A device; None for a reservation without one. What overlaps (somebody is late) lies in lanes below each other."""

    device: Any
    lanes: list[Lane]
    reference: str = ""


@dataclass(frozen=True)
class Day:
    date: date
    why_closed: str
    is_today: bool


@dataclass(frozen=True)
class Timeline:
    """Eight weeks of a site: reservations without a device first, then its devices by model."""

    window: Window
    days: list[Day]
    at_risk: list[Row]
    models: list[tuple[str, list[Row]]]

    @property
    def weeks(self) -> list[date]:
        """The Mondays."""
        return [day.date for day in self.days[::7]]


def timeline_of(clinic: Clinic, day: date, at: datetime) -> Timeline:
    """The eight weeks from the Monday of the week that holds the local `day`, as they look at the moment `at`.

    Makes a fixed number of queries.
    """
    window = Window(clinic, day - timedelta(days=day.weekday()), clinic.day_of(at))
    live, ended = by_device(live_holdings(clinic)), by_device(ended_holdings(window))
    transfers = by_device(transfers_to(window))
    rows = [row_of(device, live, ended, transfers, window) for device in devices_of(clinic)]
    shown = [row for row in rows if row.device.condition not in GONE or has_bars(row)]
    return Timeline(
        window,
        days_of(window),
        [row for holding in live[None] if has_bars(row := row_at_risk(holding, window))],
        [(str(model), list(group)) for model, group in groupby(shown, key=lambda row: row.device.model)],
    )


def days_of(window: Window) -> list[Day]:
    days = (window.first + number * DAY for number in range(DAYS))
    return [Day(day, window.clinic.why_closed(day), day == window.today) for day in days]


def devices_of(clinic: Clinic) -> Iterable[Any]:
    devices = Device.objects.filter(clinic=clinic).select_related("model").with_counters()
    return devices.order_by("model__name", "model", "serial", "pk")


def live_holdings(clinic: Clinic) -> Iterable[Any]:
    """All of them, the first first: what a device has left depends on those before the window too."""
    holdings = Holding.objects.filter(live=True, rental__clinic=clinic).annotate(needed=needed_treatments())
    return holdings.select_related("rental", "device__model").order_by("blocked", "pk")


def ended_holdings(window: Window) -> Iterable[Any]:
    """Those that were out on one of the days shown."""
    moments = DateTimeTZRange(window.clinic.start_of(window.first), window.clinic.start_of(window.last + DAY))
    holdings = Holding.objects.filter(live=False, out__overlap=moments, rental__clinic=window.clinic)
    return holdings.select_related("rental").order_by("out", "pk")


def transfers_to(window: Window) -> Iterable[Any]:
    """Those that are on their way here on one of the days shown."""
    days = DateRange(window.first, window.last + DAY)
    transfers = Transfer.objects.filter(to_clinic=window.clinic, away__overlap=days)
    return transfers.select_related("from_clinic").order_by("away", "pk")


def by_device(rows: Iterable[Any]) -> dict[int | None, list[Any]]:
    found = defaultdict[int | None, list[Any]](list)
    for row in rows:
        found[row.device_id].append(row)
    return found


Rows = dict[int | None, list[Any]]


def row_of(device: Any, live: Rows, ended: Rows, transfers: Rows, window: Window) -> Row:
    """The row of `device`: its live rentals one after the other, each with what those before it leave."""
    stays = [ended_parts(holding, window) for holding in ended[device.pk]]
    stays += [transfer_parts(transfer) for transfer in transfers[device.pk]]
    now = device.remaining_treatments
    for holding in live[device.pk]:
        left = left_of(device, holding, now, window)
        stays.append(parts_of(holding, left, window))
        now = left and left.after
    idle = idle_parts(device, window)
    return Row(device, [cells_of([*idle, *lane], window) for lane in lanes_of(stays, window)])


def row_at_risk(holding: Any, window: Window) -> Row:
    """The row of a reservation that has no device."""
    return Row(None, [cells_of(parts_of(holding, None, window), window)], holding.rental.reference)


def has_bars(row: Row) -> bool:
    return any(cell.part and cell.part.bar for lane in row.lanes for cell in lane)


def lanes_of(stays: Sequence[list[Part]], window: Window) -> list[list[Part]]:
    """The parts in as few lanes as they need to lie beside each other; one where there are none."""
    lanes: list[list[Part]] = [[]]
    for stay in sorted(stays, key=lambda parts: parts[0].first):
        if window.shows(stay[0].first, stay[-1].last):
            free = next((lane for lane in lanes if not lane or lane[-1].last < stay[0].first), None)
            if free is None:
                lanes.append(free := [])
            free += stay
    return lanes


def cells_of(parts: Iterable[Part], window: Window) -> Lane:
    """The days of the window in a row; of parts that overlap the later one is seen."""
    days: list[Part | None] = [None] * DAYS
    for part in parts:
        for number in range(max(window.number(part.first), 0), min(window.number(part.last) + 1, DAYS)):
            days[number] = part
    cells: Lane = []
    begins = 0
    for _same, group in groupby(days, key=id):
        same = list(group)
        cells.append(cell_of(same[0], begins, len(same), window))
        begins += len(same)
    return cells


def cell_of(part: Part | None, begins: int, days: int, window: Window) -> Cell:
    if part:
        cut = f"{' cut-before' if part.first < window.first else ''}{' cut-after' if part.last > window.last else ''}"
        return Cell(begins, days, part, part.words, cut)
    first, last = window.first + begins * DAY, window.first + (begins + days - 1) * DAY
    free = _("free %(days)s") % {"days": between(first, last)}
    return Cell(begins, days, None, free if last >= window.today else _("nobody"))
