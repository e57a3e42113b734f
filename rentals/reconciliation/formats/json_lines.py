"""JSON lines: one read-out a line, with its treatments and pauses."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rentals.reconciliation.formats.records import (
    PAUSE,
    READ_OUT,
    TREATMENT,
    pause_line,
    read_out_line,
    treatment_line,
)
from rentals.reconciliation.formats.text import Rejected
from rentals.reconciliation.formats.values import BadRecord, shown


def json_records(
    lines: Iterator[tuple[int, list[str]]], at: datetime, reject: Callable[[Rejected], None]
) -> Iterator[str]:
    """Each line of JSON is one read-out, and one block."""
    for first, batch in lines:
        for number, line in enumerate(batch, first):
            if line and not line.isspace():
                yield "".join(records_of(number, line, at, reject))


def records_of(number: int, line: str, at: datetime, reject: Callable[[Rejected], None]) -> Iterator[str]:
    """The read-out of one line, then what is good of its treatments and pauses."""
    try:
        read_out, treatments, pauses = parts_of(line)
        yield read_out_line(number, number, at, *fields_of(read_out, READ_OUT))
    except BadRecord as bad:
        reject(Rejected(number, str(bad)))
        return
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
                yield f"{number},{number},{staged}"


def parts_of(line: str) -> tuple[Mapping[str, Any], list[Any], list[Any]]:
    """One JSON line taken apart into the read-out, its treatments and its pauses."""
    try:
        read_out = json.loads(line, object_pairs_hook=object_of)
    except (ValueError, RecursionError):
        raise BadRecord("This line is not JSON.") from None
    if not isinstance(read_out, dict):
        raise BadRecord("This line is not a read-out; write it like {“serial”: …, “read_out_at”: …}.")
    parts = [read_out.pop(name, []) for name in ("treatments", "pauses")]
    if not all(isinstance(part, list) for part in parts):
        raise BadRecord("treatments and pauses are lists; write them like [{…}, {…}].")
    return read_out, parts[0], parts[1]


def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, unless it says one thing twice: nobody can tell which is meant."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadRecord(f"{shown(name)} stands twice in one object; say it once.")
        found[name] = value
    return found


def fields_of(entry: Any, columns: Sequence[str]) -> list[str]:
    """The values of a JSON object as the text that CSV would hold."""
    if not isinstance(entry, dict):
        raise BadRecord("This is no object with names and values.")
    unknown = [name for name in entry if name not in columns]
    if unknown:
        raise BadRecord(f"{shown(unknown[0])} is no field of usage data.")
    return [text_of(name, entry.get(name)) for name in columns]


def text_of(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    what = f" {shown(str(value))}" if isinstance(value, bool | float) else ""
    raise BadRecord(f"{name}{what} is neither text nor a whole number.")
