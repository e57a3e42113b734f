"""Which words count, and new versions of a site's own.

A site's own words in the reader's language go first, then ours in that language, then its own in English, then ours. So
whoever asked for German reads German, the whole mail in one language, though the site has written its own words in
English only: what to do and by when stands in ours too, and is of no use in a language that is not understood. What a
site says beyond that in its English words it has to say in German as well, which the page of its words shows.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from config.models import Clinic, User
from config.refusals import Refusal, invalid
from rentals.deciding import deciding
from rentals.models import MessageTemplate
from rentals.reminders.texts.checking import check_words
from rentals.reminders.texts.defaults import LANGUAGE, OUR_LANGUAGES, Words, default_words

KEPT_AS = "own_words"
OwnWords = dict[tuple[str, str], Words]


def words_for(clinic: Clinic, kinds: Iterable[str], language: str) -> dict[str, Words]:
    """The words of each of `kinds` at `clinic` for a reader of `language`, in one query, or in none where the
    instance keeps its own words."""
    wanted = set(kinds)
    own: OwnWords | None = vars(clinic).get(KEPT_AS)
    if own is None:
        own = own_words(latest_versions(clinic).filter(kind__in=wanted, language__in={language, LANGUAGE}))
    return {kind: chosen_words(own, kind, language) for kind in sorted(wanted)}


def chosen_words(own: OwnWords, kind: str, language: str) -> Words:
    """The words of `kind` for a reader of `language`, the first there are in the order above."""
    if words := own.get((kind, language)):
        return words
    if language in OUR_LANGUAGES:
        return default_words(kind, language)
    return own.get((kind, LANGUAGE)) or default_words(kind)


def keep_words(clinic: Clinic) -> None:
    """Have the instance keep the site's own words, of every kind and language: for many mails, and none of its own."""
    vars(clinic)[KEPT_AS] = own_words(latest_versions(clinic))


def own_words(rows: Iterable[MessageTemplate]) -> OwnWords:
    """What the site says itself, by kind and language; what it gave up again is not among it."""
    return {(row.kind, row.language): as_words(row) for row in rows if row.text}


def as_words(row: MessageTemplate) -> Words:
    """One version of a site's own words."""
    return Words(row.subject, row.text, row.html, row.language, row.version)


def latest_versions(clinic: Clinic) -> QuerySet[MessageTemplate]:
    """The latest version of each kind and language for which `clinic` has ever had words of its own."""
    rows = MessageTemplate.objects.filter(clinic=clinic).select_related("created_by")
    return rows.order_by("kind", "language", "-version").distinct("kind", "language")


def versions_of(clinic: Clinic, kind: str, language: str) -> QuerySet[MessageTemplate]:
    """All versions of the site's own words, the newest first."""
    rows = MessageTemplate.objects.filter(clinic=clinic, kind=kind, language=language)
    return rows.select_related("created_by").order_by("-version")


def write_words(
    clinic: Clinic,
    kind: str,
    language: str,
    *,
    subject: str,
    text: str,
    html: str,
    seen: int,
    at: datetime,
    actor: User,
) -> MessageTemplate:
    """Let `clinic` say `kind` in these words from now on; `seen` is the version that they were written on (0: ours).

    Raises `invalid` for the first thing that is wrong with them, `changed_meanwhile` when somebody else was quicker.
    """
    checked = check_words(kind, subject=subject, text=text, html=html)
    for problem in checked.problems:
        raise invalid(problem.field, problem.message)
    return add_version(
        clinic, kind, language, seen, subject=checked.subject, text=checked.text, html=checked.html, at=at, by=actor
    )


def reset_words(clinic: Clinic, kind: str, language: str, *, seen: int, at: datetime, actor: User) -> MessageTemplate:
    """Back to our words, by a new and empty version; what the site had stays readable.

    Raises `nothing_to_reset` where the site has no words of its own, `changed_meanwhile` as `write_words`.
    """
    latest = versions_of(clinic, kind, language).first()
    if latest is None or not latest.text:
        raise Refusal("nothing_to_reset", _("These are the default words already; there is nothing to reset."))
    return add_version(clinic, kind, language, seen, subject="", text="", html="", at=at, by=actor)


def add_version(
    clinic: Clinic, kind: str, language: str, seen: int, *, subject: str, text: str, html: str, at: datetime, by: User
) -> MessageTemplate:
    """One more version, the next number; two at once wait for each other at the clinic's row."""
    with deciding():
        Clinic.objects.select_for_update(no_key=True).get(pk=clinic.pk)
        latest = versions_of(clinic, kind, language).first()
        number = latest.version if latest else 0
        if number != seen:
            words = _(
                "%(who)s has saved version %(number)s meanwhile; copy what you wrote, open the page again and "
                "bring the two together."
            )
            who = latest.created_by if latest else _("Somebody")
            raise Refusal("changed_meanwhile", words % {"who": who, "number": number})
        return MessageTemplate.objects.create(
            clinic=clinic,
            kind=kind,
            language=language,
            version=number + 1,
            subject=subject,
            text=text,
            html=html,
            created_at=at,
            created_by=by,
        )
