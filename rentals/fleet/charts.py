"""The charts of the report. Each is data first, which stands beside it as a table; typst draws it, as vectors on the
page and in the PDF and as pixels in a mail: one drawing (charts.typ) for all of them.

On the page its colours follow the reader's own setting: callus.css names a custom property for each of them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from math import floor, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils.formats import number_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from config.days import month_words, short_day_of_year
from rentals.fleet.ahead import WEEKS_TO_BUY_FOR, Outlook
from rentals.fleet.definitions import unit_words
from rentals.fleet.figures import Figures
from rentals.fleet.series import by_week, income_by_month

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


DRAWING = Path(__file__).with_name("charts.typ")
PIXELS_AN_INCH = 144.0
# What SVG takes for granted, a third of the drawing.
SAID_FOR_NOTHING = re.compile(
    r' (?:fill-rule="nonzero"|stroke-linecap="butt"|stroke-linejoin="miter"|stroke-miterlimit="4"|[xy]="0")'
)
NAME = re.compile(r"\b[a-zA-Z][0-9A-F]{31,32}\b")
SHAPE = re.compile(r'<(symbol|clipPath) id="([^"]+)".*?</\1>', re.DOTALL)
OVERDUE: "dict[str, StrOrPromise]" = {
    "overdue_1_to_3": gettext_lazy("1 to 3 days"),
    "overdue_4_to_7": gettext_lazy("4 to 7 days"),
    "overdue_8_to_14": gettext_lazy("8 to 14 days"),
    "overdue_15_on": gettext_lazy("15 days and more"),
}
ADHERENCE: "dict[str, StrOrPromise]" = {
    "adherence_under_50": gettext_lazy("under 50 %"),
    "adherence_50_to_79": gettext_lazy("50 to 79 %"),
    "adherence_80_to_89": gettext_lazy("80 to 89 %"),
    "adherence_from_90": gettext_lazy("90 % and more"),
}
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
    """`1,234.5`, as the reader's language has it."""
    rounded = round(number, 1)
    return number_format(rounded, decimal_pos=0 if rounded == int(rounded) else 1, use_l10n=True, force_grouping=True)


def charts_of(figures: Figures) -> list[Chart]:
    """The charts of which there is something to show, in two queries more than the figures."""
    charts = [*over_time(figures), *runway(figures), *distributions(figures), *by_site(figures)]
    return [chart for chart in charts if any(number for _, numbers in chart.series for number in numbers)]


def over_time(figures: Figures) -> list[Chart]:
    weeks, steps = by_week(figures.scope)
    treatments = ngettext("Treatments by week", "Treatments by %(weeks)s weeks", weeks) % {"weeks": weeks}
    utilisation = ngettext("Utilisation by week", "Utilisation by %(weeks)s weeks", weeks) % {"weeks": weeks}
    day = short_day_of_year if len(steps) < TOO_MANY_FOR_DAYS else month_words
    days = [day(step.first) for step in steps]
    months = income_by_month(figures.scope)
    return [
        chart("treatments", treatments, unit_words("treatments"), days, [step.treatments for step in steps]),
        chart("utilisation", utilisation, "%", days, [step.utilisation or 0 for step in steps], top=100),
        chart(
            "income", _("Income by month"), "AUD", [month_words(one[0]) for one in months], [one[1] for one in months]
        ),
    ]


def runway(figures: Figures) -> list[Chart]:
    """What half a year asks for at the pace of the period, beside what there is."""
    outlook: Outlook = figures.outlook
    if not outlook.known:
        return []
    weeks = range(WEEKS_TO_BUY_FOR + 1)
    labels = [short_day_of_year(figures.scope.today + timedelta(weeks=week)) for week in weeks]
    needed = [outlook.devices_needed(week) for week in weeks]
    charts = [
        lines(
            "devices-ahead", _("Devices: needed and there"), unit_words("devices"), labels,
            (_("Needed"), needed), (_("There"), [len(outlook.units)] * len(weeks)),
        )
    ]  # fmt: skip
    if outlook.free is not None:
        asked = [outlook.treatments_needed(week) for week in weeks]
        there = (_("Free now"), [outlook.free] * len(weeks))
        title, unit = _("Treatments: asked for and free"), unit_words("treatments")
        charts.append(lines("treatments-ahead", title, unit, labels, (_("Asked for"), asked), there))
    return charts


def distributions(figures: Figures) -> list[Chart]:
    return [
        of_figures(figures, "overdue-ageing", _("Overdue, by days"), OVERDUE),
        of_figures(figures, "adherence-bands", _("Adherence, by days done"), ADHERENCE),
    ]


def of_figures(figures: Figures, name: str, title: str, labels: "Mapping[str, StrOrPromise]") -> Chart:
    """The figures named in `labels` beside each other."""
    numbers = [getattr(figures, one) for one in labels]
    return chart(name, title, unit_words("rentals"), [str(label) for label in labels.values()], numbers)


def by_site(figures: Figures) -> list[Chart]:
    if len(figures.by_clinic) < 2:
        return []
    sites = [part.title for part in figures.by_clinic]
    used = [part.utilisation_percent or 0 for part in figures.by_clinic]
    return [chart("sites", _("Utilisation by site"), "%", sites, used, top=100)]


def chart(name: str, title: str, unit: str, labels: Sequence[str], numbers: Sequence[Any], top: float = 0) -> Chart:
    """One row of bars."""
    values = tuple(float(number) for number in numbers)
    said = ", ".join(f"{label}: {written(value)}" for label, value in zip(labels, values, strict=True))
    each = _("%(title)s, in %(unit)s. %(numbers)s.") % {"title": title, "unit": unit, "numbers": said}
    description = each if len(values) <= FEW_ENOUGH_TO_BE_SIGNED else between(title, unit, values)
    return Chart(name, title, description, unit, tuple(labels), ((title, values),), top or axis(values))


def between(title: str, unit: str, values: Sequence[float]) -> str:
    numbers = {"low": written(min(values)), "high": written(max(values)), "last": written(values[-1])}
    said = _("%(title)s, in %(unit)s: between %(low)s and %(high)s, last %(last)s.")
    return said % {"title": title, "unit": unit, **numbers}


def lines(name: str, title: str, unit: str, labels: Sequence[str], *series: tuple[str, Sequence[Any]]) -> Chart:
    """Several lines over the same labels."""
    given = tuple((said, tuple(round(float(number), 1) for number in numbers)) for said, numbers in series)
    each = _("%(line)s %(now)s now, %(end)s at the end")
    ends = "; ".join(each % {"line": said, "now": written(of[0]), "end": written(of[-1])} for said, of in given)
    top = axis([value for _, values in given for value in values])
    description = _("%(title)s, in %(unit)s: %(ends)s.") % {"title": title, "unit": unit, "ends": ends}
    return Chart(name, title, description, unit, tuple(labels), given, top)


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
