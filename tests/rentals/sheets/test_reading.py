"""Files of every usual make are read alike, and those that are none are refused with a sentence."""

import io
import zipfile
from datetime import date, datetime

import pytest
from openpyxl import Workbook

from config.refusals import Refusal
from rentals.sheets import reading
from rentals.sheets.columns import match_columns, missing
from rentals.sheets.reading import read_table
from rentals.sheets.values import Wrong, condition, counter, day, phone, text, whole, yes_or_no

TODAY = date(2026, 3, 2)
LINES = [["Serial No", "Name"], ["0408017701", "Zoë Müller"], ["0109000456", "Ada; Example"]]


def as_csv(lines, delimiter=","):
    return "\r\n".join(delimiter.join(f'"{cell}"' for cell in line) for line in lines) + "\r\n"


def as_xlsx(lines):
    book, file = Workbook(), io.BytesIO()
    for line in lines:
        book.active.append(line)
    book.save(file)
    return file.getvalue()


def cells(content):
    table = read_table(content)
    return [list(table.headings), *(list(row.cells) for row in table.rows)]


def refused(content):
    with pytest.raises(Refusal) as refusal:
        read_table(content)
    assert (refusal.value.field, refusal.value.status) == ("file", 400)
    return refusal.value.message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_in_each_encoding_with_each_delimiter(encoding, delimiter):
    assert cells(as_csv(LINES, delimiter).encode(encoding)) == LINES


def test_an_xlsx_file_is_read_with_its_days_and_numbers():
    moment = datetime(1990, 5, 17)  # noqa: DTZ001 (a spreadsheet has no zone)
    assert cells(as_xlsx([["Serial", "Born", "Used"], ["0408017701", moment, 43]])) == [
        ["Serial", "Born", "Used"],
        ["0408017701", moment, 43],
    ]


def test_lines_keep_their_numbers_over_empty_ones_and_lines_within_a_cell():
    table = read_table(b'sep=;\n\nSerial;Note\n1;"one\ntwo"\n;\n3;x\n')
    assert [(row.line, row.cells[0]) for row in table.rows] == [(4, "1"), (7, "3")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no rows"),
        (b"Serial\n\n", "no rows"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "old Excel"),
        (b"PK\x03\x04 not really", "damaged"),
        (b"\x81\x8d\xff\xd8 a picture", "neither an XLSX file nor text"),
        (b'Serial\n"open', "line 2"),
        (b"Serial\n\x001", "no text has"),
        (b"Serial\n" + b"x" * 2001, "2,000 characters"),
        (b"Serial" + b",x" * 101 + b"\n1\n", "100 columns"),
    ],
)
def test_what_is_no_table_is_refused_with_what_to_do(content, said):
    assert said in refused(content)


def test_too_many_bytes_rows_and_lines_are_refused(monkeypatch):
    monkeypatch.setattr(reading, "MOST_ROWS", 3)
    monkeypatch.setattr(reading, "MOST_LINES", 10)
    assert "more than 3 rows" in refused(b"Serial\n1\n2\n3\n4\n")
    assert len(read_table(b"Serial\n1\n2\n3\n").rows) == 3
    assert "after line 10" in refused(b"Serial\n1\n" + b"\n" * 10 + b"2\n")
    monkeypatch.setattr(reading, "MOST_BYTES", 10)
    assert "larger than" in refused(b"Serial\n1234567")


def zipped(parts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, size in parts.items():
            packed.writestr(name, b"\0" * size)
    return file.getvalue()


def test_a_zip_bomb_and_a_zip_of_something_else_are_refused_unread():
    bomb = zipped({"[Content_Types].xml": 10, "xl/worksheets/sheet1.xml": reading.MOST_UNPACKED})
    assert len(bomb) < 100_000
    assert "too large once it is unpacked" in refused(bomb)
    assert "too large once it is unpacked" in refused(zipped(dict.fromkeys(map(str, range(501)), 0)))
    assert "no spreadsheet" in refused(zipped({"word.xml": 10}))


def test_columns_are_found_by_their_label_by_other_words_and_only_once():
    headings = ["S/N", "Part No.", "Treatments used (total)", "STATUS", "colour", "Serial Number"]
    assert match_columns("devices", headings) == {"serial": 5, "part_number": 1, "counter": 2, "condition": 3}
    assert match_columns("patients", ["Surname", "First name", "D.O.B.", "Mobile"]) == {
        "family_name": 0, "given_name": 1, "date_of_birth": 2, "phone": 3,
    }  # fmt: skip
    assert missing("rentals", match_columns("rentals", ["Patient", "Device", "Start"])) == ["Date of birth", "Due"]
    assert missing("patients", {"date_of_birth": 0, "given_name": 1}) == ["Given name and Family name (or Whole name)"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("3/4/2026", date(2026, 4, 3)),
        ("03.04.26", date(2026, 4, 3)),
        ("2026-04-03", date(2026, 4, 3)),
        ("2026-04-03 00:00:00", date(2026, 4, 3)),
        ("3 Apr 2026", date(2026, 4, 3)),
        ("Friday, 3rd April 2026", date(2026, 4, 3)),
        ("April 3, 2026", date(2026, 4, 3)),
        ("3-Apr-26", date(2026, 4, 3)),
        ("17/5/90", date(1990, 5, 17)),
        (46115, date(2026, 4, 3)),
        ("46115", date(2026, 4, 3)),
        (46115.75, date(2026, 4, 3)),
        (date(2026, 4, 3), date(2026, 4, 3)),
    ],
)
def test_days_are_read_in_the_usual_ways_with_the_day_first(written, meant):
    assert day(written, TODAY) == meant


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("4/13/2026", "no month 13"),
        ("31/02/2026", "is no day"),
        ("soon", "is no day"),
        ("12", "is no day"),
        ("3/4", "is no day"),
        ("3 Foo 2026", "is no day"),
        ("1/1/1066", "of the year 1066"),
    ],
)
def test_what_is_no_day_says_so(written, said):
    with pytest.raises(Wrong, match=said):
        day(written, TODAY)


def test_numbers_phones_and_words_are_read_as_people_write_them():
    assert [counter(cell, TODAY) for cell in ("1 234", "1,234", 43.0, "43")] == [1234, 1234, 43, 43]
    assert [phone(cell, TODAY) for cell in (412345678.0, "0412 345 678", "+61 2 9555 0100")] == [
        "0412345678", "0412 345 678", "+61 2 9555 0100",
    ]  # fmt: skip
    assert [yes_or_no(cell, TODAY) for cell in ("Yes", "n", True)] == [True, False, True]
    assert condition("In repair", TODAY) == "repair"
    assert text(40)(408017701.0, TODAY) == "408017701"


@pytest.mark.parametrize(
    ("read", "cell"),
    [(counter, "-1"), (counter, "4.5"), (counter, "many"), (whole(1, 10), "11"), (phone, "none"), (condition, "new"),
     (yes_or_no, "maybe"), (text(3), "abcd")],
)  # fmt: skip
def test_what_cannot_be_is_wrong(read, cell):
    with pytest.raises(Wrong):
        read(cell, TODAY)
