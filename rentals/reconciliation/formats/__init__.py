"""The two usage formats, CSV and JSON lines, read in flat memory.

Each good record becomes a line of text for `COPY` into the staging table (`STAGED` names its columns);
each bad one is named by its physical line (the header is 1) and a reason. A line that describes a
read-out comes before the treatments and pauses of that read-out and shares its `block` number.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import IO

from django.utils.translation import gettext as _

from config.refusals import Refusal
from rentals.reconciliation.formats.csv_lines import csv_records
from rentals.reconciliation.formats.json_lines import json_records
from rentals.reconciliation.formats.records import COLUMNS, COPY_OPTIONS, STAGED
from rentals.reconciliation.formats.text import (
    HEAD,
    LONGEST_LINE,
    MOST_REJECTED,
    Rejected,
    Shape,
    physical_lines,
    shape_of,
    texts,
)
from rentals.reconciliation.formats.values import BadRecord

__all__ = [
    "COLUMNS",
    "COPY_OPTIONS",
    "HEAD",
    "LONGEST_LINE",
    "MOST_REJECTED",
    "STAGED",
    "Rejected",
    "refuse_what_is_no_usage_data",
    "staging_lines",
]


def refuse_what_is_no_usage_data(file: IO[bytes]) -> None:
    """Raise `not_usage_data` (400) when the beginning of `file` is neither CSV with our header nor JSON lines."""
    shape_or_refusal(file.read(HEAD))
    file.seek(0)


def shape_or_refusal(head: bytes) -> Shape:
    try:
        return shape_of(head)
    except BadRecord as bad:
        words = _(
            "%(problem)s; send a CSV file in UTF-8 whose first line names its columns, separated by commas "
            "(%(columns)s), or JSON lines with one read-out a line."
        )
        about = {"problem": bad, "columns": ",".join(COLUMNS)}
        raise Refusal("not_usage_data", words % about, status=400, field="file") from None


def staging_lines(file: IO[bytes], *, at: datetime, reject: Callable[[Rejected], None]) -> Iterator[str]:
    """The records of `file` as text for the staging table, many lines at a time; bad ones go to `reject`.

    `at` is the moment of the import: no read-out lies after it. Raises `not_usage_data` (400) as above.
    """
    head = file.read(HEAD)
    shape = shape_or_refusal(head)
    lines = physical_lines(texts(head, file, shape.encoding), reject)
    if shape.names:
        return csv_records(shape, lines, at, reject)
    return json_records(lines, at, reject)
