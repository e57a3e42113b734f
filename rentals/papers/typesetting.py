"""Facts into a PDF: A4, tagged (PDF/UA-1), the same bytes for the same facts. What is said is data, never markup."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import typst

TEMPLATES = Path(__file__).parent
STANDARD: Literal["ua-1"] = "ua-1"  # which asks for a title, a language, tags, and a glyph for each character
# Which the fonts inside typst have: letters up to this one, and what our own words and amounts are written with.
LAST_COMMON = 0x24F
COMMON_MARKS = {*"\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u2212"}  # dashes, quotation marks, dots, minus
ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")


def typeset(template: str, facts: dict[str, Any], at: datetime) -> bytes:
    """The PDF of `template` with `facts`; `at` is the moment it bears as its date, in whole seconds.

    Characters for which this computer has no font are printed as their numbers, [U+738B] say: nothing is left out.
    Where that does not help, because only together they cannot be drawn, all unusual ones are.
    """
    path = TEMPLATES / f"{template}.typ"
    try:
        return run(path, facts, at)
    except typst.TypstError as error:
        unknown = named_in(error)
    try:
        return run(path, numbered(facts, unknown.__contains__), at)
    except typst.TypstError:
        return run(path, numbered(facts, is_unusual), at)


def run(template: Path, facts: Any, at: datetime) -> bytes:
    made_at = at.astimezone(UTC).replace(microsecond=0)  # a PDF keeps whole seconds
    inputs = {"facts": json.dumps(facts)}
    return typst.compile(template, sys_inputs=inputs, timestamp=made_at, pdf_standards=[STANDARD])


def named_in(error: typst.TypstError) -> set[str]:
    """The unusual characters that typst names, as they are or as \\u{738b}, when it says what it cannot draw."""
    words = ESCAPED.sub(lambda found: chr(int(found[1], 16)), error.diagnostic)
    return {one for one in words if is_unusual(one)}


def is_unusual(character: str) -> bool:
    return ord(character) > LAST_COMMON and character not in COMMON_MARKS


def numbered(facts: Any, is_unknown: Callable[[str], bool]) -> Any:
    """`facts` with the characters that are unknown written as numbers."""
    if isinstance(facts, str):
        return "".join(f"[U+{ord(one):04X}]" if is_unknown(one) else one for one in facts)
    if isinstance(facts, dict):
        return {name: numbered(value, is_unknown) for name, value in facts.items()}
    if isinstance(facts, list):
        return [numbered(value, is_unknown) for value in facts]
    return facts
