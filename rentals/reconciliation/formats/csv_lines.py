"""CSV: one line a treatment, a pause or a bare reading, each with the read-out it comes from."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from operator import itemgetter

from rentals.reconciliation.formats.records import (
    NO_READ_OUT,
    PAUSE,
    READ_OUT,
    TREATMENT,
    pause_line,
    read_out_line,
    treatment_line,
)
from rentals.reconciliation.formats.text import Rejected, Shape, cells_of
from rentals.reconciliation.formats.values import BadRecord

LONGEST_CSV_LINE = 100_000  # characters; a good one has some hundred

# The end of a usual line from its number on: a treatment that is right at first sight. What is not found so is
# looked at cell by cell; a day that not every month has is, too.
_DAY = "(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31"
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
USUAL_TREATMENT = re.compile(
    f"[1-9][0-9]{{0,5}},(?:19[7-9][0-9]|20[0-9]{{2}})-(?:{_DAY})[ T]{_TIME},"
    "[0-9]{1,4},(?:completed|stopped|fault),[0-9A-Za-z._-]{0,20},,"
)


class CsvReader:
    """Stages line after line; what describes the read-out repeats from line to line and is looked at once."""

    def __init__(self, shape: Shape, at: datetime) -> None:
        self.shape, self.at = shape, at
        self.block = 0
        self.read_out: tuple[str, ...] = ()
        self.as_text = "\n"  # how the read-out stands at the beginning of its lines; so begins no line
        pickers = (picker(shape.names, wanted) for wanted in (READ_OUT, TREATMENT, PAUSE))
        self.read_out_of, self.treatment_of, self.pause_of = pickers

    def staged(self, number: int, line: str) -> str:
        """What one line says, for the staging table. Raises BadRecord."""
        if len(line) > LONGEST_CSV_LINE:
            raise BadRecord("This line is too long to be a record.")
        # The empty field at the end stands for all absent columns.
        fields = [*cells_of(line, self.shape.separator, len(self.shape.names)), ""]
        record = record_line(self.treatment_of(fields), self.pause_of(fields))
        described = self.new_read_out(number, self.read_out_of(fields), line)
        return described + (f"{number},{self.block},{record}" if record else "")

    def new_read_out(self, number: int, read_out: tuple[str, ...], line: str) -> str:
        """The read-out, where it is another than that of the line before."""
        if read_out == self.read_out:
            return ""
        described = read_out_line(number, self.block + 1, self.at, *read_out)
        self.block, self.read_out = self.block + 1, read_out
        text = ",".join(read_out) + ","
        self.as_text = text if self.shape.usual and line.startswith(text) else "\n"
        return described


def csv_records(
    shape: Shape, lines: Iterator[tuple[int, list[str]]], at: datetime, reject: Callable[[Rejected], None]
) -> Iterator[str]:
    """A usual line that goes on with the read-out of the line before is staged as it stands."""
    reader = CsvReader(shape, at)
    is_usual = USUAL_TREATMENT.fullmatch
    beginning, width = reader.as_text, len(reader.as_text)
    for first, batch in lines:
        staged = []
        for number, line in enumerate(batch, first):
            if line[:width] == beginning and is_usual(line, width):
                staged.append(f"{number},{reader.block},{line[width:]}{NO_READ_OUT}\n")
            elif number > shape.header and line and not line.isspace():
                try:
                    staged.append(reader.staged(number, line))
                except BadRecord as bad:
                    reject(Rejected(number, str(bad)))
                beginning, width = reader.as_text, len(reader.as_text)
        yield "".join(staged)


def picker(names: Sequence[str], wanted: Sequence[str]) -> Callable[[list[str]], tuple[str, ...]]:
    """A function that picks the `wanted` columns of a line; an absent column is empty on each line."""
    return itemgetter(*(names.index(name) if name in names else len(names) for name in wanted))


def record_line(treatment: Sequence[str], pause: Sequence[str]) -> str:
    """What one CSV line says beside its read-out: a treatment, a pause, or nothing."""
    if any(treatment):
        if any(pause):
            raise BadRecord("This line has both a started and a pause; a record is one or the other.")
        return treatment_line(*treatment)
    return pause_line(*pause) if any(pause) else ""
