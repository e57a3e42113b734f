"""The read-outs of a device for its page about its clock: how far it was off, and what was done about it."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from config.models import Clinic
from devices.models import Device, ReadOut
from rentals.models import ClockRuling, Treatment

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


MOST_SHOWN = 50
WAYS = {
    Treatment.Method.NONE: gettext_lazy("taken for the clinic's time"),
    Treatment.Method.CONSTANT: gettext_lazy("as far off as at the read-out"),
    Treatment.Method.DRIFT: gettext_lazy("between two read-outs, drift spread evenly"),
    Treatment.Method.STEP: gettext_lazy("where the log shows that the clock was set"),
    Treatment.Method.RULED: gettext_lazy("as a person said"),
}


@dataclass
class Seen:
    """One read-out: how far its clock was off in words, its treatments by what was done, and a person's last word."""

    read_out: ReadOut
    off: str
    ways: "list[tuple[StrOrPromise, int]]" = field(default_factory=list)
    ruling: ClockRuling | None = None


def read_outs_seen(device: Device, clinic: Clinic) -> list[Seen]:
    """The last read-outs of `device`, newest first, in three queries."""
    read_outs = list(ReadOut.objects.filter(device=device).order_by("-read_out_at", "-pk")[:MOST_SHOWN])
    rulings = {
        ruling.read_out_id: ruling
        for ruling in ClockRuling.objects.filter(read_out__in=read_outs).select_related("by").order_by("at", "pk")
    }
    ways: defaultdict[int, list[tuple[StrOrPromise, int]]] = defaultdict(list)
    counted = Treatment.objects.filter(device=device, read_out__in=read_outs).values_list("read_out", "method")
    for read_out, method, number in counted.annotate(number=Count("pk")).order_by("method"):
        ways[read_out].append((WAYS[Treatment.Method(method)], number))
    return [
        Seen(read_out, off_in_words(read_out, clinic), ways[read_out.pk], rulings.get(read_out.pk))
        for read_out in read_outs
    ]


def off_in_words(read_out: ReadOut, clinic: Clinic) -> str:
    """How far the clock was ahead of or behind the clinic's standard time: a device knows no summer time."""
    if read_out.device_clock is None:
        return _("not seen")
    there = read_out.read_out_at.astimezone(clinic.zone)
    offsets = [datetime(there.year, month, 1, tzinfo=clinic.zone).utcoffset() or timedelta() for month in (1, 7)]
    ahead = read_out.device_clock - read_out.read_out_at.astimezone(UTC).replace(tzinfo=None) - min(offsets)
    if abs(ahead) < timedelta(minutes=1):
        return pgettext("a clock", "right")
    if abs(read_out.device_clock - there.replace(tzinfo=None)) < timedelta(minutes=1):
        return _("right, on summer time")
    words = _("%(time)s ahead") if ahead > timedelta() else _("%(time)s behind")
    return words % {"time": long(abs(ahead))}


def long(time: timedelta) -> str:
    """A length of time to the minute: `31 days 2 h`, `1 h 30 min`."""
    minutes = round(time.total_seconds() / 60)
    days, hours = minutes // 1440, minutes % 1440 // 60
    parts = [
        ngettext("%(days)s day", "%(days)s days", days) % {"days": days} if days else "",
        f"{hours} h" if hours else "",
        f"{minutes % 60} min" if minutes % 60 else "",
    ]
    return " ".join(part for part in parts if part)
