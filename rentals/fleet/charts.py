"""The charts of the report. Each is data first, which stands beside it as a table; typst draws it, as vectors on the
page and in the PDF and as pixels in a mail: one drawing (charts.typ) for all of them.

On the page its colours follow the reader's own setting: callus.css names a custom property for each of them.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from math import floor, log10
from pathlib import Path
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from rentals.fleet.ahead import WEEKS_TO_BUY_FOR, Outlook
from rentals.fleet.definitions import DEFINITIONS
from rentals.fleet.figures import Figures
from rentals.fleet.series import by_week, income_by_month

DRAWING = Path(__file__).with_name("charts.typ")
PIXELS_AN_INCH = 144.0
# What SVG takes for granted, a third of the drawing.
SAID_FOR_NOTHING = re.compile(
    r' (?:fill-rule="nonzero"|stroke-linecap="butt"|stroke-linejoin="miter"|stroke-miterlimit="4"|[xy]="0")'
)
NAME = re.compile(r"\b[a-zA-Z][0-9A-F]{31,32}\b")
SHAPE = re.compile(r'<(symbol|clipPath) id="([^"]+)".*?</\1>', re.DOTALL)
LABELS = {definition.name: definition.label for definition in DEFINITIONS}
FEW_ENOUGH_TO_BE_SIGNED = 12
TOO_MANY_FOR_DAYS = 40


@dataclass(frozen=True)
class Chart:
    """Bars, one for each of `labels`; or lines, where there are several `series` (a name, and a number for each
    label). `top` is where the axis ends, `unit` what it counts."""

    name: str
    title: str
    description: str
    unit: str
    labels: tuple[str, ...]
    series: tuple[tuple[str, tuple[float, ...]], ...]
    top: float

    @property
    def table(self) -> list[tuple[str, list[str]]]:
        """Each label with its numbers, as people write them."""
        return [
            (label, [written(numbers[place]) for _, numbers in self.series]) for place, label in enumerate(self.labels)
        ]


def written(number: float) -> str:
    return f"{number:,.1f}".removesuffix(".0")


def charts_of(figures: Figures) -> list[Chart]:
    """The charts of which there is something to show, in two queries more than the figures."""
    charts = [*over_time(figures), *runway(figures), *distributions(figures), *by_site(figures)]
    return [chart for chart in charts if any(number for _, numbers in chart.series for number in numbers)]


def over_time(figures: Figures) -> list[Chart]:
    weeks, steps = by_week(figures.scope)
    each = "week" if weeks == 1 else f"{weeks} weeks"
    days = [f"{step.first:%-d %b}" if len(steps) < TOO_MANY_FOR_DAYS else f"{step.first:%b %Y}" for step in steps]
    months = income_by_month(figures.scope)
    return [
        chart("treatments", f"Treatments by {each}", "treatments", days, [step.treatments for step in steps]),
        chart("utilisation", f"Utilisation by {each}", "%", days, [step.utilisation or 0 for step in steps], top=100),
        chart("income", "Income by month", "AUD", [f"{day:%b %Y}" for day, _ in months], [sum_ for _, sum_ in months]),
    ]


def runway(figures: Figures) -> list[Chart]:
    """What half a year asks for at the pace of the period, beside what there is."""
    outlook: Outlook = figures.outlook
    if not outlook.known:
        return []
    weeks = range(WEEKS_TO_BUY_FOR + 1)
    labels = [f"{figures.scope.today + timedelta(weeks=week):%-d %b}" for week in weeks]
    needed = [outlook.devices_needed(week) for week in weeks]
    charts = [
        lines(
            "devices-ahead", "Devices: needed and there", "devices", labels,
            ("Needed", needed), ("There", [len(outlook.units) for _ in weeks]),
        )
    ]  # fmt: skip
    if outlook.free is not None:
        asked = [outlook.treatments_needed(week) for week in weeks]
        there = ("Free now", [outlook.free for _ in weeks])
        charts.append(
            lines(
                "treatments-ahead", "Treatments: asked for and free", "treatments", labels, ("Asked for", asked), there
            )
        )
    return charts


def distributions(figures: Figures) -> list[Chart]:
    return [
        of_figures(figures, "overdue-ageing", "Overdue, by days", "overdue_", "Overdue "),
        of_figures(figures, "adherence-bands", "Adherence, by days done", "adherence_", "Adherence "),
    ]


def of_figures(figures: Figures, name: str, title: str, begins: str, said: str) -> Chart:
    """The figures whose names begin so, beside each other."""
    names = [one for one in LABELS if one.startswith(begins) and not one.endswith("percent")]
    labels = [LABELS[one].removeprefix(said) for one in names]
    return chart(name, title, "rentals", labels, [getattr(figures, one) for one in names])


def by_site(figures: Figures) -> list[Chart]:
    if len(figures.by_clinic) < 2:
        return []
    sites = [part.title for part in figures.by_clinic]
    used = [part.utilisation_percent or 0 for part in figures.by_clinic]
    return [chart("sites", "Utilisation by site", "%", sites, used, top=100)]


def chart(name: str, title: str, unit: str, labels: Sequence[str], numbers: Sequence[Any], top: float = 0) -> Chart:
    """One row of bars."""
    values = tuple(float(number) for number in numbers)
    said = ", ".join(f"{label}: {written(value)}" for label, value in zip(labels, values, strict=True))
    description = (
        f"{title}, in {unit}. {said}." if len(values) <= FEW_ENOUGH_TO_BE_SIGNED else between(title, unit, values)
    )
    return Chart(name, title, description, unit, tuple(labels), ((title, values),), top or axis(values))


def between(title: str, unit: str, values: Sequence[float]) -> str:
    low, high = written(min(values)), written(max(values))
    return f"{title}, in {unit}: between {low} and {high}, last {written(values[-1])}."


def lines(name: str, title: str, unit: str, labels: Sequence[str], *series: tuple[str, Sequence[Any]]) -> Chart:
    """Several lines over the same labels."""
    given = tuple((said, tuple(round(float(number), 1) for number in numbers)) for said, numbers in series)
    ends = "; ".join(f"{said} {written(values[0])} now, {written(values[-1])} at the end" for said, values in given)
    top = axis([value for _, values in given for value in values])
    return Chart(name, title, f"{title}, in {unit}: {ends}.", unit, tuple(labels), given, top)


def axis(values: Sequence[float]) -> float:
    """A round number that is above all of `values`."""
    most = max([*values, 1.0])
    step = 10.0 ** floor(log10(most))
    return next(factor * step for factor in (1, 2, 4, 6, 8, 10) if factor * step >= most)


def drawn(charts: Sequence[Chart]) -> list[SafeString]:
    """Each chart as SVG for one and the same page, all in one go; nobody's text in it is markup, for letters are drawn
    as shapes. The shape of a letter stands in the first drawing that has it."""
    names: dict[str, str] = {}
    return [mark_safe(slim(page.decode(), names)) for page in compiled(charts, "svg")]  # noqa: S308


def slim(drawing: str, names: dict[str, str]) -> str:
    """`drawing` without what SVG takes for granted and the shapes that are among `names` already, which get short."""
    drawing = SAID_FOR_NOTHING.sub("", drawing)
    drawing = SHAPE.sub(lambda shape: "" if shape[2] in names else shape[0], drawing)
    return NAME.sub(lambda name: names.setdefault(name[0], f"shape{len(names)}"), drawing)


def pixels(chart: Chart) -> bytes:
    """The chart as PNG, for a mail."""
    [page] = compiled([chart], "png", ppi=PIXELS_AN_INCH)
    return page


def compiled(charts: Sequence[Chart], kind: Any, **details: Any) -> list[bytes]:
    import typst  # where somebody looks at charts, not wherever something of the fleet is asked

    if not charts:
        return []
    inputs = {"charts": json.dumps([asdict(chart) for chart in charts]), "paper": "" if kind == "svg" else "white"}
    pages = typst.compile(DRAWING, format=kind, sys_inputs=inputs, **details)
    return pages if isinstance(pages, list) else [pages]
