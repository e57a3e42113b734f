"""The bars of the timeline: the days of a rental on a device, what the device has left along them; in words too."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from config.days import day_of_year
from config.models import Clinic
from config.words import in_sentence
from devices.models import Device, Transfer
from rentals.booking.availability import turnaround_of, usable_until
from rentals.booking.present import planned_back
from rentals.models.holdings import Delivery
from rentals.models.states import State

WEEKS = 8
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """The local days of `clinic` that are shown: eight weeks from the Monday `first`, seen on the day `today`."""

    clinic: Clinic
    first: date
    today: date

    @property
    def last(self) -> date:
        return self.first + timedelta(weeks=WEEKS) - DAY

    def number(self, day: date) -> int:
        """How many days after the first one `day` lies."""
        return (day - self.first).days

    def shows(self, first: date, last: date) -> bool:
        """Whether any day from `first` to `last` is shown."""
        return first <= self.last and last >= self.first


@dataclass(frozen=True)
class Left:
    """Treatments of `nominal` that a device has left by plan: before and after a rental, and by day along it."""

    nominal: int
    before: int
    after: int
    levels: tuple[tuple[date, int], ...]

    def outline(self, window: Window) -> str:
        """The share that is left as the path of a shape that runs down: x in days of the window, y from 0 to 100."""
        line = "L".join(f"{window.number(day)} {self.height(treatments)}" for day, treatments in self.levels)
        return f"M{line}V100H{window.number(self.levels[0][0])}Z"

    def height(self, treatments: int) -> int:
        """How far below the top the level stands, in hundredths of the bar."""
        share = min(max(treatments / self.nominal, 0), 1) if self.nominal else 0
        return round(100 - 100 * share)


@dataclass(frozen=True)
class Bar:
    """What the bar of a rental shows beside its days; the main one of a live rental can be led to."""

    reference: str
    left: Left | None = None
    outline: str = ""
    main: bool = False
    movable: bool = False
    pinned: bool = False


@dataclass(frozen=True)
class Part:
    """Local days, both ends included, that mean one thing: its kind (a class of the styles), in full, and in short."""

    first: date
    last: date
    kind: str
    words: str
    label: str = ""
    bar: Bar | None = None


def left_of(device: Any, holding: Any, now: int | None, window: Window) -> Left | None:
    """What `device` has left along a live rental that finds `now` treatments; None where nobody knows.

    One that is out began with more, and stands at `now` today.
    """
    if now is None:
        return None
    after = now - holding.needed
    begins, ends = first_day_of(holding), holding.rental.due_on + DAY
    if not holding.out:
        return Left(nominal_of(device), now, after, ((begins, now), (ends, after)))
    before = now + device.used_treatments - holding.used_out
    today = min(max(window.today, begins), ends)
    return Left(nominal_of(device), before, after, ((begins, before), (today, now), (ends, after)))


def nominal_of(device: Any) -> int:
    """The treatments that the device's present unit or card was made for."""
    return device.remaining_treatments + device.used_treatments


def first_day_of(holding: Any) -> date:
    """The day on which the patient gets this device: the rental's start, or after a swap the day of the swap."""
    return max(holding.rental.starts_on, holding.blocked.lower)


def last_day_of(holding: Any, window: Window) -> date:
    """The day on which the device is expected back."""
    return planned_back(holding.rental, window.today)


def parts_of(holding: Any, left: Left | None, window: Window) -> list[Part]:
    """The days of a live holding: the way there, the rental, how late it is, the way back, the turnaround."""
    first, after = first_day_of(holding), parts_after(holding, window)
    bar = Part(
        first,
        last_day_of(holding, window),
        kind_of(holding),
        said_of(holding, left, after, window),
        label_of(holding, window) if holding.device_id else label_at_risk(holding),
        bar_of(holding, left, window),
    )
    there = Part(holding.blocked.lower, first - DAY, "way", _("on its way there"))
    return [part for part in (there, bar, *after) if part.first <= part.last]


def parts_after(holding: Any, window: Window) -> list[Part]:
    """What follows the due day of a live holding, until somebody else can have the device."""
    due, end, late = last_day_of(holding, window), holding.blocked.upper - DAY, is_late(holding, window)
    travel = window.clinic.courier_days if holding.delivery == Delivery.COURIER else 0
    back = window.today if late else due + timedelta(days=travel)
    home = max(back, end - timedelta(days=turnaround_of(holding.device, window.clinic)))
    bar = Bar(holding.rental.reference)
    parts = (
        Part(due + DAY, back, "late", _("overdue"), _("overdue"), bar)
        if late
        else Part(due + DAY, back, "way", _("on its way back")),
        Part(back + DAY, home, "presumed", _("presumed away"), _("presumed away"), bar),
        Part(home + DAY, end, "turnaround", _("turnaround")),
    )
    return [part for part in parts if part.first <= part.last]


def is_late(holding: Any, window: Window) -> bool:
    return holding.rental.state == State.ACTIVE and holding.rental.due_on < window.today


def kind_of(holding: Any) -> str:
    if holding.device_id is None:
        return "risk"
    if holding.out:
        return "out"
    return "offered" if holding.rental.offer_expires_at else "reserved"


def bar_of(holding: Any, left: Left | None, window: Window) -> Bar:
    rental = holding.rental
    return Bar(
        rental.reference,
        left,
        left.outline(window) if left else "",
        main=True,
        movable=rental.state == State.RESERVED,
        pinned=rental.pinned,
    )


def label_of(holding: Any, window: Window) -> str:
    """What is to be seen at once of a live rental."""
    if holding.device_id is None:
        return _("at risk")
    if holding.rental.offer_expires_at:
        return _("offered")
    if holding.out:
        return days_late((window.today - holding.rental.due_on).days) if is_late(holding, window) else _("out")
    return _("not collected") if holding.rental.starts_on < window.today else _("reserved")


def label_at_risk(holding: Any) -> str:
    return _("at risk, needs %(treatments)s treatments") % {"treatments": holding.needed}


def days_late(days: int) -> str:
    return ngettext("%(days)s day late", "%(days)s days late", days) % {"days": days}


def said_of(holding: Any, left: Left | None, after: list[Part], window: Window) -> str:
    """A live bar in words: `Rental K7M2Q4XA reserved 2 to 30 March, then 1 day turnaround; 343 treatments left …`."""
    rental = holding.rental
    facts = {
        "reference": rental.reference,
        "state": label_of(holding, window),
        "days": between(first_day_of(holding), rental.due_on),
    }
    words = [_("Rental %(reference)s %(state)s %(days)s") % facts]
    if rental.offer_expires_at:
        ends = rental.offer_expires_at.astimezone(window.clinic.zone)
        words.append(_("until %(day)s, %(clock)s") % {"day": day_of_year(ends.date()), "clock": f"{ends:%H:%M}"})
    if rental.pinned:
        words.append(_("pinned"))
    words += [then(part) for part in after]
    return f"{', '.join(words)}; {figures_of(holding, left)}"


def then(part: Part) -> str:
    days = (part.last - part.first).days + 1
    words = ngettext("then %(days)s day %(what)s", "then %(days)s days %(what)s", days)
    return words % {"days": days, "what": part.words}


def figures_of(holding: Any, left: Left | None) -> str:
    if holding.device_id is None:
        return _("it has no device and needs %(treatments)s treatments") % {"treatments": holding.needed}
    if left is None:
        return _("nobody knows what is left")
    return _("%(before)s treatments left before, %(after)s after") % {"before": left.before, "after": left.after}


def ended_parts(holding: Any, window: Window) -> list[Part]:
    """The days on which a device was out with a rental that has given it back."""
    reference = holding.rental.reference
    first, last = window.clinic.day_of(holding.out.lower), window.clinic.day_of(holding.out.upper)
    words = _("Rental %(reference)s had it %(days)s") % {"reference": reference, "days": between(first, last)}
    return [Part(first, last, "ended", words, bar=Bar(reference))]


def transfer_parts(transfer: Transfer) -> list[Part]:
    """The days of a device's way from another site, the day of arrival included."""
    first, last = transfer.away.lower, transfer.away.upper - DAY
    facts = {"site": transfer.from_clinic, "days": between(first, last)}
    words = _("on its way from %(site)s %(days)s") % facts
    return [Part(first, last, "transfer", words, _("from %(site)s") % facts)]


def idle_parts(device: Device, window: Window) -> list[Part]:
    """The days on which nobody can have the device, whatever is booked: what is done to it, the end of its life."""
    days = []
    if device.condition == Device.Condition.QUARANTINE:
        until = window.today + timedelta(days=turnaround_of(device, window.clinic))
        days.append((window.today, until, _("to inspect")))
    elif device.condition != Device.Condition.READY:
        days.append((window.today, window.last, in_sentence(device.get_condition_display())))
    if last_day := usable_until(device):
        days.append((last_day + DAY, window.last, end_of(device)))
    return [Part(first, last, "idle", why, why) for first, last, why in days]


def end_of(device: Device) -> str:
    """Why the device cannot be had any longer, where it is known on which day."""
    return _("shelf life over") if usable_until(device) == device.shelf_until else _("service due")


def between(first: date, last: date) -> str:
    """Both days in words: `2 to 30 March`, `30 March to 6 April`."""
    facts = {"day": first.day, "first": day_of_year(first), "last": day_of_year(last)}
    if (first.year, first.month) == (last.year, last.month):
        return pgettext("two days of one month, as 2 to 30 March", "%(day)s to %(last)s") % facts
    return _("%(first)s to %(last)s") % facts
