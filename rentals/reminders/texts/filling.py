"""Putting values into words: a closed substitution of `{{ name }}`, without logic, so that words are never code."""

import re
from collections.abc import Callable

from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

PLACEHOLDER = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")
BLANK_LINES = re.compile(r"\n{3,}")
SPACES_AT_THE_END = re.compile(r"[ \t]+$", re.MULTILINE)


def placeholders_in(words: str) -> set[str]:
    """The names of the placeholders in `words`."""
    return set(PLACEHOLDER.findall(words))


def fill_text(words: str, value_of: Callable[[str], str]) -> str:
    """Plain `words` with their values; what an empty value leaves behind is tidied up.

    In one pass, so that a value which looks like a placeholder prints as itself.
    """
    filled = PLACEHOLDER.sub(lambda found: value_of(found[1]), words)
    return BLANK_LINES.sub("\n\n", SPACES_AT_THE_END.sub("", filled)).strip()


def fill_html(words: str, value_of: Callable[[str], str]) -> SafeString:
    """HTML `words` with their values, escaped unless they are marked safe; line breaks stay line breaks."""

    def written(found: re.Match[str]) -> str:
        value = value_of(found[1])
        escaped = conditional_escape(value)
        return escaped if isinstance(value, SafeString) else escaped.replace("\n", "<br>")

    # The words were cleaned before they were kept, or are our own; each value in them is escaped.
    return mark_safe(PLACEHOLDER.sub(written, words))  # noqa: S308


def one_line(text: str) -> str:
    """`text` without line breaks, which would forge a header or a paragraph."""
    return " ".join(text.split())
