"""How papers write text, days, moments and money: strings only, so that all that is printed can be kept as it was."""

import unicodedata
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from config.models import Clinic

# What papers are written in, whoever makes them: the same facts are the same words and the same digest.
LANGUAGE = "en"
# They turn the order of what stands around them about: a name must not make another line read differently.
DIRECTION_MARKS = {*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
FILE_MARK = "\ufeff"  # comes along when a text is pasted; no PDF of our standard may hold it
LEFT_OUT = DIRECTION_MARKS | {FILE_MARK}


def line(text: str) -> str:
    """Free text on one line: what cannot be seen becomes a space, or nothing where it only turns directions or marks
    the begin of a file."""
    seen = "".join(
        " " if unicodedata.category(one) in {"Cc", "Zl", "Zp"} else one for one in text if one not in LEFT_OUT
    )
    return " ".join(seen.split())


def lines(text: str) -> list[str]:
    """Free text as its lines, without the empty ones."""
    return [shown for one in text.splitlines() if (shown := line(one))]


def paragraphs(text: str) -> list[str]:
    """Free text as paragraphs, which empty lines part; lines inside one stay lines."""
    parts: Iterable[str] = "\n".join(line(one) for one in text.splitlines()).split("\n\n")
    return [part.strip("\n") for part in parts if part.strip()]


def day(value: date) -> str:
    """A local day: `Monday 2 March 2026`."""
    return f"{value:%A %-d %B %Y}"


def moment(value: datetime, clinic: Clinic) -> str:
    """A moment by the clinic's clock, its zone named: `2 March 2026, 14:05 AEDT`."""
    return f"{value.astimezone(clinic.zone):%-d %B %Y, %H:%M %Z}"


def money(amount: Decimal) -> str:
    """An amount in AUD, a negative one with its sign before the dollar."""
    return f"\u2212${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"


def counted(number: int, one: str, several: str = "") -> str:
    """A number with its noun: `1 week`, `2 weeks`."""
    return f"{number} {one if number == 1 else several or one + 's'}"
