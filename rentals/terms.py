"""The terms of a site, written version by version; a rental keeps the one it was booked under."""

import re
from collections.abc import Callable

from config.models import Terms
from rentals.papers.words import counted, line, money

LONGEST_TEXT = 20_000
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# What a text may name in braces: the figures of its own version, so that words and amounts never disagree.
PLACEHOLDERS: dict[str, Callable[[Terms], str]] = {
    "clinic": lambda terms: line(terms.clinic.legal_name or terms.clinic.name),
    "weekly_hire": lambda terms: money(terms.weekly_hire),
    "minimum_weeks": lambda terms: counted(terms.minimum_weeks, "week"),
    "bond": lambda terms: money(terms.bond),
    "late_fee_per_day": lambda terms: money(terms.late_fee_per_day),
    "replacement_price": lambda terms: money(terms.replacement_price),
    "hire_credit_percent": lambda terms: f"{terms.hire_credit_percent} %",
    "deemed_kept_after": lambda terms: counted(terms.deemed_kept_after_days or 0, "day"),
}


def terms_in_words(terms: Terms) -> str:
    """The text of `terms` with its placeholders filled in; braces that name none stay as they are."""

    def filled(found: re.Match[str]) -> str:
        fill = PLACEHOLDERS.get(found[1])
        return fill(terms) if fill else found[0]

    return PLACEHOLDER.sub(filled, terms.text)
