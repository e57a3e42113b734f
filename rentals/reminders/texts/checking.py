"""Whether a site's own words may be sent: everything that is wrong with them is said, before they are kept.

What promises healing (I12) is found by a list of English and German words, on what a reader would see: markup, entities
and invisible signs taken out first. `how_to_return` alone may say that healing was confirmed ("your clinician has
confirmed that it has healed"), for then it is a finding and no promise; nothing may say that it comes, or comes sooner.
Words in other languages are held to the same rules but for this list.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

import nh3
from django.utils.translation import gettext as _

from patients.models import Injury
from rentals.models import Reminder
from rentals.reminders.texts.filling import PLACEHOLDER, placeholders_in
from rentals.reminders.texts.placeholders import PLACEHOLDERS, REQUIRED, allowed_in_subject, placeholders_of

LONGEST_SUBJECT, LONGEST_WORDS = 200, 20_000
TAGS = {"p", "br", "strong", "b", "em", "i", "u", "ul", "ol", "li", "a", "h2", "h3", "hr", "div"}

CLASSES = {"a": {"button"}, "div": {"small"}}
SCHEMES = {"https", "mailto", "tel"}
# What pasted text brings along; without it the words say the same.
HARMLESS = {"span", "font", "html", "head", "body", "section", "article", "tbody"}

HEALED = re.compile(r"\b(?:heal(?:ed|ing)|geheilt|verheilt|Heilung)\b", re.IGNORECASE)
PROMISES = re.compile(
    r"\b(?:"
    r"(?:un)?heal(?:s|ed|ing|er|ers)?|cur(?:e|es|ed|ing|able|ative)|recover(?:s|y|ed|ing|ies)?|remed(?:y|ies)"
    r"|mend(?:s|ed|ing)?|knit(?:s|ted|ting)?|regenerat\w*|regrow\w*|restor(?:e|es|ed|ing)\s+\w+\s+(?:health|bones?)"
    r"|faster|quicker|speed(?:s|ed|ing)?[\s-]?up|accelerat\w*|miracle\w*|guarantee\w*|proven"
    r"|(?:get|gets|getting|feel|make\s+you|makes\s+you)\s+(?:well|better|stronger)"
    r"|(?:fix|repair|strengthen|grow)(?:s|es|ed|ing)?\s+(?:the|your|a)\s+(?:bones?|fractures?|injur(?:y|ies))"
    r"|back\s+(?:on\s+your\s+feet|to\s+(?:full\s+)?(?:health|sport|training|running|normal))"
    r"|(?:ge|ver|aus|ab)?heil(?:t|e|en|ung|ungs\w+)|gesund(?:et|en|ung)|genes(?:en|t|ung)|schneller|beschleunig\w+"
    r"|wunder(?:mittel|heilung)?|garantier\w*|(?:wieder|bald|schnell|ganz)\s+(?:gesund|fit)|zusammenw[aä]chs\w*"
    r")\b",
    re.IGNORECASE,
)
SITES = {value.replace("_", " ") for value in Injury.Site.values} - {"other"}
KINDS = {value.replace("_", " ") for value in Injury.Kind.values} - {"other", "fresh"}
PRIVATE = re.compile(
    r"\b(?:bones?|fractures?|injur(?:y|ies|ed)|diagnos\w+|non-?union|x-?rays?|mri|ct|scans?|imaging|exogen|lipus"
    r"|ultrasound|treatments?|serial|knochen\w*|fraktur\w*|br[uü]ch\w*|verletz\w+|r[oö]ntgen\w*|bildgebung"
    r"|ultraschall\w*|behandlung\w*|seriennummer|"
    + "|".join(sorted(SITES | KINDS, key=len, reverse=True))
    + r")\b|\$\s?\d",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Problem:
    """What is wrong with one of `subject`, `text` and `html`, and what to do about it."""

    field: str
    message: str


@dataclass(frozen=True)
class Checked:
    """Words ready to be kept, unless there are `problems`; `taken_out` of the HTML is what said nothing."""

    subject: str
    text: str
    html: str
    problems: tuple[Problem, ...]
    taken_out: tuple[str, ...]


def check_words(kind: str, *, subject: str, text: str, html: str) -> Checked:
    """Look at a site's own words for `kind` and clean their HTML."""
    text, html = text.replace("\r\n", "\n").strip(), html.replace("\r\n", "\n").strip()
    seen = _Seen()
    seen.feed(html)
    seen.close()
    problems = [
        *problems_of_subject(kind, subject),
        *problems_of_body(kind, "text", text, text),
        *problems_of_body(kind, "html", html, seen.words),
        *(Problem("html", message) for message in seen.refused),
    ]
    return Checked(subject.strip(), text, clean(html), tuple(problems), tuple(sorted(seen.taken_out)))


def clean(html: str) -> str:
    """`html` with the few tags that a letter needs and nothing else."""
    return nh3.clean(
        html,
        tags=TAGS,
        clean_content_tags={"script", "style"},
        attributes={"a": {"href"}, "*": set()},  # without the star, `title` and `lang` stay
        allowed_classes=CLASSES,
        url_schemes=SCHEMES,
        link_rel=None,
    ).strip()


def problems_of_subject(kind: str, subject: str) -> Iterator[Problem]:
    if not subject.strip():
        yield Problem("subject", _("Write a subject."))
    elif any(not sign.isprintable() for sign in subject):
        yield Problem("subject", _("Take out the line breaks and other invisible signs: a subject is one line."))
    if len(subject) > LONGEST_SUBJECT:
        yield Problem("subject", _("Write at most %(most)s characters.") % {"most": LONGEST_SUBJECT})
    for name in sorted(placeholders_in(subject) - allowed_in_subject(kind)):
        words = _("“%(name)s” may not stand in a subject, which anybody sees; take it out.")
        yield Problem("subject", words % {"name": written(name)})
    if found := PRIVATE.search(bare(subject)):
        words = _("“%(words)s” tells of the patient, and anybody may see a subject; say it in the message instead.")
        yield Problem("subject", words % {"words": found[0]})
    yield from problems_of_words(kind, "subject", subject, subject)


def problems_of_body(kind: str, field: str, words: str, read: str) -> Iterator[Problem]:
    """What is wrong with the text or the HTML `words`, of which a reader sees `read`."""
    if not read.strip():
        yield Problem(field, _("Write the message: both parts are always sent, and some readers see only this one."))
    if len(words) > LONGEST_WORDS:
        yield Problem(field, _("Write at most %(most)s characters.") % {"most": LONGEST_WORDS})
    for name in sorted(placeholders_in(words) - set(placeholders_of(kind))):
        yield Problem(field, words_of_unknown(name, kind))
    for name in sorted(set(REQUIRED.get(kind, ())) - placeholders_in(words)):
        said = _("“%(name)s” is missing: %(meaning)s. Put it back.")
        yield Problem(field, said % {"name": written(name), "meaning": placeholders_of(kind)[name]})
    yield from problems_of_words(kind, field, words, read)


def problems_of_words(kind: str, field: str, words: str, read: str) -> Iterator[Problem]:
    """A placeholder that is none, and a promise of healing."""
    rest = PLACEHOLDER.sub("", words)
    if found := re.search(r"\{\{.{0,30}|.{0,30}\}\}|\{[%#].{0,30}", rest):
        said = _("“%(words)s” is no placeholder; write one as %(example)s, from the list.")
        yield Problem(field, said % {"words": found[0].strip(), "example": written("clinic_name")})
    if promise := promise_in(kind, read):
        said = _("“%(promise)s” may be read as a promise of healing; we give none, so say it otherwise.")
        yield Problem(field, said % {"promise": promise})


def written(name: str) -> str:
    """A placeholder as it stands in words."""
    return f"{{{{ {name} }}}}"


def words_of_unknown(name: str, kind: str) -> str:
    close = difflib.get_close_matches(name, list(placeholders_of(kind)), n=1)
    if not close:
        return _("“%(name)s” is not known here; choose one from the list.") % {"name": written(name)}
    words = _("“%(name)s” is not known here; did you mean “%(meant)s”?")
    return words % {"name": written(name), "meant": written(close[0])}


def promise_in(kind: str, read: str) -> str:
    """The words in `read` that may be read as a promise of healing; "" where there are none."""
    words = bare(read)
    if kind == Reminder.Kind.HOW_TO_RETURN:
        words = HEALED.sub("", words)
    found = PROMISES.search(words) or PROMISES.search(re.sub(r"(?<=\w)[.\-_*](?=\w)", "", words))
    return found[0] if found else ""


def bare(text: str) -> str:
    """`text` as it is read: without placeholders, invisible signs and look-alikes of letters."""
    plain = unicodedata.normalize("NFKC", PLACEHOLDER.sub(" ", text))
    return "".join(sign for sign in plain if unicodedata.category(sign) != "Cf")


class _Seen(HTMLParser):
    """What a reader would see of HTML, and what in it is not for a letter."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words = ""
        self.refused: list[str] = []
        self.taken_out: set[str] = set()

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_comment(self, data: str) -> None:
        self.taken_out.add(_("a comment"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"p", "br", "li", "div", "h2", "h3", "hr"}:
            self.words += "\n"
        if tag in HARMLESS:
            self.taken_out.add(f"<{tag}>")
        elif tag not in TAGS:
            words = _("Take out %(tag)s: a message has text, lists, headings and links only, and fetches nothing.")
            self.refuse(words % {"tag": f"<{tag}>"})
        for name, value in attrs:
            self.look_at(tag, name, value or "")

    def look_at(self, tag: str, name: str, value: str) -> None:
        if tag == "a" and name == "href":
            self.look_at_link(value.strip())
        elif name == "class" and value in CLASSES.get(tag, ()):
            return
        elif "{{" in value:
            words = _("Take the placeholder out of “%(name)s”: in a tag it may stand only as the address of a link.")
            self.refuse(words % {"name": name})
        else:
            self.taken_out.add(f"“{name}”")

    def look_at_link(self, address: str) -> None:
        placeholder = PLACEHOLDER.fullmatch(address)
        if placeholder:
            entry = PLACEHOLDERS.get(placeholder[1])
            if entry is None or not entry.is_link:
                words = _("“%(address)s” is no address; a link leads to a placeholder that is one, or to https://….")
                self.refuse(words % {"address": address})
        elif "{{" in address or not address.lower().startswith(tuple(f"{scheme}:" for scheme in SCHEMES)):
            words = _("“%(address)s” is no address for a link; write one with https://, mailto: or tel:.")
            self.refuse(words % {"address": address[:60]})

    def refuse(self, message: str) -> None:
        if message not in self.refused:
            self.refused.append(message)
