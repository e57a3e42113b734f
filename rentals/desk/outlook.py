"""When a device runs out, in words and as a small picture."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from config.days import day_of_year, long_day
from devices.models import Device, Reading
from rentals.models import Holding
from rentals.reconciliation.forecast import DAY, Forecast

WIDTH, TOP, BOTTOM = 320, 22, 118  # of the picture: its width, where all treatments are left, where none is
LASTS_RENTAL = {
    "yes": _("Runs out %(span)s, after the rental ends on %(day)s."),
    "probably": _("Runs out %(span)s, so it will probably last until the rental ends on %(day)s."),
    "hardly": _("Runs out %(span)s, so it will probably not last until the rental ends on %(day)s."),
    "no": _("Runs out %(span)s, before the rental ends on %(day)s."),
}
LASTS_RESERVATIONS = {
    "yes": _("What is left then is enough for the %(wanted)s treatments promised to those it is reserved for."),
    "probably": _("What is left then will probably be enough for the %(wanted)s treatments promised to the next."),
    "hardly": _("What is left then will probably be too little for the %(wanted)s treatments promised to the next."),
    "no": _("What is left then is too little for the %(wanted)s treatments promised to the next."),
}


def in_words(forecast: Forecast, today: date) -> str:
    """When it runs out and whether that is in time, in one or two sentences."""
    facts = {"span": span(forecast, today), "day": spoken(forecast.ends_on, today)}
    if forecast.left <= 0:
        said = _("It has no treatment left; the rental ends on %(day)s.")
    elif forecast.rental.due_on < today:
        said = _("Runs out %(span)s; the rental is overdue.")
    elif forecast.earliest is None:
        said = _("It will not run out for years; the rental ends on %(day)s.")
    else:
        said = LASTS_RENTAL[forecast.lasts_rental]
    later = LASTS_RESERVATIONS.get(forecast.lasts_reservations, "")
    return f"{said % facts} {later % {'wanted': forecast.promised_later} if later else ''}".strip()


def span(forecast: Forecast, today: date) -> str:
    """`between 3 and 12 March`: the days between which it runs out in four cases of five."""
    first, last = forecast.earliest, forecast.latest
    if first is None:
        return gettext("in years")
    if last is None:
        return gettext("on %(day)s or later") % {"day": spoken(first, today)}
    if first == last:
        return gettext("on %(day)s") % {"day": spoken(first, today)}
    facts = {"day": first.day, "first": spoken(first, today), "last": spoken(last, today)}
    if (first.year, first.month) == (last.year, last.month):
        return pgettext("two days of one month, as between 2 and 30 March", "between %(day)s and %(last)s") % facts
    return gettext("between %(first)s and %(last)s") % facts


def spoken(day: date, today: date) -> str:
    return day_of_year(day) if day.year == today.year else long_day(day)


@dataclass(frozen=True)
class Picture:
    """Treatments left over time, in the units of an SVG: what was seen, what is to come with its range, the due day."""

    seen: str  # points of a line
    coming: str  # points of the line in the middle
    fan: str  # points of the area of the range
    ends_x: float
    label_x: float  # where the words about the due day stand
    runs_out_x: float
    left: int
    first_day: date
    words: str


def picture(forecast: Forecast, device: Device, today: date) -> Picture:
    """The picture of `forecast`, from the readings since the hand-over on; `device` with its clinic."""
    clinic = device.clinic
    seen = [*left_since_hand_over(forecast, device), (forecast.seen_at, forecast.left)]
    begins = seen[0][0]
    furthest = [day for day in (forecast.latest or forecast.middle, forecast.ends_on) if day]
    ends = max([clinic.start_of(day + DAY) for day in furthest] or [forecast.seen_at]) + DAY
    highest = max([left for _, left in seen] + [1])

    def x(moment: datetime) -> float:
        return round(WIDTH * min((moment - begins) / (ends - begins), 1), 1)

    def y(left: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * max(left, 0) / highest, 1)

    def points(places: Iterable[tuple[datetime, float]]) -> str:
        return " ".join(f"{x(moment)},{y(left)}" for moment, left in places)

    now = (forecast.seen_at, forecast.left)
    empties = [when(forecast, days) for days in forecast.pace.days_for(forecast.left)]
    early, middle, late = ((moment or ends, 0) for moment in empties)
    ends_x = x(clinic.start_of(forecast.ends_on))
    return Picture(
        seen=points(seen),
        coming=points([now, middle]),
        fan=points([now, early, late]),
        ends_x=ends_x,
        label_x=min(max(ends_x, 40), WIDTH - 40),
        runs_out_x=min(max(x(middle[0]), 125), WIDTH - 25),
        left=highest,
        first_day=clinic.day_of(begins),
        words=in_words(forecast, today),
    )


def when(forecast: Forecast, days: float | None) -> datetime | None:
    return None if days is None or days > 10_000 else forecast.seen_at + timedelta(days=days)


def left_since_hand_over(forecast: Forecast, device: Device) -> Sequence[tuple[datetime, int]]:
    """What was left at each trusted reading of the present allowance since the device went out."""
    allowance = device.allowances.latest("number")
    out = Holding.objects.get(device=device, live=True, out__isnull=False).out.lower
    readings = Reading.objects.filter(allowance=allowance, trusted=True, read_at__gte=out).order_by("read_at", "pk")
    whole = (allowance.nominal_treatments or 0) - allowance.carried_over + allowance.counter_at_start
    return [(reading.read_at, whole - reading.counter) for reading in readings]
