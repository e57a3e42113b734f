"""Changes of settings, as a page tells them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from config.models import Clinic
from config.row_history import Change
from rentals.reminders.texts.occasion import clock_words
from rentals.templatetags.desk import day, local


@dataclass(frozen=True)
class ChangeInWords:
    """When, who, what was done, and each value with what stood there before and since."""

    at: datetime
    who: str
    title: str
    lines: list[tuple[str, str, str]]
    is_new: bool


def in_words(change: Change, title: str, labels: Mapping[str, str], site: Clinic) -> ChangeInWords:
    """`change` under the heading `title`; moments by the clock of `site`. Of a new row only what it has is told."""
    is_new = change.deed == "insert"
    told = [one for one in change.columns if not (is_new and one[2] in (None, ""))]
    lines = [(labels[name], value_in_words(old, site), value_in_words(new, site)) for name, old, new in told]
    return ChangeInWords(change.at, change.who or "nobody signed in", title, lines, is_new)


def value_in_words(value: Any, site: Clinic) -> str:
    """A value of a column as a person would say it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return local(value, site)
    if isinstance(value, date):
        return day(value)
    if isinstance(value, time):
        return clock_words(value)
    return "nothing" if value in (None, "") else str(value)
