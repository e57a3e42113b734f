"""Our own words for each kind: one HTML file each under `words/`, whose title is the subject; in English, and in the
languages that have a folder there.

The plain text is made from the HTML, so the two never say different things.
"""

from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

FOLDER = Path(__file__).parent / "words"
LANGUAGE = "en"
OUR_LANGUAGES = (LANGUAGE, *sorted(path.name for path in FOLDER.iterdir() if path.is_dir()))
PARAGRAPHS = ("p", "div", "h1", "h2", "h3", "ul", "ol", "hr")


@dataclass(frozen=True)
class Words:
    """Subject, text and HTML with placeholders, in `language`; `version` 0 is our own."""

    subject: str
    text: str
    html: str
    language: str = LANGUAGE
    version: int = 0


@cache
def default_words(kind: str, language: str = LANGUAGE) -> Words:
    """Our own words for `kind`, a reminder's or `letter`, in `language`, or in English where we have none in that."""
    language = language if language in OUR_LANGUAGES else LANGUAGE
    folder = FOLDER if language == LANGUAGE else FOLDER / language
    title, _, html = (folder / f"{kind}.html").read_text(encoding="utf-8").partition("</title>\n")
    return Words(title.removeprefix("<title>"), text_of(html), html.strip(), language)


def text_of(html: str) -> str:
    """The plain text of simple HTML: paragraphs, lists with dashes, a link as its words and its address."""
    reader = _Reader()
    reader.feed(html)
    paragraphs = "".join(reader.pieces).split("\n\n")
    tidy = ("\n".join(line.strip() for line in paragraph.strip().split("\n")) for paragraph in paragraphs)
    return "\n\n".join(paragraph for paragraph in tidy if paragraph)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.address = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in PARAGRAPHS:
            self.pieces.append("\n\n")
        elif tag == "br":
            self.pieces.append("\n")
        elif tag == "li":
            self.pieces.append("\n- ")
        elif tag == "a":
            self.address = dict(attrs).get("href") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag in PARAGRAPHS:
            self.pieces.append("\n\n")
        elif tag == "a":
            self.pieces.append(f": {self.address}")

    def handle_data(self, data: str) -> None:
        words = " ".join(data.split())
        before, after = data[:1].isspace(), data[-1:].isspace()
        self.pieces.append(f"{' ' * before}{words}{' ' * (after and bool(words))}")
