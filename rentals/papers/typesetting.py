"""Facts into a PDF: A4, tagged (PDF/UA-1), the same bytes for the same facts. What is said is data, never markup."""

import json
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import typst

TEMPLATES = Path(__file__).parent
STANDARD: Literal["ua-1"] = "ua-1"  # which asks for a title, a language, tags, and a glyph for each character
NOT_DRAWN = "could not be displayed"
# Letters that the fonts inside typst have, so that nobody needs to try them one by one.
LAST_COMMON = 0x24F


def typeset(template: str, facts: dict[str, Any], at: datetime) -> bytes:
    """The PDF of `template` with `facts`; `at` is the moment it bears as its date, in whole seconds.

    Characters for which this computer has no font are printed as their numbers, [U+738B] say: nothing is left out.
    """
    try:
        return run(TEMPLATES / f"{template}.typ", facts, at)
    except typst.TypstError as error:
        if NOT_DRAWN not in str(error):
            raise
    return run(TEMPLATES / f"{template}.typ", drawable(facts), at)


def run(template: Path, facts: Any, at: datetime) -> bytes:
    made_at = at.astimezone(UTC).replace(microsecond=0)  # a PDF keeps whole seconds
    inputs = {"facts": json.dumps(facts)}
    return typst.compile(template, sys_inputs=inputs, timestamp=made_at, pdf_standards=[STANDARD])


def drawable(facts: Any) -> Any:
    """`facts` with the characters that no font here has written as numbers."""
    if isinstance(facts, str):
        return "".join(one if is_drawable(one) else f"[U+{ord(one):04X}]" for one in facts)
    if isinstance(facts, dict):
        return {name: drawable(value) for name, value in facts.items()}
    if isinstance(facts, list):
        return [drawable(value) for value in facts]
    return facts


@lru_cache(maxsize=8192)
def is_drawable(character: str) -> bool:
    """Whether some font of this computer has a glyph for `character`: asked of typst itself, once a process."""
    if ord(character) <= LAST_COMMON:
        return True
    try:
        run(TEMPLATES / "probe.typ", character, datetime(2000, 1, 1, tzinfo=UTC))
    except typst.TypstError:
        return False
    return True
