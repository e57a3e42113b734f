"""What a cell says: days in the usual ways (day first), whole numbers with spaces, telephone numbers as text.

Each reader takes a cell and the local day of today, and raises `Wrong` with what to do about it.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from config.limits import FIRST_DAY, LAST_DAY
from config.words import grouped
from devices.models import Device
from devices.readings import LARGEST_COUNTER

Reader = Callable[[Any, date], Any]

FIRST_DAY_OF_EXCEL = date(1899, 12, 30)  # as it counts from March 1900 on
SERIAL_DAYS = range(367, 80_000)  # 1901 to 2119: fewer may be anything
NUMERIC_DAY = re.compile(r"(\d{1,4})[/.\-\s]+(\d{1,2})[/.\-\s]+(\d{1,4})(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
NAMED_DAY = re.compile(
    r"(?:[a-z]{3,9},?\s+)?(\d{1,2})(?:st|nd|rd|th)?[\s\-./]+([a-z]{3,9})\.?,?[\s\-./]+(\d{4}|\d{2})", re.I
)
NAMED_MONTH_FIRST = re.compile(r"([a-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})", re.I)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
YES, NO = {"yes", "y", "true", "1", "x", "ja"}, {"no", "n", "false", "0", "nein"}
CONDITIONS = {
    **{value: value for value in Device.Condition.values},
    "ok": "ready",
    "available": "ready",
    "in stock": "ready",
    "in service": "ready",
    "out": "ready",  # with a patient: that is what its rental says
    "on loan": "ready",
    "hired out": "ready",
    "broken": "repair",
    "in repair": "repair",
    "being repaired": "repair",
    "to inspect": "quarantine",
    "missing": "lost",
    "withdrawn": "retired",
    "scrapped": "retired",
}


class Wrong(Exception):
    """A cell that cannot be what its column says, and what to do about it."""


def text(longest: int) -> Reader:
    """A text of at most so many characters, on one line; a number is written as it is shown."""

    def read(cell: Any, today: date) -> str:
        words = " ".join(plain(cell).split())
        if len(words) > longest:
            raise Wrong(
                _("has %(number)s characters; write at most %(longest)s") % {"number": len(words), "longest": longest}
            )
        if not words.isprintable():
            raise Wrong(_("holds signs that cannot be printed; write it anew"))
        return words

    return read


def plain(cell: Any) -> str:
    """A cell as text: 408017701.0 of a spreadsheet is 408017701."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def phone(cell: Any, today: date) -> str:
    """A telephone number; of one kept as a number the 0 at its beginning was lost."""
    number = text(40)(cell, today)
    if not isinstance(cell, str) and len(number) == 9:
        number = f"0{number}"
    if sum(sign.isdigit() for sign in number) < 4 and number:
        raise Wrong(_("is no telephone number; correct it, or leave it empty"))
    return number


def email(cell: Any, today: date) -> str:
    address = text(254)(cell, today)
    try:
        validate_email(address)
    except ValidationError:
        raise Wrong(_("is no e-mail address; correct it, or leave it empty")) from None
    return address


def whole(least: int, most: int) -> Reader:
    """A whole number in these bounds, however its thousands are parted."""

    def read(cell: Any, today: date) -> int:
        written = plain(cell).replace(" ", "").replace("'", "")
        if re.fullmatch(r"\d{1,3}(?:[,.]\d{3})+", written):
            written = written.replace(",", "").replace(".", "")
        if not re.fullmatch(r"\d{1,9}", written):
            raise Wrong(_("is no whole number; write digits only"))
        if not least <= int(written) <= most:
            raise Wrong(_("is not from %(least)s to %(most)s; correct it") % {"least": least, "most": grouped(most)})
        return int(written)

    return read


counter = whole(0, LARGEST_COUNTER)


def yes_or_no(cell: Any, today: date) -> bool:
    word = plain(cell).lower()
    if word not in YES | NO:
        raise Wrong(_("is neither yes nor no; write one of them"))
    return word in YES


def condition(cell: Any, today: date) -> str:
    word = plain(cell).lower()
    if word not in CONDITIONS:
        raise Wrong(
            _("is no condition; write one of %(conditions)s") % {"conditions": ", ".join(Device.Condition.values)}
        )
    return str(CONDITIONS[word])


def day(cell: Any, today: date) -> date:
    """A day as a spreadsheet has it, as ISO writes it, with the day first, or with the month's name.

    A year of two digits is the one of the last hundred years or of the next ten.
    """
    found = day_of_cell(cell, today)
    if not FIRST_DAY.year < found.year <= LAST_DAY.year:
        raise Wrong(_("is a day of the year %(year)s; correct the year") % {"year": found.year})
    return found


def day_of_cell(cell: Any, today: date) -> date:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    written = plain(cell)
    if re.fullmatch(r"\d{3,5}(?:\.\d+)?", written) and int(float(written)) in SERIAL_DAYS:
        return FIRST_DAY_OF_EXCEL + timedelta(days=int(float(written)))
    try:
        return written_day(written, today)
    except ValueError:
        raise Wrong(_("is no day; write it as in 31/01/2026, with the day first")) from None


def written_day(written: str, today: date) -> date:
    """Raises ValueError for what is none."""
    if found := NUMERIC_DAY.fullmatch(written):
        first, month, last = found.groups()
        if len(first) == 4:
            return date(int(first), int(month), int(last))
        if int(month) > 12 >= int(first):
            raise Wrong(_("has no month %(month)s: the day is written first, as in 31/01/2026") % {"month": month})
        return date(full_year(last, today), int(month), int(first))
    if found := NAMED_DAY.fullmatch(written):
        return date(full_year(found[3], today), month_named(found[2]), int(found[1]))
    if found := NAMED_MONTH_FIRST.fullmatch(written):
        return date(int(found[3]), month_named(found[1]), int(found[2]))
    raise ValueError(written)


def full_year(written: str, today: date) -> int:
    """A year of two digits in full, at most ten years ahead."""
    if len(written) == 4:
        return int(written)
    if len(written) != 2:
        raise ValueError(written)
    year = today.year // 100 * 100 + int(written)
    return year - 100 if year > today.year + 10 else year


def month_named(name: str) -> int:
    return MONTHS.index(name[:3].lower()) + 1


def could_be_month_first(cell: Any) -> bool:
    """Whether a written day would be another one for somebody who writes the month first."""
    found = NUMERIC_DAY.fullmatch(cell) if isinstance(cell, str) else None
    return bool(found and len(found[1]) < 4 and int(found[1]) <= 12 and int(found[1]) != int(found[2]) <= 12)
