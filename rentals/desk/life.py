"""A device's life in one picture: who had it, when nobody could, what it delivered and what was used up of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Prefetch
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.days import long_day, month_words
from config.models import Clinic
from devices.models import (
    Allowance,
    ConditionChange,
    Device,
    DeviceQuerySet,
    Expense,
    Inspection,
    Reading,
    Recall,
    Transfer,
)
from rentals.models import Holding, Move
from rentals.reconciliation.sql import rows

LEFT, RIGHT = 8, 952  # of the picture, in its own units
WEEKS_TOP, WEEKS_BOTTOM = 76, 126
USED_TOP, USED_BOTTOM = 150, 226
SHORTEST = timedelta(weeks=8)
MOST_TICKS = 8
WEEK = timedelta(weeks=1)
Condition = Device.Condition
WITH_WHO: dict[str, Any] = {
    "inspections": Inspection,
    "condition_changes": ConditionChange,
    "recalls": Recall,
    "expenses": Expense,
}
ENDED_AS = {"report_lost": Condition.LOST, "report_kept": Condition.SOLD}

WEEKLY = """
    SELECT date_bin('7 days', started_corrected, %(begins)s) AS week, count(*) FROM rentals_treatment
    WHERE device_id = %(device)s AND seconds > 0 AND started_corrected >= %(begins)s GROUP BY week ORDER BY week"""


@dataclass(frozen=True)
class Bar:
    """A span of the picture: where, in which tone of the styles, and the words for it."""

    x: float
    width: float
    words: str
    tone: str = ""
    reference: str = ""
    y: float = 0
    height: float = 0


@dataclass(frozen=True)
class Life:
    """The picture, in the units of an SVG, and the words beside it."""

    first_day: date
    ticks: list[tuple[float, str]]
    out: list[Bar]
    unready: list[Bar]
    weeks: list[Bar]
    most_a_week: int
    used: list[str]  # points of a line for each allowance
    nominal: list[str]
    most_used: int
    words: str


@dataclass(frozen=True)
class Scale:
    """From moments to places in the picture."""

    begins: datetime
    ends: datetime

    def x(self, moment: datetime) -> float:
        share = (min(max(moment, self.begins), self.ends) - self.begins) / (self.ends - self.begins)
        return round(LEFT + (RIGHT - LEFT) * share, 1)

    def bar(self, first: datetime, last: datetime | None, words: str, **more: Any) -> Bar:
        """From `first` to `last` (None: still), wide enough to be seen."""
        x = self.x(first)
        return Bar(x=x, width=max(round(self.x(last or self.ends) - x, 1), 2), words=words, **more)


def with_its_life(devices: DeviceQuerySet) -> DeviceQuerySet:
    """`devices`, each with all that picture and story are made of, in seven queries however many."""
    holdings = Holding.objects.select_related("rental__patient").order_by("-blocked", "-pk")
    transfers = Transfer.objects.select_related("from_clinic", "to_clinic", "by")
    return devices.prefetch_related(
        Prefetch("holdings", holdings),
        "allowances",
        Prefetch("transfers", transfers),
        *(Prefetch(name, model.objects.select_related("by")) for name, model in WITH_WHO.items()),
    )


def handed_over(device: Device) -> list[Holding]:
    """Those of its holdings that went out, the first to go out first."""
    return sorted((one for one in device.holdings.all() if one.out), key=lambda one: one.out.lower)


def life_of(device: Device, at: datetime) -> Life:
    """The picture of `device` (one of `with_its_life`) from its first sign of life to the moment `at`, in three more
    queries."""
    clinic = device.clinic
    holdings, allowances = handed_over(device), list(device.allowances.all())
    begins = min([device.created_at, at - SHORTEST, *(holding.out.lower for holding in holdings)])
    scale = Scale(begins, at)
    weeks = rows(WEEKLY, {"device": device.pk, "begins": begins})
    most_a_week = max((count for _week, count in weeks), default=0)
    used = used_lines(device, allowances, scale)
    return Life(
        first_day=clinic.day_of(begins),
        ticks=ticks(scale, clinic),
        out=[out_bar(holding, scale, clinic) for holding in holdings],
        unready=list(unready_bars(device, holdings, scale, clinic)),
        weeks=[week_bar(week, count, most_a_week, scale, clinic) for week, count in weeks],
        most_a_week=most_a_week,
        used=used.lines,
        nominal=used.nominal,
        most_used=used.most,
        words=in_words(holdings, sum(count for _week, count in weeks), allowances),
    )


def in_words(holdings: Sequence[Holding], treatments: int, allowances: Sequence[Allowance]) -> str:
    hires = len({holding.rental_id for holding in holdings})
    said = (
        ngettext("%(number)s hire", "%(number)s hires", hires) % {"number": hires},
        ngettext("%(number)s logged treatment", "%(number)s logged treatments", treatments) % {"number": treatments},
        ngettext("%(number)s allowance", "%(number)s allowances", len(allowances)) % {"number": len(allowances)},
    )
    return f"{', '.join(said)}."


def ticks(scale: Scale, clinic: Clinic) -> list[tuple[float, str]]:
    """The first days of so many months that their names fit."""
    first, last = clinic.day_of(scale.begins), clinic.day_of(scale.ends)
    months = (last.year - first.year) * 12 + last.month - first.month
    step = max(1, -(-months // MOST_TICKS))
    named = [month_after(first, number) for number in range(1, months + 1, step)]
    return [(scale.x(clinic.start_of(day)), month_words(day)) for day in named]


def month_after(day: date, number: int) -> date:
    month = day.month - 1 + number
    return date(day.year + month // 12, month % 12 + 1, 1)


def out_bar(holding: Holding, scale: Scale, clinic: Clinic) -> Bar:
    first, back = holding.out.lower, holding.out.upper
    words = _("%(reference)s: %(first)s to %(last)s") % {
        "reference": holding.rental.reference,
        "first": long_day(clinic.day_of(first)),
        "last": long_day(clinic.day_of(back)) if back else _("now"),
    }
    return scale.bar(first, back, words, tone="out", reference=holding.rental.reference)


def unready_bars(device: Device, holdings: Iterable[Holding], scale: Scale, clinic: Clinic) -> Iterator[Bar]:
    """When it was not ready, and why: what each event left it as, until the next one."""
    events = sorted(conditions(device, holdings), key=lambda event: event[0])
    for (at, condition), (until, _next) in zip(events, [*events[1:], (None, "")], strict=False):
        if condition != Condition.READY:
            since = {"condition": Condition(condition).label, "day": long_day(clinic.day_of(at))}
            yield scale.bar(at, until, _("%(condition)s from %(day)s") % since, tone=condition)


def conditions(device: Device, holdings: Iterable[Holding]) -> Iterator[tuple[datetime, str]]:
    """Each moment at which its condition was said or follows, with the condition."""
    for holding in holdings:
        if holding.out.upper:
            yield holding.out.upper, Condition.QUARANTINE
    for inspection in device.inspections.all():
        yield inspection.at, Condition.READY if inspection.passed else Condition.REPAIR
    for change in device.condition_changes.all():
        yield change.at, change.after
    ended = Move.objects.filter(rental__in=[holding.rental_id for holding in holdings], verb__in=ENDED_AS)
    last = {holding.rental_id: holding.out.upper for holding in holdings}
    for move in ended:
        if last[move.rental_id]:
            yield max(move.at, last[move.rental_id]), ENDED_AS[move.verb]


def week_bar(week: datetime, count: int, most: int, scale: Scale, clinic: Clinic) -> Bar:
    height = round((WEEKS_BOTTOM - WEEKS_TOP) * count / most, 1)
    words = ngettext("Week from %(day)s: %(count)s treatment", "Week from %(day)s: %(count)s treatments", count)
    words %= {"day": long_day(clinic.day_of(week)), "count": count}
    return scale.bar(week, week + WEEK, words, y=WEEKS_BOTTOM - height, height=height)


@dataclass(frozen=True)
class Used:
    """Lines of what was used of each allowance, and of what each may deliver; the highest number among them."""

    lines: list[str]
    nominal: list[str]
    most: int


def used_lines(device: Device, allowances: Sequence[Allowance], scale: Scale) -> Used:
    readings = list(device.readings.filter(trusted=True).order_by("read_at", "pk"))
    places = {allowance.pk: used_of(allowance, readings) for allowance in allowances}
    seen = [used for points in places.values() for _at, used in points]
    most = max([*seen, *(allowance.nominal_treatments or 0 for allowance in allowances), 1])

    def y(used: float) -> float:
        return round(USED_BOTTOM - (USED_BOTTOM - USED_TOP) * max(used, 0) / most, 1)

    def points(line: Iterable[tuple[datetime, int]]) -> str:
        return " ".join(f"{scale.x(at)},{y(used)}" for at, used in line)

    ends = [allowance.began_at for allowance in allowances[1:]] + [scale.ends]
    limits = [
        [(allowance.began_at, allowance.nominal_treatments), (end, allowance.nominal_treatments)]
        for allowance, end in zip(allowances, ends, strict=True)
        if allowance.nominal_treatments
    ]
    return Used([points(line) for line in places.values()], [points(line) for line in limits], most)


def used_of(allowance: Allowance, readings: Iterable[Reading]) -> list[tuple[datetime, int]]:
    """What was used of `allowance` when it began and at each trusted reading of it."""
    seen = [reading for reading in readings if reading.allowance_id == allowance.pk]
    before = allowance.carried_over - allowance.counter_at_start
    return [(allowance.began_at, allowance.carried_over), *((one.read_at, one.counter + before) for one in seen)]
