"""The figures of the fleet: read on a page, taken along as a file. They show no patient, so no access is recorded."""

from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from config.refusals import Refusal
from rentals.desk.forms.fleet import ExportForm, PeriodForm
from rentals.desk.page import BasePage, explain
from rentals.fleet.definitions import DEFINITIONS
from rentals.fleet.exports import FORMATS, download
from rentals.fleet.figures import Figures, fleet_figures, period


class BaseFleetPage(BasePage):
    """The question in the address, answered; what cannot be asked is said beside its field."""

    action = "reports.read"
    template = "rentals/desk/fleet.html"
    form_class: ClassVar[type[PeriodForm]] = PeriodForm
    answer: Callable[..., HttpResponse]

    def get(self, request: HttpRequest) -> HttpResponse:
        form = self.form_class(request.GET, clinics=self.actor.visible_clinics())
        if form.is_valid():
            try:
                return self.answer(self.figures(form.cleaned_data), form.cleaned_data)
            except Refusal as refusal:
                explain(form, refusal)
        return self.show(form=form, status=422)

    def figures(self, given: dict[str, Any]) -> Figures:
        clinics = [given["clinic"]] if given["clinic"] else self.sites
        first, last = period(clinics, given["from"], given["to"], self.now)
        return fleet_figures(clinics, first, last, self.now)


class Fleet(BaseFleetPage):
    """Each figure with what it means, in all and by clinic."""

    def answer(self, figures: Figures, given: dict[str, Any]) -> HttpResponse:
        clinic = given["clinic"].pk if given["clinic"] else ""
        asked = {"from": figures.first.isoformat(), "to": figures.last.isoformat(), "clinic": clinic}
        parts = [*figures.by_clinic, figures] if len(figures.by_clinic) > 1 else []
        return self.show(
            form=PeriodForm(asked, clinics=self.actor.visible_clinics()),
            figures=figures,
            cards=[(definition, getattr(figures, definition.name)) for definition in DEFINITIONS],
            parts=parts,
            lines=[(definition, [getattr(part, definition.name) for part in parts]) for definition in DEFINITIONS],
            question=urlencode(asked),
            formats=FORMATS,
        )


class FleetExport(BaseFleetPage):
    """The same figures as a file."""

    form_class = ExportForm

    def answer(self, figures: Figures, given: dict[str, Any]) -> HttpResponse:
        return download(figures, given["format"])
