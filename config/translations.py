"""The catalogues of other languages, kept in step with the sentences in code and templates. For developers only: who
runs Callus needs the compiled catalogues that are kept beside their sources, and no more."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

APPS = ("config", "devices", "patients", "rentals")
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
NO_DAY = datetime(2026, 1, 1, tzinfo=UTC)  # git knows better, and the same catalogue compiles to the same bytes
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|\{\w*[^{}]*\}|%%")


def catalogue_path(language: str) -> Path:
    return settings.LOCALE_PATHS[0] / language / "LC_MESSAGES" / "django.po"


def said(under: Iterable[str] = APPS) -> Catalog:
    """Every sentence marked for translation in the Python and template files of the folders `under`."""
    found = Catalog()
    for path in sorted(path for folder in under for path in sources(settings.BASE_DIR / folder)):
        for _, message, comments, context in extract("python", BytesIO(as_python(path)), KEYWORDS, ("Translators:",)):
            where = [(path.relative_to(settings.BASE_DIR).as_posix(), 0)]
            found.add(message, locations=where, auto_comments=comments, context=context)
    return found


def sources(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.rglob("*.py") if "migrations" not in path.parts)
    yield from folder.rglob("templates/**/*.html")


def as_python(path: Path) -> bytes:
    """The file as the extractor reads it: of a template, what Django makes of its translation tags."""
    text = path.read_text(encoding="utf-8")
    return (templatize(text, origin=str(path)) if path.suffix == ".html" else text).encode()


def catalogue(language: str) -> Catalog:
    """The catalogue as it is kept."""
    with catalogue_path(language).open("rb") as file:
        kept = read_po(file, locale=language)
    kept.creation_date = kept.revision_date = NO_DAY
    return kept


def updated(language: str) -> Catalog:
    """The kept catalogue with every sentence that is said now, and none that is said no more."""
    kept = catalogue(language)
    kept.update(said(), no_fuzzy_matching=True)
    kept.obsolete.clear()
    return kept


def write(language: str, kept: Catalog) -> None:
    """Write the catalogue and its compiled form, in an order that changes little when a sentence does."""
    path = catalogue_path(language)
    path.write_bytes(as_po(kept))
    path.with_suffix(".mo").write_bytes(as_mo(catalogue(language)))


def as_po(kept: Catalog) -> bytes:
    file = BytesIO()
    write_po(file, kept, width=120, sort_output=True, include_lineno=False, omit_header=True)
    return HEADER.format(language=kept.locale).encode() + file.getvalue()


def as_mo(kept: Catalog) -> bytes:
    file = BytesIO()
    write_mo(file, kept)
    return file.getvalue()


HEADER = """msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

"""


def faults(language: str) -> list[str]:
    """What is out of step: sentences that lack a translation or are said no more, placeholders that differ."""
    kept, now = catalogue(language), said()
    known = {(message.context, message.id) for message in kept if message.id}
    wanted = {(message.context, message.id) for message in now if message.id}
    return [
        *(f"not in the catalogue: {first(message)}" for _, message in wanted - known),
        *(f"said no more: {first(message)}" for _, message in known - wanted),
        *(f"{what}: {first(message.id)}" for message in kept if message.id for what in faults_of(message)),
        *([] if as_mo(kept) == catalogue_path(language).with_suffix(".mo").read_bytes() else ["not compiled"]),
    ]


def faults_of(message: object) -> Iterator[str]:
    ids, strings = forms(message.id), forms(message.string)  # type: ignore[attr-defined]
    if message.fuzzy or not all(strings):  # type: ignore[attr-defined]
        yield "not translated"
    elif any(placeholders(string) != placeholders(ids[-1]) for string in strings[-1:]):
        yield "other placeholders"


def forms(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    """Singular and plural, or the one form that there is; of what has no translation yet an empty one."""
    return list(text) if isinstance(text, tuple | list) else [text or ""]


def first(text: str | tuple[str, ...] | list[str]) -> str:
    return forms(text)[0]


def placeholders(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text))
