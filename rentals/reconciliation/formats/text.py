"""The text of a usage file: its encoding, its first line, its physical lines."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import IO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rentals.reconciliation.formats.records import COLUMNS
from rentals.reconciliation.formats.values import CANNOT_BE_READ, BadRecord, shown

LONGEST_LINE = 4 * 2**20  # characters: a read-out of some ten thousand treatments in JSON
HEAD = 64 * 2**10  # bytes
CHUNK = 256 * 2**10  # bytes
MOST_REJECTED = 10_000  # records; a file that is mostly wrong is better sent again
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}

NOT_TEXT = (
    (
        b"PK",
        gettext_lazy("This is a workbook or an archive, not a text file: export it again, or save it as “CSV UTF-8”"),
    ),
    (b"\x1f\x8b", gettext_lazy("This file is compressed: unpack it first")),
    (
        b"\xd0\xcf\x11\xe0",
        gettext_lazy("This is a workbook, not a text file: export it again, or save it as “CSV UTF-8”"),
    ),
    (b"%PDF", gettext_lazy("This is a PDF, not a text file: export it again as CSV")),
    (b"\xff\xfe\0\0", gettext_lazy("This text is UTF-32: export it again, or save it as “CSV UTF-8”")),
    (b"\0\0\xfe\xff", gettext_lazy("This text is UTF-32: export it again, or save it as “CSV UTF-8”")),
)


@dataclass(frozen=True)
class Rejected:
    """One record that was not taken: its physical line and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class Shape:
    """How a file is written; `names` are the columns of a CSV file, empty for JSON lines."""

    encoding: str
    separator: str = ","
    names: tuple[str, ...] = ()
    header: int = 0  # its physical line

    @property
    def usual(self) -> bool:
        """Whether its lines have the columns and separators of the format page, so that they need no sorting."""
        return self.separator == "," and self.names == COLUMNS


def shape_of(head: bytes) -> Shape:
    """How the file that begins with `head` is written. Raises BadRecord for what is no usage data."""
    if not head.strip(b" \t\r\n\0"):
        raise BadRecord(_("This file is empty"))
    for beginning, problem in NOT_TEXT:
        if head.startswith(beginning):
            raise BadRecord(str(problem))
    encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    lines = re.split("\r\n|\r|\n", decoder.decode(head, final=len(head) < HEAD))
    number, first = next(((number, line) for number, line in enumerate(lines, 1) if line.strip()), (1, ""))
    refuse_what_is_no_text(first, encoding)
    if first.lstrip().startswith("{"):
        return Shape(encoding)
    if announced := re.fullmatch(r'"?sep=([,;\t])"?', first):  # what spreadsheets leave for each other
        separator, number, first = announced[1], number + 1, lines[number] if number < len(lines) else ""
        return Shape(encoding, separator, header_names(first, separator), number)
    separator = separator_of(first)
    return Shape(encoding, separator, header_names(first, separator), number)


def refuse_what_is_no_text(first_line: str, encoding: str) -> None:
    if "\0" in first_line:
        raise BadRecord(
            _("This is not a text file, or UTF-16 without its mark: export it again, or save it as “CSV UTF-8”")
        )
    if CANNOT_BE_READ in first_line:
        raise BadRecord(
            _("This text is not %(encoding)s: export it again, or save it as “CSV UTF-8”")
            % {"encoding": encoding.removesuffix("-sig").upper()}
        )
    if not first_line:
        raise BadRecord(_("This file is empty"))


def separator_of(header: str) -> str:
    """What separates the columns: the one that parts the columns that each file has; else the comma."""
    for separator in SEPARATORS:
        if {"serial", "read_out_at"} <= set(cells(header, separator)):
            return separator
    return ","


def cells(header: str, separator: str) -> list[str]:
    return [name.strip().strip('"').lower() for name in header.strip("\ufeff \n").split(separator)]


def header_names(header: str, separator: str) -> tuple[str, ...]:
    """The names of the columns. Raises BadRecord for what cannot be the first line of our CSV."""
    names = cells(header, separator)
    if len(names) == 1 and (";" in header or "\t" in header):
        raise BadRecord(_("The columns of the first line are not separated by commas"))
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise BadRecord(
            _("The first line names %(name)s, which is no column of usage data") % {"name": shown(unknown[0])}
        )
    if len(set(names)) < len(names):
        raise BadRecord(_("The first line names a column twice"))
    missing = [name for name in ("serial", "read_out_at") if name not in names]
    if missing:
        raise BadRecord(_("The first line does not name %(name)s") % {"name": missing[0]})
    return tuple(names)


def texts(head: bytes, file: IO[bytes], encoding: str) -> Iterator[str]:
    """The file decoded, a piece at a time, each line ended by a line feed."""
    # What cannot be decoded becomes a character that no value may hold.
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(errors="replace"), translate=True)
    piece = head
    while piece:
        yield decoder.decode(piece)
        piece = file.read(CHUNK)
    yield decoder.decode(b"", final=True)


def physical_lines(texts: Iterable[str], reject: Callable[[Rejected], None]) -> Iterator[tuple[int, list[str]]]:
    """Lines in batches, each with the number of its first; one that is too long is rejected and left empty."""
    number, rest = 1, ""
    for text in chain(texts, ["\n"]):
        lines = text.split("\n")
        if len(rest) <= LONGEST_LINE:  # of a longer one the rest is read only to find its end
            rest += lines[0]
        lines[0] = rest
        rest = lines.pop()
        if not lines:
            continue
        if len(lines[0]) > LONGEST_LINE:
            reject(Rejected(number, "This line is too long to be a record."))
            lines[0] = ""
        yield number, lines
        number += len(lines)


def cells_of(line: str, separator: str, width: int) -> list[str]:
    """The cells of one CSV line; a cell never holds a line break. Raises BadRecord."""
    found = line.count(separator) + 1
    if '"' not in line:
        fields = line.split(separator) if found == width else []
    else:
        try:
            fields = next(csv.reader([line], delimiter=separator, strict=True))
        except csv.Error:
            raise BadRecord("This line has a quotation mark without its partner.") from None
        found = len(fields)
    if found != width:
        raise BadRecord(
            f"This line has {columns(found)}, the first line of the file names {width}.{mixed(line, separator)}"
        )
    return fields


def columns(number: int) -> str:
    return "1 column" if number == 1 else f"{number} columns"


def mixed(line: str, separator: str) -> str:
    """What to do where a line is parted by something else than the first one."""
    others = [name for other, name in SEPARATORS.items() if other != separator and line.count(other) > 1]
    return f" Separate its columns by {SEPARATORS[separator]} too, not by {others[0]}." if others else ""
