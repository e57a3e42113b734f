"""A slow and obvious reader of what is good in a usage file, hostile or not."""

import csv
import json
import re
from datetime import date, datetime, timedelta

from tests.usage import HEADER, LATER

NAMES = HEADER.split(",")

Row = tuple[int, str, int, str, int, str, str]  # line, serial, n, started, seconds, outcome, code


class NoUsageData(Exception):
    """The whole file says nothing that could be taken."""


def reference(content: bytes) -> tuple[list[Row], set[int]]:
    """The good treatments of a file, and its lines with something that is not good. Slow, and written to be read."""
    utf_16 = content[:2] in (b"\xff\xfe", b"\xfe\xff") and content[:4] != b"\xff\xfe\0\0"
    text = content.decode("utf-16" if utf_16 else "utf-8-sig", "replace")
    lines = dict(enumerate(re.split("\r\n|\r|\n", text), 1))
    held = {number: line for number, line in lines.items() if line.strip()}
    if not held:
        raise NoUsageData
    first = min(held)
    if "\0" in held[first] or "\ufffd" in held[first]:
        raise NoUsageData
    if held[first].lstrip().startswith("{"):
        return reference_json(held)
    separator = ""
    if announced := re.fullmatch('"?sep=([,;\t])"?', held[first]):
        separator, first = announced[1], first + 1
    header = held.get(first, "").strip("\ufeff \n")
    found = [[name.strip().strip('"').lower() for name in header.split(each)] for each in separator or ",;\t"]
    fitting = [
        (each, names)
        for each, names in zip(separator or ",;\t", found, strict=True)
        if {"serial", "read_out_at"} <= set(names) <= set(NAMES) and len(set(names)) == len(names)
    ]
    if not fitting:
        raise NoUsageData
    return reference_csv({number: line for number, line in held.items() if number > first}, *fitting[0])


def reference_csv(lines: dict[int, str], separator: str, names: list[str]) -> tuple[list[Row], set[int]]:
    good: list[Row] = []
    bad = set()
    for number, line in lines.items():
        try:
            cells = next(csv.reader([line], delimiter=separator, strict=True))
            entry = {**dict.fromkeys(NAMES, ""), **dict(zip(names, cells, strict=True))}
            check_read_out(entry)
            treated, paused = any(entry[name] for name in NAMES[5:10]), any(entry[name] for name in NAMES[10:])
            if treated and not paused:
                good.append(treatment(number, entry["serial"], entry))
            elif treated or (paused and not is_pause(entry)):
                raise ValueError
        except (ValueError, csv.Error):
            bad.add(number)
    return good, bad


def reference_json(lines: dict[int, str]) -> tuple[list[Row], set[int]]:
    good: list[Row] = []
    bad = set()
    for number, line in lines.items():
        try:
            if len(line) > 4 * 2**20:
                raise ValueError
            entry = json.loads(line, object_pairs_hook=only_once)
            if not isinstance(entry, dict):
                raise ValueError
            treatments, pauses = entry.pop("treatments", []), entry.pop("pauses", [])
            if not isinstance(treatments, list) or not isinstance(pauses, list):
                raise ValueError
            serial = as_text(entry, NAMES[:5])["serial"]
            check_read_out(as_text(entry, NAMES[:5]))
        except (ValueError, AttributeError, RecursionError):
            bad.add(number)
            continue
        for each in treatments:
            try:
                good.append(treatment(number, serial, as_text(each, NAMES[5:10])))
            except (ValueError, AttributeError, TypeError):
                bad.add(number)
    return good, bad


def only_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError
    return dict(pairs)


def as_text(entry: dict[str, object], names: list[str]) -> dict[str, str]:
    if set(entry) - set(names) or any(type(value) not in (str, int, type(None)) for value in entry.values()):
        raise ValueError
    return {name: "" if entry.get(name) is None else str(entry[name]) for name in names}


def check_read_out(entry: dict[str, str]) -> None:
    """Raises ValueError for a read-out that cannot be."""
    rewritten = re.compile(
        "[0-9]+([.,][0-9]+)?[eE][+][0-9]+|[0-9]+[/.][0-9]+[/.][0-9]+.*|[0-9]{1,2}-[0-9]{1,2}-[0-9]{2,4}.*"
        "|[0-9-]{10}[ T][0-9]{1,2}:[0-9]{2}"
    )
    for name in ("serial", "part_number"):
        text = entry[name]
        if not seen_by_people(text) or len(text) > 40 or text != text.strip() or rewritten.fullmatch(text):
            raise ValueError
    moment = entry["read_out_at"]
    if not entry["serial"] or not re.fullmatch(
        r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)", moment, re.ASCII
    ):
        raise ValueError
    when = datetime.fromisoformat(moment)
    if not 1970 <= when.year <= 2100 or when > LATER + timedelta(days=1):
        raise ValueError
    if entry["device_clock"]:
        device_time(entry["device_clock"])
    if entry["counter"]:
        number(entry["counter"], 1_000_000)


def treatment(line: int, serial: str, entry: dict[str, str]) -> Row:
    """Raises ValueError for a treatment that cannot be."""
    n, seconds = number(entry["n"], 1_000_000), number(entry["seconds"], 86_400)
    started = device_time(entry["started"])
    if n < 1 or entry["outcome"] not in ("completed", "stopped", "fault"):
        raise ValueError
    if not seen_by_people(entry["code"]) or len(entry["code"]) > 20:
        raise ValueError
    return line, serial, n, started, seconds, entry["outcome"], entry["code"]


def is_pause(entry: dict[str, str]) -> bool:
    first, last = entry["paused_from"], entry["paused_to"]
    shapes = all(re.fullmatch(r"\d{4}-\d\d-\d\d", day, re.ASCII) for day in (first, last))
    return shapes and "1970" < first <= last < "2101" and date.fromisoformat(first) <= date.fromisoformat(last)


def number(text: str, most: int) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) > most:
        raise ValueError
    return int(text)


def device_time(text: str) -> str:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", text, re.ASCII):
        raise ValueError
    value = datetime.strptime(text.replace("T", " "), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
    if not 1970 <= value.year <= 2100:
        raise ValueError
    return str(value)


def seen_by_people(text: str) -> bool:
    return text.isprintable() and "\ufffd" not in text
