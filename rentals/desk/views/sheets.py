"""Bring your spreadsheet: uploaded, its columns matched, looked at with all that is wrong in it, taken or dropped."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from config.refusals import Refusal
from patients.models import Patient
from rentals.desk.forms.sheets import ColumnsForm, TakeForm, UploadForm
from rentals.desk.page import BaseFormPage, BasePage
from rentals.models import Sheet
from rentals.sheets.columns import FIELDS, Field
from rentals.sheets.entries import DOUBTFUL, KNOWN, NEW, Checked, Entry
from rentals.sheets.taking import check, drop, record_shown, set_columns, table_of, take, upload
from rentals.templatetags.desk import day

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


MOST_SHEETS, MOST_ROWS, MOST_PROBLEMS, MOST_REMARKS = 20, 20, 200, 20
ROWS_A_SECOND = {Sheet.Kind.DEVICES: 1000, Sheet.Kind.PATIENTS: 700, Sheet.Kind.RENTALS: 200}  # as measured, on 2 cores
IN_WORDS = {
    NEW: pgettext_lazy("a line of a file", "new"),
    KNOWN: gettext_lazy("here already"),
    DOUBTFUL: gettext_lazy("perhaps here"),
    "wrong": pgettext_lazy("a line of a file", "wrong"),
}


class Spreadsheets(BaseFormPage):
    """What was brought in at this site, and a form for one more file."""

    action = "sheets.bring"
    template = "rentals/desk/sheets.html"
    form_class = UploadForm

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        file = given["file"]
        sheet = upload(
            self.site, kind=given["kind"], name=file.name, content=file.read(), at=self.now, actor=self.actor
        )
        return self.go(reverse("sheet", args=[sheet.pk]))

    def context(self) -> dict[str, Any]:
        sheets = Sheet.objects.filter(clinic=self.site).select_related("uploaded_by", "taken_by").defer("content")
        waiting = set(Sheet.objects.filter(clinic=self.site).exclude(content=b"").values_list("pk", flat=True))
        return {
            "brought": [(sheet, sheet.pk in waiting) for sheet in sheets[:MOST_SHEETS]],
            "kinds": [(kind, kind.label, FIELDS[kind]) for kind in Sheet.Kind],
            "back": reverse("settings"),
        }


class SheetTemplate(BasePage):
    """A file to fill in: the headings, and one invented row."""

    action = "sheets.bring"

    def get(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET.get("kind", "")
        kind = asked if asked in FIELDS else Sheet.Kind.DEVICES
        fields = [field for field in FIELDS[kind] if field.name != "full_name"]
        return as_csv(f"{kind}.csv", [[field.label for field in fields], [field.example for field in fields]])


def as_csv(name: str, lines: Iterable[Sequence[Any]]) -> HttpResponse:
    """A CSV file that spreadsheet programs read as UTF-8."""
    file = io.StringIO()
    csv.writer(file).writerows(lines)
    return HttpResponse(
        "\ufeff" + file.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="callus-{name}"'},
    )


class BaseSheetPage(BasePage):
    """A page about one file, by the clock of its own site."""

    sheet: Sheet

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        sheets = Sheet.objects.visible_to(request.user).select_related("clinic", "uploaded_by", "taken_by")  # type: ignore[arg-type]
        self.sheet = get_object_or_404(sheets, pk=kwargs["pk"])
        return super().dispatch(request, *args, **kwargs)

    @property
    def address(self) -> str:
        return reverse("sheet", args=[self.sheet.pk])

    def about(self) -> dict[str, Any]:
        """For the template: the file with its columns and, once they are chosen, how it is understood."""
        shown = {"sheet": self.sheet, "back": reverse("sheets")}
        if not self.sheet.content:
            return shown
        shown["columns"] = self.columns_form()
        try:
            checked = check(self.sheet, self.now)
        except Refusal as refusal:
            return {**shown, "not_yet": refusal.message}
        record_shown(checked, at=self.now, actor=self.actor)
        return {**shown, **understood(checked, self.sheet), "take": TakeForm(doubtful=doubtful_lines(checked))}

    def columns_form(self, *data: Any) -> ColumnsForm:
        headings = table_of(self.sheet).headings
        return ColumnsForm(*data, kind=self.sheet.kind, headings=headings, columns=self.sheet.columns)


def understood(checked: Checked, sheet: Sheet) -> dict[str, Any]:
    """How a file is understood, as a page tells it."""
    fields = [field for field in FIELDS[sheet.kind] if field.name in sheet.columns]
    new = len(checked.in_state(NEW))
    return {
        "checked": checked,
        "headings": [field.label for field in fields],
        "rows": [row_in_words(entry, fields) for entry in checked.entries[:MOST_ROWS]],
        "numbers": [(IN_WORDS[state], len(checked.in_state(state))) for state in IN_WORDS],
        "problems": checked.problems[:MOST_PROBLEMS],
        "remarks": checked.remarks[:MOST_REMARKS],
        "new": new,
        "doubtful": len(checked.in_state(DOUBTFUL)),
        "seconds": max(1, round(new / ROWS_A_SECOND[Sheet.Kind(sheet.kind)])),
    }


def row_in_words(entry: Entry, fields: Sequence[Field]) -> "tuple[Entry, StrOrPromise, list[str]]":
    """One line of the preview: its entry, its state, and what each column says."""
    return entry, IN_WORDS[entry.state], [in_words(entry.given.get(field.name, "")) for field in fields]


def in_words(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return day(value) if isinstance(value, date) else str(value)


def doubtful_lines(checked: Checked) -> list[tuple[int, str]]:
    """Each doubtful line with who it is, and whom it may be."""
    entries = checked.in_state(DOUBTFUL)
    people = Patient.objects.in_bulk([pk for entry in entries for pk in entry.people[:1]])
    return [(entry.line, doubtful_in_words(entry, people)) for entry in entries]


def doubtful_in_words(entry: Entry, people: dict[int, Patient]) -> str:
    name = f"{entry.given['given_name']} {entry.given['family_name']}"
    told = {"line": entry.line, "name": name, "why": entry.why}
    found = people.get(entry.people[0]) if entry.people else None
    if not found:
        return _("Line %(line)s: %(name)s %(why)s") % told
    told |= {"known": found.name, "day": day(found.date_of_birth)}
    return _("Line %(line)s: %(name)s %(why)s: %(known)s, born %(day)s") % told


class OneSheet(BaseSheetPage):
    """How Callus understands the file: columns, preview, all that is wrong; or what became of it."""

    action = "sheets.bring"
    template = "rentals/desk/sheet.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(**self.about())


class SheetColumns(BaseSheetPage, BaseFormPage):
    """Other columns than those that were found by their headings."""

    action = "sheets.bring"
    template = "rentals/desk/sheet_columns.html"

    def make_form(self, *data: Any) -> ColumnsForm:
        self.form = self.columns_form(*data)
        return self.form

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().get(request) if self.sheet.content else self.go(self.address)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().post(request) if self.sheet.content else self.go(self.address)

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        set_columns(self.sheet, self.form.columns())
        return self.go(self.address, _("The columns are set."))

    def context(self) -> dict[str, Any]:
        return {"sheet": self.sheet, "back": self.address}


class TakeSheet(BaseSheetPage, BaseFormPage):
    """All of it, or nothing."""

    action = "sheets.bring"
    template = "rentals/desk/sheet.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.go(self.address)

    def make_form(self, *data: Any) -> TakeForm:
        return TakeForm(*data, doubtful=self.doubtful())

    def doubtful(self) -> list[tuple[int, str]]:
        """None where the file is not to be read (any more): the verb says why."""
        try:
            return doubtful_lines(check(self.sheet, self.now))
        except Refusal:
            return []

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        counts = take(self.sheet, confirmed=given.get("confirmed", []), at=self.now, actor=self.actor)
        return self.go(self.address, said_of(counts))

    def context(self) -> dict[str, Any]:
        self.sheet.refresh_from_db()
        return self.about()


def said_of(counts: dict[str, int]) -> str:
    """What taking a file has done."""
    if not counts["new"]:
        return _("Nothing was changed: all that could be taken was here already.")
    if not counts["skipped"]:
        return _("Taken: %(new)s new, %(known)s here already.") % counts
    return _("Taken: %(new)s new, %(known)s here already. %(skipped)s skipped.") % counts


class DropSheet(BaseSheetPage, BaseFormPage):
    """Keep the file no longer, and take nothing of it."""

    action = "sheets.bring"
    template = "rentals/desk/sheet_drop.html"
    form_class = forms.Form

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        drop(self.sheet)
        return self.go(reverse("sheets"), _("The file is dropped; nothing of it was taken."))

    def context(self) -> dict[str, Any]:
        return {"sheet": self.sheet, "back": self.address}


class SheetProblems(BaseSheetPage):
    """All problems as a file, to work through beside the spreadsheet."""

    action = "sheets.bring"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            checked = check(self.sheet, self.now)
        except Refusal:
            return self.go(self.address)
        record_shown(checked, at=self.now, actor=self.actor)
        lines = [[one.line, one.column, harmless(one.written), one.words] for one in checked.problems]
        return as_csv("problems.csv", [["Line", "Column", "Written there", "What to do"], *lines])


def harmless(written: str) -> str:
    """What was written, so that no spreadsheet program takes it for a formula."""
    return f"'{written}" if written.startswith(("=", "+", "-", "@", "\t", "\r")) else written
