"""The terms of a site, written version by version; a rental keeps the one it was booked under."""

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from config.models import Clinic, Terms, User
from config.refusals import invalid
from config.row_history import changed_by
from config.words import grouped
from rentals.deciding import deciding
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


# What would be read as a promise of healing (I12): that something heals, or that it goes faster for it. That healing
# is confirmed, or that nothing is promised, may be said.
PROMISES = re.compile(
    r"\b(?:heals?|cur(?:e|es|ed|ing)|mends?)\b|\baccelerat\w*"
    r"|\b(?:will|can|helps?|lets?|makes?|speeds?|promises?|guarantees?|guaranteed)\b.{0,60}\b(?:heal|recover|mend)"
    r"|\b(?:heal|recover|mend|repair)\w*.{0,40}\b(?:faster|sooner|quicker|guaranteed|better)\b"
    r"|\b(?:faster|quicker|guaranteed)\b.{0,40}\b(?:heal|recover|repair|bones?|fractures?)",
    re.IGNORECASE,
)
DENIAL = re.compile(r"\b(?:no|not|nor|never|nothing|cannot)\b", re.IGNORECASE)
SENTENCE_ENDS = re.compile(r"[.!?;]\s")


def promise_in(text: str) -> str:
    """The words of `text` that may be read as a promise of healing; "" where there are none."""
    sentences = SENTENCE_ENDS.split(" ".join(unicodedata.normalize("NFKC", text).split()))
    found = (PROMISES.search(sentence) for sentence in sentences if not DENIAL.search(sentence))
    return next((promise[0] for promise in found if promise), "")


def terms_in_words(terms: Terms) -> str:
    """The text of `terms` with its placeholders filled in; braces that name none stay as they are."""

    def filled(found: re.Match[str]) -> str:
        fill = PLACEHOLDERS.get(found[1])
        return fill(terms) if fill else found[0]

    return PLACEHOLDER.sub(filled, terms.text)


def write_terms(
    clinic: Clinic,
    *,
    text: str,
    weekly_hire: Decimal,
    part_weeks_as_full: bool,
    minimum_weeks: int,
    bond: Decimal,
    late_fee_per_day: Decimal,
    replacement_price: Decimal,
    hire_credit_percent: int,
    deemed_kept_after_days: int | None,
    read: int | None = None,
    at: datetime,
    actor: User | None = None,
) -> Terms:
    """Write the next version of the terms of `clinic` (AUD); rentals booked before keep theirs.

    `read` is the version that the next one was made from. Raises `invalid` (400) for an empty text, a placeholder that
    there is none of, amounts below zero, `promises_healing` (400), and `changed_meanwhile` where `read` is not the
    present version any more.
    """
    check_text(text, deemed_kept_after_days)
    amounts = {
        "weekly_hire": weekly_hire,
        "bond": bond,
        "late_fee_per_day": late_fee_per_day,
        "replacement_price": replacement_price,
    }
    for name, amount in amounts.items():
        if amount < 0:
            raise invalid(name, _("An amount is not below zero."))
    if not 0 <= hire_credit_percent <= 100:
        raise invalid("hire_credit_percent", _("A share is from 0 to 100 %."))
    with deciding():
        # Two managers writing at once must see each other.
        Clinic.objects.select_for_update(no_key=True).get(pk=clinic.pk)
        present = clinic.current_terms
        if read not in (None, present.version):
            raise changed_by(present.created_by.username if present.created_by else "")
        return Terms.objects.create(
            clinic=clinic,
            version=present.version + 1,
            created_at=at,
            created_by=actor,
            text=text.strip(),
            part_weeks_as_full=part_weeks_as_full,
            minimum_weeks=minimum_weeks,
            hire_credit_percent=hire_credit_percent,
            deemed_kept_after_days=deemed_kept_after_days,
            **amounts,
        )


def check_text(text: str, deemed_kept_after_days: int | None) -> None:
    """Refuse a text of terms that cannot be printed as it is meant, or that promises healing (I12)."""
    if not text.strip() or len(text) > LONGEST_TEXT:
        raise invalid(
            "text",
            _("Write the terms, in at most %(longest_text)s characters.") % {"longest_text": grouped(LONGEST_TEXT)},
        )
    names = PLACEHOLDER.findall(text)
    unknown = sorted({name for name in names if name not in PLACEHOLDERS})
    if unknown or PLACEHOLDER.sub("", text).count("{") or PLACEHOLDER.sub("", text).count("}"):
        wrong = ", ".join(f"{{{name}}}" for name in unknown) or _("a single brace")
        raise invalid(
            "text", _("There is no %(wrong)s; what may stand in braces is listed beside the text.") % {"wrong": wrong}
        )
    if deemed_kept_after_days is None and "deemed_kept_after" in names:
        raise invalid("text", _("The text names {deemed_kept_after}, but no number of days is given for it."))
    if promise := promise_in(text):
        raise invalid(
            "text",
            _("“%(promise)s” would be read as a promise of healing; say what is agreed, not what comes of it.")
            % {"promise": promise},
            code="promises_healing",
        )
