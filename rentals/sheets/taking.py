"""A spreadsheet from the upload to the end: kept, its columns matched, checked, and taken as a whole or dropped."""

from collections.abc import Collection, Mapping
from datetime import datetime
from types import ModuleType

from django.utils.translation import gettext as _

from config.models import Clinic, User
from config.refusals import Refusal, invalid
from patients.access import record_access
from patients.models import Access
from rentals.deciding import deciding
from rentals.models import Sheet
from rentals.sheets import of_devices, of_patients, of_rentals
from rentals.sheets.columns import FIELDS, match_columns, missing
from rentals.sheets.entries import KNOWN, Checked, understand
from rentals.sheets.reading import Table, read_table

OF: Mapping[str, ModuleType] = {
    Sheet.Kind.DEVICES: of_devices,
    Sheet.Kind.PATIENTS: of_patients,
    Sheet.Kind.RENTALS: of_rentals,
}


def upload(clinic: Clinic, *, kind: str, name: str, content: bytes, at: datetime, actor: User) -> Sheet:
    """Keep a file for `clinic`, its columns matched by their headings. Raises `invalid` (400) at `file` for what is no
    table."""
    table = read_table(content)
    return Sheet.objects.create(
        clinic=clinic,
        kind=kind,
        name=name[:200],
        content=content,
        columns=match_columns(kind, table.headings),
        uploaded_at=at,
        uploaded_by=actor,
    )


def set_columns(sheet: Sheet, columns: Mapping[str, int]) -> None:
    """Let the columns (numbers from 0) say what somebody says they do. Raises `invalid` (400) for one that says two."""
    table = table_of(sheet)
    known = {field.name for field in FIELDS[sheet.kind]}
    chosen = {name: number for name, number in columns.items() if name in known and number < len(table.headings)}
    for name, number in chosen.items():
        if list(chosen.values()).count(number) > 1:
            raise invalid(
                name, _("“%(heading)s” is chosen twice; a column says one thing.") % {"heading": table.headings[number]}
            )
    Sheet.objects.filter(pk=sheet.pk).update(columns=chosen)
    sheet.columns = chosen


def table_of(sheet: Sheet) -> Table:
    """What is in the file. Raises `wrong_state` once it was taken or dropped."""
    if not sheet.content:
        raise Refusal("wrong_state", _("This file was taken or dropped, and is kept no longer."))
    return read_table(bytes(sheet.content))


def check(sheet: Sheet, at: datetime) -> Checked:
    """The whole file as it is understood now; nothing is changed. Raises `columns_missing` where it cannot be."""
    table = table_of(sheet)
    if lacking := missing(sheet.kind, sheet.columns):
        words = _("Choose the column for: %(columns)s.") % {"columns": "; ".join(lacking)}
        raise Refusal("columns_missing", words, status=400)
    checked = Checked(sheet.kind, sheet.clinic, sheet.clinic.day_of(at))
    understand(table, sheet.columns, checked)
    OF[sheet.kind].check(checked)
    checked.problems.sort(key=lambda problem: (problem.line, problem.column))
    return checked


def record_shown(checked: Checked, *, at: datetime, actor: User) -> None:
    """Write down that `actor` was shown which people of the file are here (I10)."""
    record_access(actor, [pk for entry in checked.entries for pk in entry.people], Access.Action.LISTED, at)


def take(sheet: Sheet, *, confirmed: Collection[int], at: datetime, actor: User) -> dict[str, int]:
    """Take all that is new, and the doubtful lines `confirmed` to be somebody else, in one transaction; then the file
    is kept no longer.

    What is here already stays as it is. Returns how many were `new`, `known` and `skipped`. Raises `problems_left`
    where a line cannot be taken, and `wrong_state` where the file was taken or dropped; then nothing is changed.
    """
    with deciding():
        # Two desks that register one person at once must see each other.
        Clinic.objects.select_for_update(no_key=True).get(pk=sheet.clinic_id)
        sheet = Sheet.objects.select_for_update(of=("self",)).select_related("clinic").get(pk=sheet.pk)
        checked = check(sheet, at)
        if checked.problems:
            raise Refusal(
                "problems_left", _("Nothing was taken: correct what is listed here, and upload the file again.")
            )
        entries = checked.to_take(confirmed)
        made = OF[sheet.kind].take(entries, checked, at, actor) if entries else 0
        known = len(checked.in_state(KNOWN))
        counts = {"new": made, "known": known, "skipped": len(checked.entries) - len(entries) - known}
        Sheet.objects.filter(pk=sheet.pk).update(content=b"", taken_at=at, taken_by=actor, counts=counts)
    return counts


def drop(sheet: Sheet) -> None:
    """Keep the file no longer; nothing of it was taken. Raises `wrong_state` for one that was."""
    if not Sheet.objects.filter(pk=sheet.pk, taken_at=None).update(content=b""):
        raise Refusal("wrong_state", _("This file was taken already."))
