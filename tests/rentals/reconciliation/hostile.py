"""Files that no device wrote, always the same 200."""

import gzip
import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.rentals.reconciliation.reference import NAMES
from tests.usage import HEADER

FILES = 200
SERIAL, PART_NUMBER = "1121000001", "71034400"
FIRST = datetime(2026, 3, 1, 18, 0)  # noqa: DTZ001 (as the device shows it)


@dataclass(frozen=True)
class Hostile:
    """One file, and what was done to it."""

    name: str
    content: bytes


def good_lines() -> list[str]:
    """A header and forty sessions of two read-outs, nothing wrong with them."""
    return [HEADER, *(good_line(n) for n in range(1, 41))]


def good_line(n: int, serial: str = SERIAL) -> str:
    last = 20 if n <= 20 else 40
    clock = FIRST + timedelta(days=last)
    started = FIRST + timedelta(days=n - 1)
    return f"{serial},{PART_NUMBER},{clock.isoformat()}+10:00,{clock},{last},{n},{started},1200,completed,E{n},,"


def good_objects() -> list[dict[str, Any]]:
    """The same as JSON objects."""
    rows = [dict(zip(NAMES, line.split(","), strict=True)) for line in good_lines()[1:]]
    return [
        {
            **{name: rows[first][name] for name in NAMES[:5]},
            "treatments": [
                {name: int(row[name]) if name in ("n", "seconds") else row[name] for name in NAMES[5:10]}
                for row in rows[first : first + 20]
            ],
        }
        for first in (0, 20)
    ]


def as_file(lines: list[str], end: str = "\n") -> str:
    return end.join([*lines, ""])


def hostile_files(count: int = FILES) -> Iterator[Hostile]:
    """The first `count`; each kind comes early, with another random choice each time."""
    kinds = list(KINDS.items())
    for number in range(count):
        name, make = kinds[number % len(kinds)]
        made = make(random.Random(number))
        yield Hostile(f"{number} {name}", made if isinstance(made, bytes) else made.encode("utf-8", "surrogatepass"))


# What spoils a file of good lines. Each takes a source of chance and gives text or bytes.
Kind = Callable[[random.Random], str | bytes]

BEYOND = [
    "", " ", "-1", "0", "+7", "7.0", "1e3", "1e999", "NaN", "Infinity", "-0", "0x1F", "1_000", "9" * 400, "\u0663",
    "\uff17", "\xb2", "\uff12\uff10\uff12\uff16-01-31 18:05:00", "2147483648", "99999999999999999999", "=1+1",
    '=HYPERLINK("http://x.example")', "@SUM(A1)", "+cmd|' /C calc'!A0", "31/01/2026 18:05", "01-02-26 18:05",
    "2026-01-31 18:05", "2026-01-31", "2026-02-30 10:00:00", "0000-00-00 00:00:00", "9999-12-31 23:59:59",
    "1969-12-31 23:59:59", "2026-01-31 24:00:00", "2026-01-31 23:59:60", "2026-W05-6 18:05:00",
    "2026-01-31T18:05:00Z", "2026-01-31T18:05:00+99:99", "20260131T180500+1000", "4,08018E+08", "4.08018E+08", "NULL",
    "\\N", "\\.", "a\tb", "a\\b", "\u202e1121000001", "\ufeff7", "\xa07", "7\u200b", "\x1b[31m", "\x7f", "\ud800",
    "completed\u2028", "Completed", "done", "true", "[]", "{}", "<script>", "'; DROP TABLE x", "%s",
]  # fmt: skip
LINE_ENDS = ["\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\n\n\n", "\r\r\n", "\n\r"]
ENCODINGS = [
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "latin-1",
    "cp1252",
    "cp500",
    "shift-jis",
    "utf-7",
    "utf-8-sig",
]


def a_bomb(chance: random.Random) -> bytes:
    zeros = bytes(2**20)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        name = zipfile.ZipInfo(chance.choice(["xl/workbook.xml", "usage.csv"]))  # so, its date is always the same
        archive.writestr(name, zeros, zipfile.ZIP_DEFLATED)
    squeezed = gzip.compress(zeros, mtime=0)
    return chance.choice([squeezed, packed.getvalue(), b"%PDF-1.7\n", b"\x7fELF" + zeros[:999], chance.randbytes(9999)])


def nothing_but(chance: random.Random) -> bytes:
    one = chance.choice([b"\0", b" ", b"\n", b",", b'"', b"{", b"\xff", b"\xef\xbb\xbf", b"["])
    return one * chance.choice([1, 70_000])


def bytes_put_in(chance: random.Random) -> bytes:
    content = bytearray(as_file(good_lines()).encode())
    odd = [b"\0", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x1a", b"\xe2\x80\xae"]
    for _ in range(chance.randint(1, 20)):
        at = chance.randrange(len(HEADER), len(content)) if chance.random() < 0.95 else 0
        content[at:at] = chance.choice(odd)
    return bytes(content)


def bytes_changed(chance: random.Random) -> bytes:
    content = bytearray(as_file(good_lines()).encode())
    for _ in range(chance.randint(1, 40)):
        content[chance.randrange(len(HEADER), len(content))] = chance.randrange(256)
    return bytes(content)


def another_encoding(chance: random.Random) -> bytes:
    lines = good_lines()
    lines[7] = lines[7].replace("E7", "Ëé")
    return as_file(lines).encode(chance.choice(ENCODINGS), "replace")


def cut_at_any_byte(chance: random.Random) -> bytes:
    whole = as_file(good_lines()) if chance.random() < 0.6 else as_file([json.dumps(each) for each in good_objects()])
    content = whole.encode(chance.choice(["utf-8", "utf-16"]))
    return content[: chance.randrange(1, len(content))]


def one_value_spoilt(chance: random.Random) -> str:
    lines = good_lines()
    for at in chance.sample(range(1, len(lines)), 25):
        cells = lines[at].split(",")
        cells[chance.randrange(len(cells))] = chance.choice(BEYOND)
        lines[at] = ",".join(cells) if chance.random() < 0.7 else quoted(cells)
    return as_file(lines)


def quoted(cells: list[str]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)


def all_quoted(chance: random.Random) -> str:
    lines = [quoted(line.split(",")) for line in good_lines()]
    at = chance.randrange(1, len(lines))
    lines[at] = lines[at].replace('"', chance.choice(['"', "", '""', "'"]), chance.randint(1, 3))
    return as_file(lines)


def quotes_without_partner(chance: random.Random) -> str:
    lines = good_lines()
    for at in chance.sample(range(1, len(lines)), 5):
        cut = chance.randrange(len(lines[at]))
        lines[at] = lines[at][:cut] + chance.choice(['"', '""', '"\n', "'"]) + lines[at][cut:]
    return as_file(lines)


def many_columns(chance: random.Random) -> str:
    lines = good_lines()
    lines[chance.randrange(len(lines))] += "," * chance.choice([1, 9_999, 2_000_000])
    return as_file(lines)


def a_huge_line(chance: random.Random) -> str:
    lines = good_lines()
    lines[chance.randrange(1, len(lines))] = chance.choice(["x", "7,", '"', "é", "[", '{"a":']) * 5_000_000
    return as_file(lines)


def strange_line_ends(chance: random.Random) -> str:
    header, *lines = good_lines()
    return header + chance.choice(["\r", "\n"]) + "".join(line + chance.choice(LINE_ENDS) for line in lines)


def rows_again(chance: random.Random) -> str:
    header, *lines = good_lines()
    lines += chance.choices(lines, k=30)
    chance.shuffle(lines)
    return as_file([header, *lines, *([header, *lines] if chance.random() < 0.5 else [])])


def another_header(chance: random.Random) -> str:
    lines = good_lines()
    names = list(NAMES)
    change = chance.randrange(5)
    if change == 0:
        chance.shuffle(names)
    elif change == 1:
        names[chance.randrange(12)] = chance.choice(BEYOND)
    elif change == 2:
        names.pop(chance.randrange(12))
    elif change == 3:
        names.append(chance.choice(names))
    else:
        names = [name.upper() for name in names]
    return as_file([",".join(names), *lines[1:]])


def as_a_spreadsheet_writes(chance: random.Random) -> str:
    separator = chance.choice(";\t,")
    lines = [line.replace(",", separator) for line in good_lines()]
    if chance.random() < 0.5:
        lines.insert(0, f"sep={separator}")
    for at in chance.sample(range(2, len(lines)), 20):
        lines[at] = re.sub(r"(\d{4})-(\d\d)-(\d\d) (\d\d:\d\d):\d\d", r"\3/\2/\1 \4", lines[at])
    return "\ufeff" + as_file(lines, "\r\n")


def mixed_separators(chance: random.Random) -> str:
    return as_file([line.replace(",", chance.choice(",,;\t|")) if at else line for at, line in enumerate(good_lines())])


def spoilt_json(chance: random.Random) -> str:
    objects = good_objects()
    values: list[object] = [*BEYOND, 7, -7, 7.5, True, None, [], [[7]], {}, 10**30]
    for each in objects:
        for treatment in chance.sample(each["treatments"], 9):
            treatment[chance.choice(NAMES[5:10])] = chance.choice(values)
        if chance.random() < 0.3:
            each[chance.choice(NAMES[:5])] = chance.choice([*BEYOND, 7, 7.5, False, None, [7], {"a": 1}])
    return as_file([json.dumps(each, ensure_ascii=chance.random() < 0.8) for each in objects])


def odd_json(chance: random.Random) -> str:
    first, second = (json.dumps(each) for each in good_objects())
    odd = chance.choice(
        [
            "[" * 100_000, '{"a":' * 100_000, "[]", "7", '"x"', "null", "{}", first[:-1], first + second, first + "]",
            first.replace('"counter"', '"serial": "1", "counter"'), first.replace('"n": 7', '"n": 7, "n": 8'),
            first.replace('"n": 7', '"n": 1e999'), first.replace('"n": 7', '"n": NaN'),
            first.replace('"n": 7', f'"n": {"9" * 5000}'), first.replace('"treatments"', '"Treatments"'),
            first.replace('"treatments": [', '"treatments": [[], 7, null, "x", '),
            first.replace('"serial"', '"colour": 1, "serial"'), '{"treatments": {}}', first.replace("{", "{\v"),
        ]
    )  # fmt: skip
    return as_file([first.replace('"n": 1,', '"n": 01,') if chance.random() < 0.2 else second, odd, first])


KINDS: dict[str, Kind] = {
    make.__name__.replace("_", " "): make
    for make in (
        one_value_spoilt, bytes_changed, a_bomb, nothing_but, bytes_put_in, another_encoding, cut_at_any_byte,
        all_quoted, quotes_without_partner, many_columns, a_huge_line, strange_line_ends, rows_again, another_header,
        as_a_spreadsheet_writes, mixed_separators, spoilt_json, odd_json,
    )
}  # fmt: skip
