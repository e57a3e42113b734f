"""The figures of the fleet as CSV, XLSX and PDF: the same numbers, and nobody's text run as code."""

import csv
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any

import pytest
from openpyxl import load_workbook

from config.models import Clinic
from rentals.fleet.definitions import DEFINITIONS
from rentals.fleet.exports import FORMATS, as_csv, as_pdf, as_xlsx, file_name, plain
from rentals.fleet.figures import Figures, fleet_figures
from rentals.models.states import State
from tests import make
from tests.rentals.fleet.pdf import text_of

pytestmark = pytest.mark.django_db

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 28)
NAMES = [definition.name for definition in DEFINITIONS]


def figures_of(*clinics: Clinic, at: datetime = make.NOW) -> Figures:
    return fleet_figures(clinics, FIRST, LAST, at)


def values(figures: Figures) -> list[Any]:
    return [getattr(figures, name) for name in NAMES]


@pytest.fixture
def figures() -> Figures:
    """Two clinics: one with some money and a device out, one with nothing and so without percentages."""
    here = make.clinic("Bondi")
    make.rental(State.RETURNED, here, ended=make.NOW + timedelta(days=14))
    make.rental(State.ACTIVE, here, treatments=0)
    return figures_of(here, make.clinic("Hobart"), at=make.NOW + timedelta(days=20, microseconds=1))


def as_in_a_cell(value: Any) -> Any:
    if isinstance(value, date):
        return datetime.combine(value, time.min)
    return float(value) if isinstance(value, Decimal) else value


def rows_of_csv(figures: Figures) -> list[list[str]]:
    return list(csv.reader(StringIO(as_csv(figures).decode(), newline="")))


def rows_of_xlsx(figures: Figures) -> list[list[Any]]:
    sheet = load_workbook(BytesIO(as_xlsx(figures))).worksheets[0]
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def test_csv_has_a_row_a_clinic_and_one_for_all_under_the_names_of_the_api(figures):
    heading, *rows = rows_of_csv(figures)
    assert heading == ["clinic", "from", "to", *NAMES]
    titles = ["Bondi", "Hobart", "2 clinics together"]
    assert [row[:3] for row in rows] == [[title, "2026-03-01", "2026-03-28"] for title in titles]
    for row, part in zip(rows, (*figures.by_clinic, figures), strict=True):
        assert row[3:] == ["" if value is None else str(value) for value in values(part)]
    assert rows[0][3 + NAMES.index("income")] == "120.00"
    assert rows[1][3 + NAMES.index("utilisation_percent")] == ""


def test_one_clinic_needs_no_sum():
    assert [row[0] for row in rows_of_csv(figures_of(make.clinic("Bondi")))] == ["clinic", "Bondi"]


def test_no_clinics_still_make_files():
    assert len(rows_of_csv(figures_of())) == 2
    assert "0 clinics together" in text_of(as_pdf(figures_of()))


def test_xlsx_holds_numbers_and_days_not_texts(figures):
    heading, *rows = rows_of_xlsx(figures)
    assert heading[:5] == ["Clinic", "From", "To", "Devices", "Out (devices)"]
    assert rows[0][1:3] == [datetime(2026, 3, 1), datetime(2026, 3, 28)]  # noqa: DTZ001  # a cell knows no zone
    for row, part in zip(rows, (*figures.by_clinic, figures), strict=True):
        assert row[3:] == [as_in_a_cell(value) for value in values(part)]


def test_xlsx_shows_each_unit_as_people_write_it(figures):
    sheet = load_workbook(BytesIO(as_xlsx(figures))).worksheets[0]
    for cell, definition in zip(sheet[2][3:], DEFINITIONS, strict=True):
        expected = {"AUD": "#,##0.00", "%": "0.0", "weeks": "#,##0.0", "days": "#,##0.0", "day": "yyyy-mm-dd"}
        assert cell.number_format == expected.get(definition.unit, "#,##0")


def test_xlsx_says_on_a_second_sheet_what_the_figures_mean(figures):
    meanings = load_workbook(BytesIO(as_xlsx(figures))).worksheets[1]
    rows = list(meanings.iter_rows(min_row=2, values_only=True))
    assert rows == [(definition.label, definition.unit, definition.meaning) for definition in DEFINITIONS]


def test_pdf_shows_each_figure_and_each_clinic(figures):
    text = text_of(as_pdf(figures))
    assert "Fleet figures: 2 clinics together" in text
    assert "Period: 1 March 2026 to 28 March 2026, both days included." in text
    assert "As of 22 March 2026, 12:00 AEDT" in text
    assert "Income 120.00 AUD" in text
    assert "Treatments remaining 672 treatments" in text
    assert "Figure Bondi Hobart Devices 2 0 Out (devices) 1 0" in text
    assert re.search(r"Utilisation \(%\) [\d.]+ \u2013 Adherence", text)


def test_pdf_is_tagged_and_says_its_title_and_language(figures):
    pdf = as_pdf(figures)
    assert b"/StructTreeRoot" in pdf
    assert b"/Lang(en-AU)" in pdf
    assert re.search(rb"<<[^>]*/Title\(Fleet figures: 2 clinics together\)[^>]*/CreationDate\(D:20260322010000Z\)", pdf)


def test_thousands_are_kept_apart_on_paper():
    clinic = make.clinic()
    for _ in range(3):
        make.device(clinic)
    assert "Treatments remaining 1,029 treatments" in text_of(as_pdf(figures_of(clinic)))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r@", " +", "\n-", "\uff1d", "\ufeff="])
@pytest.mark.parametrize("rows_of", [rows_of_csv, rows_of_xlsx])
def test_name_that_a_spreadsheet_would_run_is_marked_as_text(rows_of: Callable[[Figures], list[Any]], start: str):
    formula = 'HYPERLINK("http://a.example","x")'
    name = rows_of(figures_of(make.clinic(start + formula)))[1][0]
    assert name == "'" + start[-1] + formula


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Bondi", "Bondi"),
        ("St. Mary's = Best", "St. Mary's = Best"),
        ("Zo\u00eb \u8a3a\u6240", "Zo\u00eb \u8a3a\u6240"),
        ("Bon\x07di\r\n=1", "Bon di  =1"),
        ("  \t ", ""),
    ],
)
def test_other_name_stays_as_it_is_on_one_line(name, shown):
    assert plain(name) == shown


def test_comma_and_quotes_of_a_name_stay_inside_their_cell():
    name = 'Bondi", "=1+1'
    assert rows_of_csv(figures_of(make.clinic(name)))[1][0] == name


@pytest.mark.parametrize(
    "name", ["#panic()", "*bold* _slanted_ $x$", '"]; #import "@preview/x:1.0.0"', "// gone", "\\u{41}", "a\nb", "\x07"]
)
def test_name_is_never_markup_on_paper(name):
    text = text_of(as_pdf(figures_of(make.clinic(name), make.clinic("Bondi"))))
    shown = name.replace("\n", " ").replace("\x07", "")
    assert shown.replace('"', "") in text.replace("\u201c", "").replace('"', "")
    assert "Bondi" in text


def test_letters_that_no_font_has_are_no_obstacle():
    assert as_pdf(figures_of(make.clinic("\U0001f9b4 \u8a3a\u6240"))).startswith(b"%PDF")


def test_files_are_named_by_clinic_and_period(figures):
    assert file_name(figures, "csv") == "fleet-2026-03-01-to-2026-03-28.csv"
    assert file_name(figures_of(make.clinic('Zo\u00eb\'s "Clinic"\r\n')), "pdf") == (
        "fleet-zoes-clinic-2026-03-01-to-2026-03-28.pdf"
    )


def test_each_format_is_written(figures):
    starts = {suffix: kind.write(figures)[:4] for suffix, kind in FORMATS.items()}
    assert starts == {"csv": b"clin", "xlsx": b"PK\x03\x04", "pdf": b"%PDF"}
