"""The two usage formats, CSV and JSON lines, read one physical line at a time in flat memory.

Each good record becomes a line of text for `COPY` into the staging table (`STAGED` names its columns);
each bad one is named by its physical line (the header is 1) and a reason. A line that describes a
read-out comes before the treatments and pauses of that read-out and shares its `block` number.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import IO, Any

from config.refusals import Refusal

STAGED = {
    "line": "integer",
    "block": "integer",
    "n": "integer",
    "started": "timestamp",
    "seconds": "integer",
    "outcome": "text",
    "code": "text",
    "paused_from": "date",
    "paused_to": "date",
    "serial": "text",
    "part_number": "text",
    "read_out_at": "timestamptz",
    "device_clock": "timestamp",
    "counter": "integer",
}
READ_OUT = ("serial", "part_number", "read_out_at", "device_clock", "counter")
TREATMENT = ("n", "started", "seconds", "outcome", "code")
PAUSE = ("paused_from", "paused_to")
COLUMNS = (*READ_OUT, *TREATMENT, *PAUSE)
OUTCOMES = frozenset({"completed", "stopped", "fault"})

LONGEST_LINE = 10 * 2**20  # characters
HEAD = 64 * 2**10  # bytes
MOST_TREATMENTS = 1_000_000  # of one counter; a device delivers some hundreds
LONGEST_SESSION = 24 * 3600
CLOCKS_DIFFER_BY = timedelta(days=1)

WHAT_IS_RIGHT = (
    "send a CSV file in UTF-8 whose first line names its columns, separated by commas ("
    + ",".join(COLUMNS)
    + "), or JSON lines with one read-out a line"
)


class BadRecord(Exception):
    """Why one record cannot be taken."""


@dataclass(frozen=True)
class Rejected:
    """One record that was not taken: its physical line and why."""

    line: int
    reason: str


def refuse_what_is_no_usage_data(file: IO[bytes]) -> None:
    """Raise `not_usage_data` (400) when the beginning of `file` is neither CSV with our header nor JSON lines."""
    head = file.read(HEAD)
    file.seek(0)
    problem = problem_with(head)
    if problem:
        raise Refusal("not_usage_data", f"{problem}; {WHAT_IS_RIGHT}.", status=400, field="file")


def problem_with(head: bytes) -> str:
    """What is wrong with the first bytes of a file, or "" when they may be usage data."""
    if not head.strip():
        return "This file is empty"
    if head.startswith(b"PK\x03\x04"):
        return "This is a workbook or an archive, not a text file"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "This text is UTF-16"
    if b"\0" in head:
        return "This is not a text file"
    try:
        # The last characters may be cut in the middle.
        text = head.decode("utf-8-sig", errors="strict" if len(head) < HEAD else "ignore")
    except UnicodeDecodeError:
        return "This text is not UTF-8"
    first_line = text.lstrip().splitlines()[0]
    return "" if first_line.startswith("{") else problem_with_header(first_line)


def problem_with_header(header: str) -> str:
    """Why `header` cannot be the first line of our CSV, or ""."""
    names = column_names(header)
    if len(names) == 1 and (";" in header or "\t" in header):
        return "The columns are not separated by commas"
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        return f"The first line names {shown(unknown[0])}, which is no column of usage data"
    if len(set(names)) < len(names):
        return "The first line names a column twice"
    missing = [name for name in ("serial", "read_out_at") if name not in names]
    return f"The first line does not name {missing[0]}" if missing else ""


def column_names(header: str) -> list[str]:
    return [name.strip().strip('"').lower() for name in header.strip().split(",")]


def staging_lines(file: IO[bytes], *, at: datetime, reject: Callable[[Rejected], None]) -> Iterator[str]:
    """The records of `file` as lines for the staging table; bad ones go to `reject`.

    Its first line was found right when the file was queued.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace")
    lines = physical_lines(text, reject)
    number, first = next(lines, (1, ""))
    if first.lstrip().startswith("{"):
        return json_records(chain_one((number, first), lines), at, reject)
    return csv_records(column_names(first), lines, at, reject)


def chain_one(first: tuple[int, str], rest: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    yield first
    yield from rest


def physical_lines(text: IO[str], reject: Callable[[Rejected], None]) -> Iterator[tuple[int, str]]:
    """The lines that hold something, with their numbers; one that is too long is rejected in pieces."""
    number = 0
    while line := text.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE and not line.endswith("\n"):
            while len(line) == LONGEST_LINE and not line.endswith("\n"):
                line = text.readline(LONGEST_LINE)
            reject(Rejected(number, "This line is too long to be a record."))
        elif line.strip():
            yield number, line


def csv_records(
    names: list[str], lines: Iterator[tuple[int, str]], at: datetime, reject: Callable[[Rejected], None]
) -> Iterator[str]:
    """Each CSV line; what describes the read-out repeats from line to line and is looked at once."""
    read_out_of, treatment_of, pause_of = (picker(names, wanted) for wanted in (READ_OUT, TREATMENT, PAUSE))
    block, last = 0, None
    for number, line in lines:
        try:
            fields = split(line, len(names))
            treatment, pause = treatment_of(fields), pause_of(fields)
            staged = record_line(number, treatment, pause)
            read_out = read_out_of(fields)
            if read_out != last:
                described = read_out_line(number, block + 1, at, *read_out)
                block, last = block + 1, read_out
                yield described
        except BadRecord as bad:
            reject(Rejected(number, str(bad)))
            continue
        if staged:
            yield f"{number}\t{block}\t{staged}"


def picker(names: list[str], wanted: Sequence[str]) -> Callable[[list[str]], tuple[str, ...]]:
    """A function that picks the `wanted` columns of a line; an absent column is empty on each line."""
    # The empty field that `split` adds at the end stands for all absent columns.
    return itemgetter(*(names.index(name) if name in names else len(names) for name in wanted))


def split(line: str, width: int) -> list[str]:
    """The fields of one CSV line, and an empty one; a field never holds a line break."""
    line = line.rstrip("\r\n")
    if '"' in line:
        try:
            fields = next(csv.reader([line], strict=True))
        except csv.Error:
            raise BadRecord("This line has a quotation mark without its partner.") from None
    else:
        fields = line.split(",")
    if len(fields) != width:
        raise BadRecord(f"This line has {len(fields)} columns, the first line of the file names {width}.")
    fields.append("")
    return fields


def record_line(number: int, treatment: Sequence[str], pause: Sequence[str]) -> str:
    """What one CSV line says beside its read-out: a treatment, a pause, or nothing."""
    if any(treatment):
        if any(pause):
            raise BadRecord("This line has both a started and a pause; a record is one or the other.")
        return treatment_line(*treatment)
    return pause_line(*pause) if any(pause) else ""


def json_records(lines: Iterator[tuple[int, str]], at: datetime, reject: Callable[[Rejected], None]) -> Iterator[str]:
    """Each line of JSON is one read-out with its treatments and pauses."""
    for block, (number, line) in enumerate(lines, 1):
        try:
            read_out, treatments, pauses = parts_of(line)
            yield read_out_line(number, block, at, *fields_of(read_out, READ_OUT))
        except BadRecord as bad:
            reject(Rejected(number, str(bad)))
            continue
        for kind, columns, entries, as_line in (
            ("Treatment", TREATMENT, treatments, treatment_line),
            ("Pause", PAUSE, pauses, pause_line),
        ):
            for position, entry in enumerate(entries, 1):
                try:
                    staged = as_line(*fields_of(entry, columns))
                except BadRecord as bad:
                    reject(Rejected(number, f"{kind} {position}: {bad}"))
                else:
                    yield f"{number}\t{block}\t{staged}"


def parts_of(line: str) -> tuple[Mapping[str, Any], list[Any], list[Any]]:
    """One JSON line taken apart into the read-out, its treatments and its pauses."""
    try:
        read_out = json.loads(line)
    except (ValueError, RecursionError):
        raise BadRecord("This line is not JSON.") from None
    if not isinstance(read_out, dict):
        raise BadRecord("This line is not a read-out.")
    parts = [read_out.pop(name, []) for name in ("treatments", "pauses")]
    if not all(isinstance(part, list) for part in parts):
        raise BadRecord("treatments and pauses are lists.")
    return read_out, parts[0], parts[1]


def fields_of(entry: Any, columns: Sequence[str]) -> list[str]:
    """The values of a JSON object as the text that CSV would hold."""
    if not isinstance(entry, dict):
        raise BadRecord("This is no object with names and values.")
    unknown = [name for name in entry if name not in columns]
    if unknown:
        raise BadRecord(f"{shown(unknown[0])} is no field of usage data.")
    return ["" if entry.get(name) is None else str(entry[name]) for name in columns]


def treatment_line(n: str, started: str, seconds: str, outcome: str, code: str) -> str:
    """A treatment for the staging table, from its number on. Raises BadRecord."""
    number = whole("n", n, MOST_TREATMENTS)
    if not number:
        raise BadRecord("n counts from 1.")
    device_time("started", started)
    length = whole("seconds", seconds, LONGEST_SESSION)
    if outcome not in OUTCOMES:
        raise BadRecord(f"outcome {shown(outcome)} is none of completed, stopped, fault.")
    if code and (len(code) > 20 or not code.isprintable()):
        raise BadRecord(f"code {shown(code)} is no code.")
    return f"{number}\t{started}\t{length}\t{outcome}\t{escaped(code)}{NO_PAUSE}{NO_READ_OUT}\n"


def pause_line(paused_from: str, paused_to: str) -> str:
    """A pause for the staging table; both days belong to it. Raises BadRecord."""
    first, last = day("paused_from", paused_from), day("paused_to", paused_to)
    if last < first:
        raise BadRecord("paused_to lies before paused_from.")
    return f"{NO_TREATMENT}{first}\t{last}{NO_READ_OUT}\n"


def read_out_line(
    line: int,
    block: int,
    at: datetime,
    serial: str,
    part_number: str,
    read_out_at: str,
    device_clock: str,
    counter: str,
) -> str:
    """A read-out for the staging table. Raises BadRecord, also for one that lies after `at`."""
    for name, text in (("serial", serial), ("part_number", part_number)):
        if len(text) > 40 or not text.isprintable():
            raise BadRecord(f"{name} {shown(text)} is none.")
    if not serial:
        raise BadRecord("serial is missing.")
    moment = true_moment("read_out_at", read_out_at)
    if moment > at + CLOCKS_DIFFER_BY:
        raise BadRecord(f"read_out_at {shown(read_out_at)} has not come yet.")
    clock = device_time("device_clock", device_clock) if device_clock else None
    shows = whole("counter", counter, MOST_TREATMENTS) if counter else None
    values = (serial, part_number, moment, clock, shows)
    described = "\t".join("\\N" if value is None else escaped(str(value)) for value in values)
    return f"{line}\t{block}\t{NO_TREATMENT[:-1]}{NO_PAUSE}\t{described}\n"


NO_TREATMENT = "\\N\t" * len(TREATMENT)
NO_PAUSE = "\t\\N" * len(PAUSE)
NO_READ_OUT = "\t\\N" * len(READ_OUT)


@lru_cache(maxsize=4096)
def whole(name: str, text: str, most: int) -> int:
    """Kept from call to call: the same lengths and numbers come again and again."""
    if text.isdecimal() and len(text) < 10 and (value := int(text)) <= most:
        return value
    raise BadRecord(f"{name} {shown(text)} is not a whole number between 0 and {most}.")


def device_time(name: str, text: str) -> datetime:
    """A time as the device showed it: exactly this form, so that nothing is guessed."""
    if len(text) == 19 and text[4:8:3] == "--" and text[13:17:3] == "::" and text[10] in " T":
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            if 1970 <= value.year <= 2100:
                return value
    raise BadRecord(f"{name} {shown(text)} is no time; write it like 2026-01-31 18:05:00.")


def true_moment(name: str, text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        value = datetime.min  # noqa: DTZ901 (refused below)
    if value.tzinfo is None or not 1970 <= value.year <= 2100:
        raise BadRecord(f"{name} {shown(text)} is no time with its offset; write it like 2026-01-31T18:05:00+11:00.")
    return value


def day(name: str, text: str) -> date:
    try:
        value = date.fromisoformat(text)
    except ValueError:
        value = None
    if value is None or len(text) != 10 or not 1970 <= value.year <= 2100:
        raise BadRecord(f"{name} {shown(text)} is no date; write it like 2026-01-31.")
    return value


def escaped(text: str) -> str:
    """For the text form of `COPY`; what is not printable was refused before."""
    return text.replace("\\", "\\\\") if "\\" in text else text


def shown(text: str) -> str:
    """The beginning of `text`, harmless in a sentence."""
    beginning = "".join(character if character.isprintable() else "?" for character in text[:40])
    return f"“{beginning}”" if beginning else "(empty)"
