"""Lines of a spreadsheet as they are understood: what each says, and what is wrong with it."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from config.days import brief_day, long_day
from config.models import Clinic
from rentals.sheets.columns import FIELDS
from rentals.sheets.reading import Row, Table
from rentals.sheets.values import Wrong, could_be_month_first, day

NEW, KNOWN, DOUBTFUL, WRONG = "new", "known", "doubtful", "wrong"
LONGEST_SHOWN = 40


@dataclass
class Entry:
    """One line: `given` by the name of the field, only what is not empty.

    `state`: new; known (it is here already, and stays as it is); doubtful (`why`; a person has to confirm that it is
    another one); wrong. `found` is what there is of it already, `people` are ids of patients whom it made appear.
    """

    line: int
    given: dict[str, Any]
    state: str = NEW
    why: str = ""
    found: Any = None
    people: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Problem:
    """What keeps the file from being taken: where it stands, what is written there, and what to do about it."""

    line: int
    column: str
    written: str
    words: str


@dataclass
class Checked:
    """A whole file, understood. Without `problems` it can be taken; `remarks` say how something was understood."""

    kind: str
    clinic: Clinic
    today: date
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def refuse(self, entry: Entry, name: str, words: str) -> None:
        """Say what is wrong with one line, at the column of `name`."""
        entry.state = WRONG
        label = next(one.label for one in FIELDS[self.kind] if one.name == name)
        self.problems.append(Problem(entry.line, str(label), shown(entry.given.get(name, "")), words))

    def refuse_repeated(self, name: str, key: Callable[[Entry], Hashable], words: str) -> None:
        """Say of each sound line that says the same as an earlier one that it does, at `line`."""
        first: dict[Hashable, int] = {}
        for entry in self.sound():
            if key(entry) is None:
                continue
            line = first.setdefault(key(entry), entry.line)
            if line != entry.line:
                self.refuse(entry, name, words % {"line": line})

    def sound(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.state != WRONG]

    def in_state(self, state: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.state == state]

    def to_take(self, confirmed: Iterable[int]) -> list[Entry]:
        """What is new, and what was doubtful and confirmed, by line, to be another one."""
        lines = set(confirmed)
        return [*self.in_state(NEW), *(entry for entry in self.in_state(DOUBTFUL) if entry.line in lines)]


def shown(value: Any) -> str:
    """A value of a cell, as short as a list of problems wants it."""
    words = brief_day(value) if isinstance(value, date) else str(value)
    return words if len(words) <= LONGEST_SHOWN else f"{words[:LONGEST_SHOWN]}…"


def understand(table: Table, columns: dict[str, int], checked: Checked) -> None:
    """Read each cell by what its column says, and note what cannot be read."""
    checked.entries = [understood(row, columns, checked) for row in table.rows]
    say_how_days_were_read(table, columns, checked)


def understood(row: Row, columns: dict[str, int], checked: Checked) -> Entry:
    entry = Entry(row.line, {})
    for one in FIELDS[checked.kind]:
        number = columns.get(one.name)
        cell = row.cells[number] if number is not None and number < len(row.cells) else ""
        try:
            if cell != "":
                entry.given[one.name] = one.read(cell, checked.today)
            elif one.required:
                raise Wrong(_("is empty; fill it in, or delete the line"))
        except Wrong as wrong:
            entry.state = WRONG
            checked.problems.append(Problem(row.line, str(one.label), shown(cell), str(wrong)))
    if "full_name" in entry.given:
        part_name(entry, checked)
    elif checked.kind != "devices" and not {"given_name", "family_name"} <= entry.given.keys():
        checked.refuse(entry, "given_name", _("lacks a given or a family name; fill both in, or delete the line"))
    return entry


def part_name(entry: Entry, checked: Checked) -> None:
    """Both names of somebody whose whole name stands in one column."""
    whole = entry.given["full_name"]
    family, comma, given = whole.partition(",") if "," in whole else whole.rpartition(" ")[::-1]
    if not (given.strip() and family.strip() and comma) or max(len(given), len(family)) > 120:
        checked.refuse(entry, "full_name", _("is not two names; write it as in Example, Ada"))
        return
    entry.given.update(given_name=given.strip(), family_name=family.strip())


def say_how_days_were_read(table: Table, columns: dict[str, int], checked: Checked) -> None:
    """A remark for each column with days that others would read with the month first."""
    for one in FIELDS[checked.kind]:
        number = columns.get(one.name)
        cells = [row.cells[number] for row in table.rows if number is not None and number < len(row.cells)]
        unclear = [cell for cell in cells if could_be_month_first(cell)]
        if unclear and one.read is day:
            read = one.read(unclear[0], checked.today)
            checked.remarks.append(
                _(
                    "%(column)s: %(number)s could be read with the month first, too. The day was taken first, as "
                    "everywhere here: %(written)s is %(day)s."
                )
                % {"column": one.label, "number": len(unclear), "written": unclear[0], "day": long_day(read)}
            )
