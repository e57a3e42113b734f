"""Changes of settings, as a page tells them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.days import clock_words
from config.models import Clinic, Closure, OpeningHours
from config.row_history import Change, changes_of
from rentals.desk.forms.settings import PANELS, WEEKDAYS
from rentals.templatetags.desk import day, local

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


SETTINGS = {setting.name: setting.label for panel in PANELS for setting in panel.settings}
HOURS = {"opens": gettext_lazy("Opens at"), "closes": gettext_lazy("Closes at")}
DAYS = {"first_day": gettext_lazy("First day"), "last_day": gettext_lazy("Last day"), "reason": gettext_lazy("Why")}


@dataclass(frozen=True)
class ChangeInWords:
    """When, who, what was done, and each value with what stood there before and since."""

    at: datetime
    who: str
    title: str
    lines: "list[tuple[StrOrPromise, str, str]]"
    is_new: bool


def in_words(change: Change, title: str, labels: "Mapping[str, StrOrPromise]", site: Clinic) -> ChangeInWords:
    """`change` under the heading `title`; moments by the clock of `site`. Of a new row only what it has is told."""
    is_new = change.deed == "insert"
    told = [one for one in change.columns if not (is_new and one[2] in (None, ""))]
    lines = [(labels[name], value_in_words(old, site), value_in_words(new, site)) for name, old, new in told]
    return ChangeInWords(change.at, change.who or _("nobody signed in"), title, lines, is_new)


def value_in_words(value: Any, site: Clinic) -> str:
    """A value of a column as a person would say it."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, datetime):
        return local(value, site)
    if isinstance(value, date):
        return day(value)
    if isinstance(value, time):
        return clock_words(value)
    return _("nothing") if value in (None, "") else str(value)


def changes_of_site(site: Clinic, most: int) -> list[ChangeInWords]:
    """The latest `most` changes of the settings, hours and closures of `site`, the newest first."""
    settings = changes_of(Clinic, tuple(SETTINGS), most=most, pgh_obj=site)
    hours = changes_of(OpeningHours, tuple(HOURS), most=most, clinic=site)
    closures = changes_of(Closure, tuple(DAYS), most=most, clinic=site)
    told = [
        *(
            in_words(one, _("Site opened") if one.deed == "insert" else _("Settings"), SETTINGS, site)
            for one in settings
        ),
        *(in_words(one, hours_title(one), HOURS, site) for one in hours),
        *(in_words(one, closure_title(one), DAYS, site) for one in closures),
    ]
    return sorted(told, key=lambda one: one.at, reverse=True)[:most]


def hours_title(change: Change) -> str:
    """Which weekday it is about."""
    name = WEEKDAYS[change.row.weekday]
    closed, hours = _("%(weekday)s: closed from now on"), _("Hours of %(weekday)s")
    return (closed if change.deed == "delete" else hours) % {"weekday": name}


def closure_title(change: Change) -> str:
    """Which closure it is about, and what was done with it."""
    deed = {"insert": _("Closure added"), "update": _("Closure changed"), "delete": _("Closure removed")}[change.deed]
    return deed if change.deed == "insert" else f"{deed}: {day(change.row.first_day)}, {change.row.reason}"
