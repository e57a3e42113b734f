"""Reading a spreadsheet of any usual make into lines of cells: CSV in three encodings, or XLSX. Nothing is judged here
but whether it is a table that can be read, and not one made to break its reader."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _
from openpyxl import load_workbook

from config.refusals import Refusal, invalid
from config.words import grouped

MOST_BYTES = 5 * 1024 * 1024
MOST_UNPACKED = 60 * 1024 * 1024  # bytes, of an XLSX: it is a zip file
MOST_PARTS = 500  # of an XLSX
MOST_ROWS = 5_000
MOST_LINES = 20_000  # empty ones included
MOST_COLUMNS = 100
LONGEST_CELL = 2_000  # characters
ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Row:
    """One line of the file with its number, the first being 1, and its cells: text, or what XLSX makes of them."""

    line: int
    cells: tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    headings: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(content: bytes) -> Table:
    """The table in a file. The first line with anything in it has the headings; empty lines are passed over.

    Raises `invalid` (400) at `file` for what is none, is too large, or would be once unpacked.
    """
    if len(content) > MOST_BYTES:
        raise wrong(
            _("The file is larger than %(most)s MB; leave out what is not needed, or split it.")
            % {"most": MOST_BYTES // 1024 // 1024}
        )
    if content.startswith(OLD_EXCEL):
        raise wrong(_("This is a file of an old Excel (XLS), or one with a password. Save it as XLSX or CSV."))
    lines = xlsx_lines(content) if content.startswith(ZIP) else csv_lines(content)
    filled = list(islice((row for row in numbered(lines) if row.cells), MOST_ROWS + 2))
    if len(filled) > MOST_ROWS + 1:
        raise wrong(
            _("The file has more than %(most_rows)s rows; split it, and bring in one after the other.")
            % {"most_rows": grouped(MOST_ROWS)}
        )
    if len(filled) < 2:
        raise wrong(_("The file has no rows below its headings. The first line has to name the columns."))
    headings = tuple(" ".join(str(cell).split())[:80] for cell in filled[0].cells)
    return Table(headings, tuple(filled[1:]))


def wrong(words: str) -> Refusal:
    return invalid("file", words)


def numbered(lines: Iterable[tuple[int, Iterable[Any]]]) -> Iterator[Row]:
    for line, cells in lines:
        if line > MOST_LINES:
            raise wrong(
                _("The file goes on after line %(most_lines)s; delete the empty lines, or split it.")
                % {"most_lines": grouped(MOST_LINES)}
            )
        tidied = tuple(tidy(cell) for cell in cells)
        if any(cell != "" for cell in tidied[MOST_COLUMNS:]):
            raise wrong(
                _("The file has more than %(most_columns)s columns; leave out what is not needed.")
                % {"most_columns": MOST_COLUMNS}
            )
        filled = [number for number, cell in enumerate(tidied) if cell != ""]
        yield Row(line, tidied[: filled[-1] + 1 if filled else 0])


def tidy(cell: Any) -> Any:
    """A cell without the spaces around it, also those that are none on a keyboard; "" for nothing."""
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return cell
    if len(cell) > LONGEST_CELL or "\x00" in cell:
        raise wrong(
            _("A cell holds more than %(longest_cell)s characters, or signs that no text has.")
            % {"longest_cell": grouped(LONGEST_CELL)}
        )
    return cell.replace("\u00a0", " ").replace("\u202f", " ").replace("\ufeff", "").strip()


def csv_lines(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """The lines of a CSV file, each with the number of its first physical line."""
    text = decoded(content)
    first, _end, rest = text.partition("\n")
    shift, declared = 0, ""
    if first.strip().lower().startswith("sep=") and len(first.strip()) == len("sep=;"):
        text, shift, declared = rest, 1, first.strip()[-1]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=declared or delimiter_of(text), strict=True)
    line = shift
    try:
        for cells in reader:
            yield line + 1, cells
            line = shift + reader.line_num
    except csv.Error as error:
        raise wrong(
            _("The file cannot be read from line %(line)s on: a quotation mark is not closed, or none.")
            % {"line": line + 1}
        ) from error


def decoded(content: bytes) -> str:
    """The text of a CSV file in UTF-8, UTF-16 or Windows-1252, whichever it is."""
    encodings = [name for mark, name in MARKS if content.startswith(mark)] or guessed_encodings(content)
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise wrong(_("This is neither an XLSX file nor text. Save the spreadsheet as XLSX or as CSV (UTF-8)."))


def guessed_encodings(content: bytes) -> list[str]:
    """What a text without a mark may be written in; of UTF-16 every other byte of plain letters is nothing."""
    start = content[:2000]
    if start.count(b"\x00") > len(start) // 4:
        return ["utf-16-le"] if start[1::2].count(0) > start[0::2].count(0) else ["utf-16-be"]
    return ["utf-8", "cp1252"]


def delimiter_of(text: str) -> str:
    """The sign that parts the first line into most cells."""
    first = next((line for line in text.splitlines() if line.strip(" ,;\t")), "")
    return max(DELIMITERS, key=lambda sign: len(next(csv.reader([first], delimiter=sign), [])))


def xlsx_lines(content: bytes) -> Iterator[tuple[int, Iterable[Any]]]:
    """The lines of the first sheet of an XLSX file; of a formula what it came to when the file was saved."""
    refuse_bomb(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        yield from enumerate(sheet.iter_rows(max_col=MOST_COLUMNS + 1, values_only=True), start=1)
    except Refusal:
        raise
    except Exception as error:  # whatever a damaged file makes of the library
        raise wrong(_("The XLSX file is damaged, or has no sheet with a table. Open it and save it anew.")) from error


def refuse_bomb(content: bytes) -> None:
    """Refuse what would be far larger unpacked. No part unpacks to more than its entry says: reading stops there."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            parts = packed.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise wrong(_("The XLSX file is damaged. Open it and save it anew.")) from error
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise wrong(_("The XLSX file is far too large once it is unpacked. Save only the sheet that is needed."))
    if "[Content_Types].xml" not in {part.filename for part in parts}:
        raise wrong(_("This is a zip file, but no spreadsheet. Save the spreadsheet as XLSX or as CSV (UTF-8)."))
