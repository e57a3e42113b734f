"""Which words count: a site's own in the reader's language, else its own in English, else ours."""

from collections.abc import Iterable

from config.models import Clinic
from rentals.models import MessageTemplate
from rentals.reminders.texts.defaults import LANGUAGE, Words, default_words


def words_for(clinic: Clinic, kinds: Iterable[str], language: str) -> dict[str, Words]:
    """The words of each of `kinds` at `clinic` for a reader of `language`, in one query."""
    wanted = set(kinds)
    versions = MessageTemplate.objects.filter(clinic=clinic, kind__in=wanted, language__in={language, LANGUAGE})
    latest = versions.order_by("kind", "language", "-version").distinct("kind", "language")
    own = {(row.kind, row.language): as_words(row) for row in latest if row.text}
    return {
        kind: own.get((kind, language)) or own.get((kind, LANGUAGE)) or default_words(kind) for kind in sorted(wanted)
    }


def as_words(row: MessageTemplate) -> Words:
    """One version of a site's own words."""
    return Words(row.subject, row.text, row.html, row.language, row.version)
