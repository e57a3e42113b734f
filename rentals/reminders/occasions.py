"""The names of occasions: what a reminder is about, and how many days before or after it.

`2026-11-30+3` is three days after that day, `terms-2+1` one day after what version 2 of the terms asks for, `entry-17`
about the ledger entry 17. A new day (or bottle, or card) has a name of its own, so it starts its own series (I8).
"""

import re

from rentals.models import Reminder

NAMED = re.compile(r"(\d{4}-\d\d-\d\d|[a-z]+(?:-\d+)?)([+-]\d+)?")
NUMBERED = re.compile(r"(?:entry|allowance|supply|terms)-(\d+)")


def suffix(days: int) -> str:
    """What follows the anchor in an occasion: nothing on that day, `-1` the day before, `+3` three days after."""
    return f"{days:+d}" if days else ""


def is_about(reminder: Reminder, key: str) -> bool:
    """Whether the occasion's days are counted from what `key` names."""
    return re.fullmatch(re.escape(key) + r"([+-]\d+)?", reminder.occasion) is not None


def anchor_and_days(occasion: str) -> tuple[str, int]:
    """What names the anchor in the occasion's name, and how many days after it (negative: before it)."""
    found = NAMED.fullmatch(occasion)
    return (found[1], int(found[2] or 0)) if found else (occasion, 0)


def number_in(reminder: Reminder) -> int:
    """The number that the occasion names: of the ledger entry, the gel supply or the allowance (their ids), or of the
    version of the terms."""
    found = NUMBERED.match(reminder.occasion)
    if not found:
        raise ValueError(f"the occasion {reminder.occasion} names no number")
    return int(found[1])
