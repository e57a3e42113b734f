"""The figures of the fleet as files: CSV for programs, XLSX for reckoning on, PDF for reading."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, date
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, NamedTuple

from django.http import HttpResponse
from django.utils import translation
from django.utils.text import slugify
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from rentals.fleet.charts import charts_of
from rentals.fleet.definitions import DEFINITIONS, GROUPS, Definition
from rentals.fleet.figures import Figures, one_line
from rentals.fleet.use import discrepancies_by_kind
from rentals.papers.typesetting import typeset
from rentals.papers.words import LANGUAGE

TEMPLATE = Path(__file__).with_name("report")
NUMBER_FORMATS = {"AUD": "#,##0.00", "%": "0.0", "weeks": "#,##0.0", "days": "#,##0.0", "day": "yyyy-mm-dd"}
CLINICS_A_TABLE = 6
# What a spreadsheet runs as a formula; some take the full-width signs for the same.
FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class Format(NamedTuple):
    """One kind of file, and what writes it."""

    content_type: str
    write: Callable[[Figures], bytes]


def file_name(figures: Figures, suffix: str) -> str:
    """A name in plain letters that tells the files of clinics and periods apart."""
    clinic = slugify(figures.clinic.name) if figures.clinic else ""
    words = ["fleet", clinic, str(figures.first), "to", str(figures.last)]
    return "-".join(filter(None, words)) + f".{suffix}"


def as_csv(figures: Figures) -> bytes:
    """UTF-8, under the names of the API: a row for each clinic and one for all together."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["clinic", "from", "to", *(definition.name for definition in DEFINITIONS)])
    with translation.override(LANGUAGE):
        writer.writerows(table(figures))
    return text.getvalue().encode()


def as_xlsx(figures: Figures) -> bytes:
    """The same rows as numbers to reckon with, and a second sheet that says what they mean. In English, as the PDF:
    files are passed on."""
    with translation.override(LANGUAGE):
        return workbook(figures)


def workbook(figures: Figures) -> bytes:
    book = Workbook()
    sheet, meanings = book.active, book.create_sheet("Meaning")
    sheet.title = "Fleet"
    headings = ["Clinic", "From", "To", *(definition.heading for definition in DEFINITIONS)]
    lay_out(sheet, [headings, *table(figures)], widths=[30, 12, 12, *[13] * len(DEFINITIONS)])
    words = [[str(one.label), one.unit, str(one.meaning)] for one in DEFINITIONS]
    lay_out(meanings, [["Figure", "Unit", "Meaning"], *words], widths=[26, 12, 100])
    lay_out(book.create_sheet("Discrepancies"), [["Kind", "Opened", "Closed"], *kinds(figures)], widths=[30, 12, 12])
    lay_out(
        book.create_sheet("Charts"), [["Chart", "", "", "Number"], *drawn_numbers(figures)], widths=[40, 24, 24, 12]
    )
    for cells, definition in zip(sheet.iter_cols(min_col=4, min_row=2), DEFINITIONS, strict=True):
        for cell in cells:
            cell.number_format = NUMBER_FORMATS.get(definition.unit, "#,##0")
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def kinds(figures: Figures) -> list[list[Any]]:
    return [[kind.replace("_", " ").capitalize(), *numbers] for kind, *numbers in discrepancies_by_kind(figures.scope)]


def drawn_numbers(figures: Figures) -> list[list[Any]]:
    """What the charts are drawn from, a line a number."""
    return [
        [f"{chart.title} ({chart.unit})", plain(label), name, numbers[place]]
        for chart in charts_of(figures)
        for name, numbers in chart.series
        for place, label in enumerate(chart.labels)
    ]


def lay_out(sheet: Any, lines: Iterable[list[Any]], widths: Iterable[int]) -> None:
    """Fill `sheet`: headings that stay in sight, columns wide enough to be read."""
    for line in lines:
        sheet.append(line)
    sheet.freeze_panes = "B2"
    for cell, width in zip(sheet[1], widths, strict=True):
        cell.font = Font(bold=True)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        sheet.column_dimensions[get_column_letter(cell.column)].width = width


def as_pdf(figures: Figures) -> bytes:
    """A tagged PDF. What it says goes to the template as data, so that nobody's text becomes markup."""
    with translation.override(LANGUAGE):
        return typeset(str(TEMPLATE), report(figures), figures.at)


def report(figures: Figures) -> dict[str, Any]:
    """What the PDF says."""
    return {
        "title": f"Fleet figures: {figures.title}",
        "period": f"Period: {written(figures.first)} to {written(figures.last)}, both days included.",
        "seen": f"As of {moment(figures)}",
        "charts": [asdict(chart) for chart in charts_of(figures)],
        "kinds": [[str(cell) for cell in line] for line in kinds(figures)],
        "groups": [[str(title), [facts(one, figures) for one in group]] for title, group in GROUPS],
        "tables": tables(figures) if len(figures.by_clinic) > 1 else [],
    }


def facts(definition: Definition, figures: Figures) -> list[str]:
    value = shown(getattr(figures, definition.name))
    return [str(definition.label), value, definition.unit, str(definition.meaning)]


def tables(figures: Figures) -> list[dict[str, Any]]:
    """The figures of each clinic beside each other, a few clinics a table."""
    parts = figures.by_clinic
    return [
        {
            "headings": ["Figure", *(part.title for part in some)],
            "rows": [[one.heading, *(shown(getattr(part, one.name)) for part in some)] for one in DEFINITIONS],
        }
        for some in (parts[start : start + CLINICS_A_TABLE] for start in range(0, len(parts), CLINICS_A_TABLE))
    ]


def moment(figures: Figures) -> str:
    """When the figures were taken, by the time of the first clinic, which is named."""
    clinics = [part.clinic for part in figures.by_clinic if part.clinic]
    local = figures.at.astimezone(clinics[0].zone if clinics else UTC)
    return f"{written(local)}, {local:%H:%M %Z}"


def written(day: date) -> str:
    return f"{day:%-d %B %Y}"


def shown(value: Any) -> str:
    """A number with its thousands apart; a dash for what is not known."""
    if isinstance(value, date):
        return written(value)
    return "\u2013" if value is None else f"{value:,}"


def table(figures: Figures) -> list[list[Any]]:
    """A row for each clinic, and one for all together where there are several; None is not known."""
    parts = figures.by_clinic if figures.clinic else (*figures.by_clinic, figures)
    return [[plain(part.title), part.first, part.last, *values(part)] for part in parts]


def values(figures: Figures) -> list[Any]:
    return [getattr(figures, definition.name) for definition in DEFINITIONS]


def plain(text: str) -> str:
    """Free text on one line, marked as text where a spreadsheet would run it as a formula."""
    line = one_line(text)
    return f"'{line}" if line.startswith(FORMULA_STARTS) else line


FORMATS = {
    "csv": Format("text/csv; charset=utf-8", as_csv),
    "xlsx": Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", as_xlsx),
    "pdf": Format("application/pdf", as_pdf),
}


def download(figures: Figures, suffix: str) -> HttpResponse:
    """`figures` as a file that a browser keeps."""
    kind = FORMATS[suffix]
    return HttpResponse(
        kind.write(figures),
        content_type=kind.content_type,
        headers={"Content-Disposition": f'attachment; filename="{file_name(figures, suffix)}"'},
    )
