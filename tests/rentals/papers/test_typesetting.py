"""PDFs: tagged, A4, the same bytes for the same facts, and whatever somebody is called prints as itself."""

import random
import shutil
import subprocess
from datetime import UTC, datetime

import pytest

from rentals.papers.typesetting import typeset
from rentals.papers.words import line
from tests.rentals.papers.reading import reader, text_of

MOMENT = datetime(2026, 3, 2, 1, 0, 0, 123456, tzinfo=UTC)
PIECES = [
    "O’Brien", "O'Brien", '"Bo"', "#let x = 1", "$sum$", "\\", "\\u{1F600}", "*bold*", "_low_", "`raw`",
    "<label>", "@ref", "[box]", "{code}", "// none", "/* none */", "= Head", "- item", "+ item", "/ term", "~",
    "--", "---", "...", "&amp;", "<b>x</b>", "{{ x }}", "{% x %}", "%PDF", '#import "a.typ"', "#sys.inputs",
    "Zoë", "Émile", "Łukasz", "Nguyễn", "Иван", "Ελένη", "שלום", "مرحبا", "王小明", "さくら", "김민준", "😀",
    "👩\u200d👩\u200d👧", "ﬁ", "a\r\nb", "a\tb", "\u202eevil\u202c", "\u200bzero", "; DROP TABLE", "'); --",
    "=1+1", "\u0007bell", "x" * 500, "\ufeffBo", "1\ufe0f\u20e3", "#\ufe0f\u20e3", "a\u20dd", "王\u20e0", "\ufffe",
]  # fmt: skip


def hostile(number: int) -> list[str]:
    """Names and addresses that somebody might type, by accident or on purpose; always the same ones."""
    chance = random.Random(1)
    return [" ".join(chance.sample(PIECES, chance.randint(1, 4)))[:500] for _ in range(number)]


def facts_with(lines: list[str]) -> dict[str, object]:
    """What a receipt says, with `lines` for its patient."""
    clinic = {"name": "C", "legal_name": "C", "abn": "", "address": [], "phone": "", "email": ""}
    frame = {"title": "Receipt", "footer": "Receipt", "reference": "R", "clinic": clinic, "payer": lines}
    return {**frame, "patient": lines, "pairs": [["For", "Hire"]], "amount": "$1.00"}


def only(text: str) -> str:
    """`text` without spaces, and with the letters that are joined when drawn taken apart."""
    return "".join(text.replace("\ufb01", "fi").replace("\u200b", "").replace("\u200d", "").split())


def number_of(character: str) -> str:
    return f"[U+{ord(character):04X}]"


def as_printed(name: str, text: str) -> str:
    """`name` with those characters as numbers that are numbers in `text`."""
    return "".join(number_of(one) if ord(one) > 0x24F and number_of(one) in text else one for one in name)


def is_ordered(text: str) -> bool:
    """Whether all is written from left to right, so that a reader gives it back in order."""
    return all(ord(one) < 0x590 or 0x900 <= ord(one) < 0x1F000 for one in text)


def test_two_hundred_hostile_names_and_addresses_print_as_themselves():
    names = [line(name) for name in hostile(200)]
    for first in range(0, len(names), 25):
        some = names[first : first + 25]
        text = only(text_of(typeset("receipt", facts_with(some), MOMENT)))
        for name in some:
            expected = only(as_printed(name, text))
            if is_ordered(name):
                assert expected in text, name
            else:
                assert set(expected) <= set(text), name


def test_nothing_that_somebody_is_called_is_run():
    name = '#panic("no") $1/0$ #read("/etc/passwd") #import "frame.typ"'
    assert name in text_of(typeset("receipt", facts_with([name]), MOMENT))


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("Ada\r\nLovelace", "Ada Lovelace"), ("Ada\x00\x07 L", "Ada L"), ("\u202eadA", "adA"),
        ("  Ada\u2028L ", "Ada L"), ("\ufeffAda", "Ada"),
    ],
)  # fmt: skip
def test_what_cannot_be_seen_is_a_space_and_what_turns_directions_is_left_out(typed, printed):
    assert line(typed) == printed


def test_a_character_that_no_font_has_is_printed_as_its_number():
    """All of them are found at once, however many: U+0378 and these emblems are in no font."""
    emblems = "".join(map(chr, range(0xF0000, 0xF0000 + 240)))
    text = text_of(typeset("receipt", facts_with([f"Ada \u0378 O’Brien {emblems}"]), MOMENT))
    assert "Ada [U+0378] O’Brien [U+F0000][U+F0001]" in text
    assert only("".join(map(number_of, emblems))) in only(text)


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("#\ufe0f\u20e3", "#[U+FE0F][U+20E3]"),
        ("1\ufe0f\u20e3 −$2", "1[U+FE0F][U+20E3] −$2"),
        ("Ada\u20dd", "Ada[U+20DD]"),
        ("Bo\u0301\u20e0", "Bo[U+0301][U+20E0]"),
        ("\ufeffAda", "[U+FEFF]Ada"),
    ],
)
def test_what_cannot_be_drawn_together_is_printed_as_numbers_too(name, printed):
    assert printed in text_of(typeset("receipt", facts_with([name]), MOMENT))


def test_the_same_facts_make_the_same_bytes_and_others_do_not():
    one, again, other = (typeset("receipt", facts_with([name]), MOMENT) for name in ("Ada", "Ada", "Bea"))
    assert one == again != other


def test_a_pdf_is_tagged_titled_in_a_language_and_a4():
    pdf = reader(typeset("receipt", facts_with(["Ada"]), MOMENT))
    root = pdf.trailer["/Root"]
    assert (root["/MarkInfo"]["/Marked"], root["/Lang"], pdf.metadata.title) == (True, "en-AU", "Receipt")
    assert [round(float(side)) for side in pdf.pages[0].mediabox[2:]] == [595, 842]
    assert "Page 1 of 1" in pdf.pages[0].extract_text()


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="poppler is not installed")
def test_poppler_reads_it_too(tmp_path):
    file = tmp_path / "paper.pdf"
    file.write_bytes(typeset("receipt", facts_with(["O'Brien #1 Łukasz"]), MOMENT))
    text = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True).stdout
    told = subprocess.run(["pdfinfo", file], capture_output=True, text=True, check=True).stdout
    assert "O'Brien #1 Łukasz" in text
    assert "Tagged:          yes" in told
    assert "A4" in told
