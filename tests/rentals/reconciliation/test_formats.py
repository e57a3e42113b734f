"""Usage files: what is refused at once, what is rejected by line, what is read."""

import gzip
import io
import json
import re
import zipfile
from pathlib import Path

import pytest

from config.refusals import Refusal
from rentals.reconciliation.formats import LONGEST_LINE, Rejected, refuse_what_is_no_usage_data, staging_lines
from tests.usage import HEADER, LATER

READ_OUT = "1121000001,71034400,2026-03-01T10:00:00+11:00,2026-03-01 09:00:00,7"
GOOD = f"{READ_OUT},7,2026-02-28 18:00:00,1200,completed,,,"
SESSION = ",7,2026-02-28 18:00:00,1200,completed,,,"


def read(content: bytes | str) -> tuple[list[list[str]], list[Rejected]]:
    """The staged lines as fields, and the rejected records."""
    rejected: list[Rejected] = []
    raw = content.encode() if isinstance(content, str) else content
    lines = staging_lines(io.BytesIO(raw), at=LATER, reject=rejected.append)
    return [re.split(r"(?<!\\),", line) for part in lines for line in part.splitlines()], rejected


def reason_for(line: str) -> str:
    """Why the second line of a file is rejected; the good third is taken."""
    staged, rejected = read(f"{HEADER}\n{line}\n{GOOD}\n")
    assert [bad.line for bad in rejected] == [2]
    assert [fields[0] for fields in staged] == ["3", "3"]
    return rejected[0].reason


def workbook() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo("xl/workbook.xml"), "<workbook/>")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (workbook(), "workbook"),
        (gzip.compress(HEADER.encode(), mtime=0), "compressed"),
        (f"{HEADER}\n{GOOD}\n".encode("utf-32"), "UTF-32"),
        (f"{HEADER}\n{GOOD}\n".encode("utf-16-le"), "UTF-16 without its mark"),
        (b"\0" + HEADER.encode(), "not a text file"),
        (b"\xe9\xe8" * 100, "not UTF-8"),
        (HEADER.replace(",", ";", 3).encode(), "which is no column"),
        (HEADER.replace(",", "|").encode(), "which is no column"),
        (b"serial;n;started", "not separated by commas"),
        (b"sep=;\n" + HEADER.encode(), "which is no column"),
        (HEADER.replace("seconds", "minutes").encode(), "“minutes”, which is no column"),
        (f"{HEADER},n".encode(), "a column twice"),
        (HEADER.replace("serial,", "").encode(), "does not name serial"),
        (HEADER.replace("read_out_at,", "").encode(), "does not name read_out_at"),
        (b"x,y\n" * 1000, "no column"),
    ],
)
def test_a_file_that_is_no_usage_data_is_refused_at_once_with_what_is_right(content, said):
    with pytest.raises(Refusal) as refusal:
        refuse_what_is_no_usage_data(io.BytesIO(content))
    assert (refusal.value.code, refusal.value.status) == ("not_usage_data", 400)
    assert said in refusal.value.message
    assert "JSON lines" in refusal.value.message


@pytest.mark.parametrize("content", [HEADER, f"\ufeff{HEADER}\r\n{GOOD}\r\n", '\n{"serial": "1121000001"}'])
def test_a_file_that_may_be_usage_data_is_let_in_and_left_at_its_beginning(content):
    file = io.BytesIO(content.encode())
    refuse_what_is_no_usage_data(file)
    assert file.tell() == 0


def test_a_header_cut_in_the_middle_of_a_character_is_no_reason_to_refuse():
    file = io.BytesIO(HEADER.encode() + b"\n" + "é".encode() * 40_000)
    refuse_what_is_no_usage_data(file)


def test_a_line_is_taken_with_its_read_out_described_once():
    staged, rejected = read(f"{HEADER}\n{GOOD}\n{GOOD.replace(',7,2026-02-28', ',6,2026-02-27')}\n")
    assert not rejected
    assert [fields[:2] for fields in staged] == [["2", "1"], ["2", "1"], ["3", "1"]]
    assert staged[0][9:] == ["1121000001", "71034400", "2026-03-01 10:00:00+11:00", "2026-03-01 09:00:00", "7"]
    assert staged[1][2:7] == ["7", "2026-02-28 18:00:00", "1200", "completed", ""]


def test_columns_may_come_in_any_order_and_with_a_byte_order_mark():
    names, values = HEADER.split(","), GOOD.split(",")
    staged, rejected = read("\ufeff" + ",".join(reversed(names)) + "\r\n" + ",".join(reversed(values)) + "\r\n")
    assert (staged, rejected) == read(f"{HEADER}\n{GOOD}\n")


def test_columns_that_nobody_needs_may_be_left_out():
    staged, rejected = read("serial,read_out_at,counter\n1121000001,2026-03-01T10:00:00+11:00,7\n")
    assert not rejected
    assert staged[0][9:] == ["1121000001", "", "2026-03-01 10:00:00+11:00", "", "7"]


def test_quoted_fields_and_a_backslash_are_read():
    line = GOOD.replace("1121000001", '"1121000001"').replace("completed,,", 'stopped,"E\\1,2",')
    staged, rejected = read(f"{HEADER}\n{line}\n")
    assert not rejected
    assert staged[1][5:7] == ["stopped", "E\\\\1\\,2"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("1121000001", "", "serial is missing"),
        ("1121000001", "x" * 41, "serial"),
        ("1121000001", "11\x0021", "serial “11?21”"),
        ("71034400", "71\x07", "part_number"),
        ("2026-03-01T10:00:00+11:00", "2026-03-01T10:00:00", "is no time with its offset; write it like"),
        ("2026-03-01T10:00:00+11:00", "2027-03-01T10:00:00+11:00", "read_out_at"),
        ("2026-03-01 09:00:00", "01/03/2026 09:00", "device_clock “01/03/2026 09:00” is no time; write it like"),
        (",7,7,", ",-7,7,", "counter “-7” is not a whole number"),
        (",7,7,", ",7,-7,", "n “-7”"),
        (",7,7,", ",7,0,", "n counts from 1"),
        (",7,7,", ",7,7.0,", "n “7.0”"),
        (",7,7,", ",7,99999999999999999999,", "n “99999999999999999999”"),
        ("2026-02-28 18:00:00", "2026-02-31 18:00:00", "started “2026-02-31 18:00:00” is no time"),
        ("2026-02-28 18:00:00", "2026-02-28", "started"),
        ("2026-02-28 18:00:00", "2026-W09-6T18:00:00", "started"),
        ("2026-02-28 18:00:00", "0001-02-28 18:00:00", "started"),
        ("2026-02-28 18:00:00", "", "started (empty)"),
        ("1200", "", "seconds (empty)"),
        ("1200", "86401", "seconds"),
        ("completed", "done", "outcome “done” is none of completed, stopped, fault"),
        ("completed,,", "completed,12345678901234567890x,", "code"),
        ("completed,,,", "completed,,2026-02-01,2026-02-03", "one or the other"),
        ("completed,,,", "completed,,", "11 columns, the first line of the file names 12"),
        ("completed,,,", "completed,,,,", "13 columns"),
        ("completed,,,", 'completed,",,', "quotation mark"),
        (SESSION, ",,,,,,2026-02-03,2026-02-01", "paused_to lies before paused_from"),
        (SESSION, ",,,,,,2026-02-30,2026-03-01", "paused_from “2026-02-30” is no date"),
        (SESSION, ",,,,,,2026-02-03,", "paused_to (empty)"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_with_its_column_and_value_and_the_others_are_taken(field, value, said):
    assert field in GOOD
    assert said in reason_for(GOOD.replace(field, value, 1))


def test_a_line_of_ten_thousand_columns_is_rejected():
    assert "10000 columns" in reason_for("," * 9_999)


def test_a_line_without_an_end_is_rejected_in_pieces_and_the_next_is_taken():
    staged, rejected = read(f"{HEADER}\n{'x' * (2 * LONGEST_LINE + 5)}\n{GOOD}\n")
    assert rejected == [Rejected(2, "This line is too long to be a record.")]
    assert staged[0][0] == "3"


def test_a_file_cut_in_the_middle_of_a_line_loses_only_that_line():
    staged, rejected = read(f"{HEADER}\n{GOOD}\n{GOOD[:60]}")
    assert [fields[0] for fields in staged] == ["2", "2"]
    assert [bad.line for bad in rejected] == [3]


def test_blank_lines_are_counted_but_are_no_records():
    staged, rejected = read(f"{HEADER}\n\n  \n{GOOD}\n\n")
    assert (staged[0][0], rejected) == ("4", [])


def json_line(**changes: object) -> str:
    treatment = {"n": 7, "started": "2026-02-28 18:00:00", "seconds": 1200, "outcome": "completed", "code": ""}
    read_out = {
        "serial": "1121000001",
        "part_number": "71034400",
        "read_out_at": "2026-03-01T10:00:00+11:00",
        "device_clock": "2026-03-01 09:00:00",
        "counter": 7,
        "treatments": [treatment],
        "pauses": [],
    }
    return json.dumps({**read_out, **changes}) + "\n"


def test_json_lines_say_the_same_as_csv():
    from_json, rejected = read(json_line())
    from_csv, _ = read(f"{HEADER}\n{GOOD}\n")
    assert not rejected
    assert [fields[2:] for fields in from_json] == [fields[2:] for fields in from_csv]
    assert [fields[0] for fields in from_json] == ["1", "1"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{not json}\n", "not JSON"),
        ('{"a":' * 100_000 + "\n", "not JSON"),
        ("[1, 2]\n", "not a read-out"),
        (json_line(treatments={"n": 7}), "are lists"),
        (json_line(serial=None), "serial is missing"),
        (json_line(serial="\ud800"), "serial"),
        (json_line(colour="red"), "“colour” is no field"),
        (json_line(counter=-1), "counter “-1”"),
        (json_line(counter=True), "counter “True”"),
        (json_line(treatments=[7]), "Treatment 1: This is no object"),
        (json_line(treatments=[{"n": 7, "seconds": 5}]), "Treatment 1: started (empty)"),
        (
            json_line(pauses=[{"paused_from": "2026-02-03", "paused_to": "2026-02-01"}]),
            "Pause 1: paused_to lies before",
        ),
    ],
)
def test_a_bad_json_line_is_named_and_the_others_are_taken(line, said):
    staged, rejected = read(json_line() + line + json_line())
    assert [bad.line for bad in rejected] == [2]
    assert said in rejected[0].reason
    assert {"1", "3"} <= {fields[0] for fields in staged}


def test_one_bad_treatment_of_a_json_line_leaves_the_others():
    good = {"n": 8, "started": "2026-02-28 20:00:00", "seconds": 1200, "outcome": "completed"}
    staged, rejected = read(json_line(treatments=[{**good, "n": "x"}, good]))
    assert [(bad.line, bad.reason[:12]) for bad in rejected] == [(1, "Treatment 1:")]
    assert [fields[2] for fields in staged] == ["", "8"]


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("announced", ["", "sep={}\r\n", '"sep={}"\r\n'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_whose_header_is_parted_otherwise_or_in_utf_16_is_read_the_same(separator, announced, encoding):
    text = f"{HEADER}\r\n{GOOD}\r\n".replace(",", separator)
    first = announced.format(separator)
    content = (first + text).encode(encoding)
    refuse_what_is_no_usage_data(io.BytesIO(content))
    staged, rejected = read(content)
    assert (staged[0][9:], rejected) == (read(f"{HEADER}\n{GOOD}\n")[0][0][9:], [])
    assert staged[0][0] == ("3" if announced else "2")


def test_a_file_of_quoted_cells_is_read_the_same():
    quoted = "\n".join('"' + line.replace(",", '","') + '"' for line in (HEADER, GOOD))
    assert read(quoted) == read(f"{HEADER}\n{GOOD}\n")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("2026-02-28 18:00:00", "28/02/2026 18:00", "write it like 2026-01-31 18:05:00. A spreadsheet seems to have"),
        ("2026-02-28 18:00:00", "2026-02-28 18:00", "write it like 2026-01-31 18:05:00. A spreadsheet seems to have"),
        ("2026-03-01T10:00:00+11:00", "01/03/2026 10:00", "write it like 2026-01-31T18:05:00+11:00. A spreadsheet"),
        ("1121000001", "1.12E+09", "serial “1.12E+09” is none; write it like 1121000001. A spreadsheet seems to"),
        ("71034400", "7.1E+07", "part_number “7.1E+07” is none; write it like 71034400. A spreadsheet seems to"),
        (",7,7,", ",7,7E+0,", "write it like 12. A spreadsheet seems to"),
        ("1200", "20 min", "seconds “20 min” is not a whole number between 0 and 86400; write it like 1200."),
        ("1200", "\u0661\u0662", "is not a whole number"),
        ("1121000001", " 1121000001", "serial “ 1121000001” is none"),
        ("1121000001", "1121\ufffd01", "serial"),
    ],
)  # fmt: skip
def test_what_a_spreadsheet_has_rewritten_is_refused_with_an_example_of_what_is_right(field, value, said):
    assert said in reason_for(GOOD.replace(field, value, 1))


def test_a_line_with_other_separators_than_the_header_is_told_so():
    assert "names 12. Separate its columns by commas too, not by semicolons." in reason_for(GOOD.replace(",", ";"))


def test_a_number_with_a_comma_in_a_file_of_semicolons_is_refused_and_not_parted():
    content = f"{HEADER}\n{GOOD}\n".replace(",", ";").replace("1121000001", "1,12E+09")
    staged, rejected = read(content)
    assert not staged
    assert "serial “1,12E+09” is none" in rejected[0].reason


def test_bytes_that_are_no_characters_are_named_in_their_line_and_never_kept():
    good, latin = f"{GOOD}\n".encode(), GOOD.replace("completed,,", "completed,\xe9,").encode("latin-1")
    staged, rejected = read(HEADER.encode() + b"\n" + good + latin + b"\n" + good)
    assert [bad.line for bad in rejected] == [3]
    assert [fields[0] for fields in staged[1:]] == ["2", "4"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"serial": "1", "serial": "2"}', "“serial” stands twice in one object"),
        (json_line(serial=["1121000001"]), "serial is neither text nor a whole number"),
        (json_line(counter=7.0), "counter “7.0” is neither text nor a whole number"),
        (json_line().replace('"n": 7', '"n": 1e999'), "n “inf” is neither text nor a whole number"),
        (json_line().replace('"code": ""', '"code": []'), "code is neither text nor a whole number"),
    ],
)
def test_json_that_says_something_twice_or_in_another_kind_is_named(line, said):
    _, [bad] = read(json_line() + line + "\n" + json_line())
    assert bad.line == 2
    assert said in bad.reason


def test_the_examples_of_the_format_page_are_right():
    page = Path("docs/usage-data.md").read_text()
    examples = [line.strip() for line in page.splitlines() if line.startswith("    ")]
    as_csv = "\n".join(line for line in examples if not line.startswith("{"))
    as_json = "\n".join(line for line in examples if line.startswith("{"))
    assert as_csv.startswith(HEADER)
    for text, records in ((as_csv, 2 + 3), (as_json, 1 + 2)):
        staged, rejected = read(text)
        assert (len(staged), rejected) == (records, [])
