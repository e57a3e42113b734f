"""The charts: data first, drawn once, readable without seeing them; nothing in them that a content policy refuses."""

import re
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from rentals.fleet.charts import Chart, axis, chart, charts_of, drawn, lines, pixels
from rentals.fleet.exports import as_pdf
from rentals.fleet.figures import Figures, fleet_figures
from rentals.fleet.series import by_week, income_by_month
from rentals.models.states import State
from tests import make
from tests.rentals.fleet.pdf import text_of
from tests.shared import shared
from tests.usage import Log, import_logs

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
FIRST, LAST, AT = date(2026, 2, 9), date(2026, 3, 31), make.NOW + 29 * DAY
PALETTE = {"#1c2429", "#55626b", "#d5dade", "#0a6560", "#3b4f8a"}


@shared
def figures() -> Figures:
    """Two sites: hires that ended in two months, treatments in two weeks, somebody late."""
    bondi = make.clinic("<b>Bondi & #co")
    for days in (0, 12):
        at = make.NOW - (14 - days) * DAY
        make.rental(State.CLOSED, bondi, at=at, ended=at + 14 * DAY)
    device = make.device(bondi)
    make.rental(State.ACTIVE, bondi, device=device, at=make.NOW - 2 * DAY)
    import_logs(Log(device, AT - DAY, counter=9).daily(range(1, 10), make.NOW), at=AT)
    return fleet_figures([bondi, make.clinic("Hobart")], FIRST, LAST, AT)


def of(charts: list[Chart], name: str) -> Chart:
    return next(chart for chart in charts if chart.name == name)


def test_each_chart_says_in_words_and_in_a_table_what_it_shows(figures):
    charts = charts_of(figures)
    assert {chart.name for chart in charts} >= {
        "treatments", "utilisation", "income", "devices-ahead", "treatments-ahead", "overdue-ageing", "sites",
    }  # fmt: skip
    weekly = of(charts, "treatments")
    assert weekly.title == "Treatments by week"
    assert weekly.table[3:5] == [("2 Mar", ["7"]), ("9 Mar", ["2"])]
    assert "2 Mar: 7, 9 Mar: 2" in weekly.description
    assert all(chart.description.startswith(chart.title) for chart in charts)
    assert all(len(numbers) == len(chart.labels) for chart in charts for _, numbers in chart.series)
    assert of(charts, "devices-ahead").table[0][1][1] == str(len(figures.outlook.units))


def test_weeks_and_months_add_up_to_the_figures(figures):
    weeks, steps = by_week(figures.scope)
    assert weeks == 1
    assert [step.first for step in steps][:2] == [FIRST, FIRST + 7 * DAY]
    assert sum(step.treatments for step in steps) == figures.treatments_delivered == 9
    assert income_by_month(figures.scope) == [(date(2026, 3, 1), figures.income)]
    whole = fleet_figures(figures.scope.clinics, FIRST, FIRST + 6 * DAY, AT)
    assert steps[0].utilisation == whole.utilisation_percent


def test_a_long_period_has_steps_of_several_weeks_and_none_before_the_first_device(figures):
    scope = fleet_figures(figures.scope.clinics, date(1850, 1, 1), date(2199, 1, 1), make.NOW + 2000 * DAY).scope
    weeks, steps = by_week(scope)
    assert (weeks, len(steps) <= 53, steps[0].first) == (6, True, date(2026, 1, 31))
    assert sum(step.treatments for step in steps) == 9


def test_days_yet_to_come_have_no_charts_over_time():
    figures = fleet_figures([make.clinic()], date(2026, 4, 1), date(2026, 4, 28), make.NOW)
    assert charts_of(figures) == []
    assert drawn([]) == []


def test_drawings_have_the_colours_of_the_palette_and_nothing_that_the_policy_refuses(figures):
    for drawing in drawn(charts_of(figures)):
        assert drawing.startswith("<svg viewBox=")
        assert not re.search(r"\sstyle=|<style|<script|<a\b|\son\w+=|(?:href|src)=\"(?!#)", drawing)
        assert set(re.findall(r"#[0-9a-f]{6}\b", drawing)) <= PALETTE
        assert "Bondi" not in drawing


def test_drawings_of_one_page_share_their_letters_and_stay_light(figures):
    drawings = "".join(drawn(charts_of(figures)))
    assert len(drawings) < 90_000
    shapes = re.findall(r'id="(\w+)"', drawings)
    assert len(shapes) == len(set(shapes))
    assert set(re.findall(r'(?:href="|url\()#(\w+)', drawings)) <= set(shapes)


def test_each_colour_has_a_property_in_the_style_sheet():
    sheet = Path("config/static/config/callus.css").read_text()
    light = sheet.partition("@media")[0]
    for colour in PALETTE:
        assert f": {colour};" in light, colour
        assert f'="{colour}"]' in sheet, colour


def test_the_same_drawing_is_in_the_pdf_with_its_words_and_in_a_mail_as_pixels(figures):
    pdf = as_pdf(figures)
    assert "Treatments by week" in text_of(pdf)
    reader = PdfReader(BytesIO(pdf))
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert reader.trailer["/Root"]["/Lang"] == "en-AU"
    assert "pdfuaid" in reader.trailer["/Root"]["/Metadata"].get_data().decode()
    image = Image.open(BytesIO(pixels(of(charts_of(figures), "treatments"))))
    assert (image.format, image.size) == ("PNG", (760, 380))


@pytest.mark.parametrize(
    ("values", "top"), [([], 1), ([0], 1), ([1], 1), ([3], 4), ([7], 8), ([60], 60), ([61], 80), ([1001], 2000)]
)
def test_an_axis_ends_at_a_round_number_above_all(values, top):
    assert axis(values) == top


def test_numbers_below_nothing_and_long_names_are_drawn():
    money = chart("income", "Income", "AUD", ["x" * 200, "b"], [Decimal("12000.50"), Decimal(-300)])
    flat = lines("flat", "Flat", "devices", ["now"], ("Needed", [0]), ("There", [0]))
    assert len(drawn([money, flat])) == 2
