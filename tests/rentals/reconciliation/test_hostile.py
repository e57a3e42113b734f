"""T11: two hundred files that no device wrote. Nothing breaks, nothing wrong is taken, each bad line is named."""

import io
import re
import tracemalloc
from collections import defaultdict

import pytest

from config.refusals import Refusal
from devices.models import Device
from rentals.models import Treatment, UsageImport
from rentals.reconciliation.formats import Rejected, refuse_what_is_no_usage_data, staging_lines
from tests import make
from tests.rentals.reconciliation import hostile
from tests.rentals.reconciliation.hostile import hostile_files
from tests.rentals.reconciliation.reference import NoUsageData, Row, reference
from tests.shared import shared
from tests.usage import HEADER, LATER, import_file

MOST_MEMORY = 60 * 2**20  # bytes
FILES = defaultdict(list)  # by what was done to them
for made in hostile_files():
    FILES[made.name.partition(" ")[2]].append(made)


def read(content: bytes) -> tuple[list[Row], list[Rejected]]:
    """The treatments that would be staged, each with the serial of its read-out, and what is rejected."""
    rejected: list[Rejected] = []
    serials: dict[str, str] = {}
    found = []
    for part in staging_lines(io.BytesIO(content), at=LATER, reject=rejected.append):
        for text in part.removesuffix("\n").split("\n") if part else []:
            cells = [re.sub(r"\\(.)", r"\1", cell) for cell in re.split(r"(?<!\\)(?:\\\\)*,", text)]
            line, block, n, started, seconds, outcome, code = cells[:7]
            if cells[9]:
                serials[block] = cells[9]
            if n:
                row = int(line), serials[block], int(n), started.replace("T", " "), int(seconds), outcome, code
                found.append(row)
    return found, rejected


@shared
def device() -> Device:
    model = make.device_model(part_number=hostile.PART_NUMBER)
    return make.device(model=model, serial=hostile.SERIAL, at=LATER.replace(year=2024))


@pytest.mark.parametrize("kind", FILES)
def test_what_is_read_is_what_a_slow_and_obvious_reader_finds(kind):
    for made in FILES[kind]:
        check_reading(made)


def check_reading(made: hostile.Hostile) -> None:
    try:
        good, bad = reference(made.content)
    except NoUsageData:
        with pytest.raises(Refusal) as refusal:
            refuse_what_is_no_usage_data(io.BytesIO(made.content))
        assert "send a CSV file in UTF-8" in refusal.value.message
        return
    refuse_what_is_no_usage_data(io.BytesIO(made.content))
    found, rejected = read(made.content)
    assert found == good, made.name
    assert {each.line for each in rejected} == bad, made.name
    assert all(len(each.reason) > 10 and each.reason.isprintable() for each in rejected)


def test_no_hostile_file_takes_much_memory():
    """A line is read to its end, but never kept beyond what a record may be."""
    huge = HEADER.encode() + b"\n" + b"x" * 2 * MOST_MEMORY + b"\n" + hostile.good_line(1).encode()
    file = io.BytesIO(huge)
    tracemalloc.start()
    found = sum(1 for _ in staging_lines(file, at=LATER, reject=lambda _: None))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found
    assert peak < MOST_MEMORY


@pytest.mark.parametrize("made", list(hostile_files(36))[::2], ids=lambda made: made.name)
def test_an_import_of_it_ends_with_a_sentence_and_takes_nothing_wrong(device, made):
    try:
        good, bad = reference(made.content)
        done = import_file(made.content)
    except (NoUsageData, Refusal):
        return
    assert done.status == "done" or done.failure.endswith((".", "…"))
    assert all(each["line"] and each["reason"] for each in done.rejected)
    assert taken() <= {row[2:] for row in good if row[1] == hostile.SERIAL}
    if done.status == "done":
        named = lines_named_by_the_database(done)
        assert {row[0] for row in taken()} == {row[2] for row in good if row[0] not in named}
        assert bad <= {each["line"] for each in done.rejected}
        again = import_file(made.content)
        assert (again.status, again.accepted) == ("done", 0)


def taken() -> set[tuple[int, str, int, str, str]]:
    columns = ("n", "started_device", "seconds", "outcome", "code")
    return {(n, str(started), *rest) for n, started, *rest in Treatment.objects.values_list(*columns)}


def lines_named_by_the_database(done: UsageImport) -> set[int]:
    """The lines that are right in themselves, but of no device here or later than their own read-out."""
    known_reasons = ("No device here has the serial", "lies after the read-out")
    return {each["line"] for each in done.rejected if any(reason in each["reason"] for reason in known_reasons)}
