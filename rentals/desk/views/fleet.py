"""The figures of the fleet: read on a page, taken along as a file. They show no patient, so no access is recorded."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.dateformat import format as date_format
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.refusals import Refusal
from rentals.desk.forms.fleet import ExportForm, PeriodForm
from rentals.desk.page import BasePage, explain
from rentals.fleet.charts import charts_of, drawn
from rentals.fleet.definitions import DEFINITIONS, GROUPS, Definition
from rentals.fleet.exports import FORMATS, download
from rentals.fleet.figures import Figures, figures_of_scope
from rentals.fleet.monthly import reports_seen_by, send_again
from rentals.fleet.rows import as_csv, headings, lines, rows_for, total
from rentals.fleet.scope import Scope, period
from rentals.fleet.use import discrepancies_by_kind

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


ROWS_A_PAGE = 50
MOST_REPORTS = 6
USUAL_PERIODS = (
    gettext_lazy("Last 28 days"),
    gettext_lazy("Last month"),
    gettext_lazy("Last quarter"),
    gettext_lazy("Last year"),
)


class BaseFleetPage(BasePage):
    """The question in the address, answered; what cannot be asked is said beside its field."""

    action = "reports.read"
    template = "rentals/desk/fleet.html"
    form_class: ClassVar[type[PeriodForm]] = PeriodForm
    answer: Callable[..., HttpResponse]

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        form = self.form_class(request.GET, clinics=self.actor.visible_clinics())
        if form.is_valid():
            try:
                return self.answer(self.scope(form.cleaned_data), form.cleaned_data)
            except Refusal as refusal:
                explain(form, refusal)
        return self.show(form=form, status=422)

    def scope(self, given: dict[str, Any]) -> Scope:
        clinics = [given["clinic"]] if given["clinic"] else self.sites
        first, last = period(clinics, given["from"], given["to"], self.now)
        return Scope(tuple(clinics), first, last, self.now, given["model"])

    def asked(self, scope: Scope, given: dict[str, Any]) -> dict[str, Any]:
        """The question, as an address asks it."""
        return {
            "from": scope.first.isoformat(),
            "to": scope.last.isoformat(),
            "clinic": given["clinic"].pk if given["clinic"] else "",
            "model": scope.model.pk if scope.model else "",
        }


class Fleet(BaseFleetPage):
    """Each figure with what it means, in all and by clinic."""

    def answer(self, scope: Scope, given: dict[str, Any]) -> HttpResponse:
        figures = figures_of_scope(scope)
        asked = self.asked(scope, given)
        charts = charts_of(figures)
        parts = [*figures.by_clinic, figures] if len(figures.by_clinic) > 1 else []
        return self.show(
            form=PeriodForm(asked, clinics=self.actor.visible_clinics()),
            figures=figures,
            groups=[(title, values_of(group, figures)) for title, group in GROUPS],
            kinds=discrepancies_by_kind(scope),
            charts=list(zip(charts, drawn(charts), strict=True)),
            parts=parts,
            lines=[(definition, [getattr(part, definition.name) for part in parts]) for definition in DEFINITIONS],
            reports=reports_seen_by(self.actor)[:MOST_REPORTS],
            periods=usual_periods(scope.today, asked),
            question=urlencode(asked),
            formats=FORMATS,
        )


def values_of(group: tuple[Definition, ...], figures: Figures) -> list[tuple[Definition, Any]]:
    return [(definition, getattr(figures, definition.name)) for definition in group]


def usual_periods(today: date, asked: dict[str, Any]) -> "list[tuple[StrOrPromise, str, bool]]":
    """Words, question and whether it is the one asked, for each period that people usually ask for."""
    month = today.replace(day=1)
    quarter = month.replace(month=(month.month - 1) // 3 * 3 + 1)
    year = today.replace(month=1, day=1)
    before = timedelta(days=1)
    ends = [
        (today - 27 * before, today),
        ((month - before).replace(day=1), month - before),
        (three_months_before(quarter), quarter - before),
        (year.replace(year=year.year - 1), year - before),
    ]
    days = [{"from": first.isoformat(), "to": last.isoformat()} for first, last in ends]
    return [
        (words, urlencode(asked | one), one.items() <= asked.items())
        for words, one in zip(USUAL_PERIODS, days, strict=True)
    ]


def three_months_before(month: date) -> date:
    """The first of the month three months before the first of `month`."""
    return month.replace(month=month.month - 3) if month.month > 3 else date(month.year - 1, month.month + 9, 1)


class FleetExport(BaseFleetPage):
    """The same figures as a file."""

    form_class = ExportForm

    def answer(self, scope: Scope, given: dict[str, Any]) -> HttpResponse:
        return download(figures_of_scope(scope), given["format"])


class FleetRows(BaseFleetPage):
    """What one figure is made of, row by row; as a file with `?format=csv`."""

    template = "rentals/desk/fleet_rows.html"

    def answer(self, scope: Scope, given: dict[str, Any]) -> HttpResponse:
        definition = next((one for one in DEFINITIONS if one.name == self.kwargs["figure"]), None)
        if definition is None:
            raise Http404("There is no such figure.")
        found = rows_for(definition.name, scope)
        if self.request.GET.get("format") == "csv":
            return self.file(definition, as_csv(definition.name, found, scope), scope)
        page = Paginator(found, ROWS_A_PAGE).get_page(self.request.GET.get("page"))
        asked = self.asked(scope, given)
        return self.show(
            form=PeriodForm(asked, clinics=self.actor.visible_clinics()),
            definition=definition,
            scope=scope,
            paged=page,
            lines=lines(definition.name, list(page), scope),
            headings=headings(definition.name),
            total=total(definition.name, found),
            question=urlencode(asked),
        )

    def file(self, definition: Definition, content: bytes, scope: Scope) -> HttpResponse:
        name = f"fleet-{slugify(definition.name.replace('_', '-'))}-{scope.first}-to-{scope.last}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(content, content_type=FORMATS["csv"].content_type, headers=headers)


class SendReportAgain(BasePage):
    """The report of a month that failed, or may not have arrived, once more."""

    action = "reports.resend"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        report = get_object_or_404(reports_seen_by(self.actor), pk=pk)
        try:
            send_again(report, self.now)
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return self.go(reverse("fleet"))
        said = _("The report for %(month)s leaves within a minute or two.")
        return self.go(reverse("fleet"), said % {"month": date_format(report.month, "F Y")})
