"""What one value of a record may be. Nothing is guessed: a value has the one right form, or is refused by name."""

import re
from datetime import date, datetime
from functools import lru_cache

OUTCOMES = ("completed", "stopped", "fault")
MOST_TREATMENTS = 1_000_000  # of one counter; a device delivers some hundreds
LONGEST_SESSION = 24 * 3600
LONGEST_CODE = 20
LONGEST_SERIAL = 40

DEVICE_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}")
TRUE_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})"
)
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

# What spreadsheets make of dates, times without seconds and long numbers.
SPREADSHEET = re.compile(
    r"[0-9]{1,4}[/.][0-9]{1,2}[/.][0-9]{1,4}.*|[0-9]{1,2}-[0-9]{1,2}-[0-9]{2,4}.*|[0-9-]{10}[ T][0-9]{1,2}:[0-9]{2}"
    r"|[0-9]+([.,][0-9]+)?[eE][+][0-9]+"
)
SPREADSHEET_DID_IT = " A spreadsheet seems to have rewritten it; send the file as it was exported, unopened."
CANNOT_BE_READ = "\ufffd"  # what decoding puts for bytes that are no character


class BadRecord(Exception):
    """Why one record cannot be taken."""


def shown(text: str) -> str:
    """The beginning of `text`, harmless in a sentence."""
    beginning = "".join(character if character.isprintable() else "?" for character in text[:40])
    return f"“{beginning}”" if beginning else "(empty)"


def not_right(name: str, text: str, what: str, example: object) -> BadRecord:
    """A refusal of `text` in the column `name`: what it is not, and an example of what is right."""
    spoilt = SPREADSHEET_DID_IT if SPREADSHEET.fullmatch(text[:40]) else ""
    return BadRecord(f"{name} {shown(text)} is {what}; write it like {example}.{spoilt}")


@lru_cache(maxsize=4096)
def whole(name: str, text: str, most: int, example: int) -> int:
    """Kept from call to call: the same lengths and numbers come again and again."""
    if text.isascii() and text.isdigit() and len(text) < 10 and (value := int(text)) <= most:
        return value
    raise not_right(name, text, f"not a whole number between 0 and {most}", example)


def treatment_number(text: str) -> int:
    """The device's own number of a treatment. Raises BadRecord, as all here do."""
    number = whole("n", text, MOST_TREATMENTS, 12)
    if not number:
        raise BadRecord("n counts from 1.")
    return number


def device_time(name: str, text: str) -> datetime:
    """A time as the device showed it."""
    value = parsed(text) if DEVICE_TIME.fullmatch(text) else None
    if value is None or not 1970 <= value.year <= 2100:
        raise not_right(name, text, "no time", "2026-01-31 18:05:00")
    return value


def true_moment(name: str, text: str) -> datetime:
    """A moment with its offset from UTC."""
    value = parsed(text) if TRUE_MOMENT.fullmatch(text) else None
    if value is None or not 1970 <= value.year <= 2100:
        raise not_right(name, text, "no time with its offset", "2026-01-31T18:05:00+11:00")
    return value


def parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def day(name: str, text: str) -> date:
    """A day of the device's calendar."""
    try:
        value = date.fromisoformat(text) if DATE.fullmatch(text) else None
    except ValueError:
        value = None
    if value is None or not 1970 <= value.year <= 2100:
        raise not_right(name, text, "no date", "2026-01-31")
    return value


def label(name: str, text: str, example: str) -> str:
    """A serial or part number: as it is printed on the device, neither cut nor rewritten."""
    if len(text) > LONGEST_SERIAL or not readable(text) or text != text.strip() or SPREADSHEET.fullmatch(text):
        raise not_right(name, text, "none", example)
    return text


def code(text: str) -> str:
    """A device's own code of what happened."""
    if len(text) > LONGEST_CODE or not readable(text):
        raise not_right("code", text, "no code", "E12")
    return text


def outcome(text: str) -> str:
    """How a session ended."""
    if text not in OUTCOMES:
        raise BadRecord(f"outcome {shown(text)} is none of {', '.join(OUTCOMES)}.")
    return text


def readable(text: str) -> bool:
    """Whether each character is one that people see, and none was lost in decoding."""
    return text.isprintable() and CANNOT_BE_READ not in text
