"""Discrepancies at the desk: where the devices' own records and the desk disagree."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django_filters import ChoiceFilter, FilterSet

from patients.models import Access
from rentals.desk.forms.usage import ResolutionForm
from rentals.desk.page import BaseFormPage, BasePage
from rentals.models import Discrepancy
from rentals.reconciliation.discrepancies import resolve
from rentals.templatetags.desk import spoken

ROWS_A_PAGE = 25


class DiscrepancyFilter(FilterSet):
    state = ChoiceFilter(choices=Discrepancy.State.choices, empty_label="Open and closed")
    kind = ChoiceFilter(choices=[(kind, spoken(kind)) for kind in Discrepancy.Kind.values], empty_label="Any kind")

    class Meta:
        model = Discrepancy
        fields: list[str] = []


class Discrepancies(BasePage):
    """Those of the chosen site and those of devices that nobody here knows, newest first; open ones unless asked."""

    action = "usage.read"
    template = "rentals/desk/discrepancies.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        here = Discrepancy.objects.filter(Q(clinic=self.site) | Q(clinic__isnull=True))
        rows = here.select_related("clinic", "device", "rental", "closed_by")
        narrowed = DiscrepancyFilter({"state": Discrepancy.State.OPEN, **request.GET.dict()}, rows)
        right = narrowed.is_valid()
        shown = Paginator(narrowed.qs if right else rows.none(), ROWS_A_PAGE).get_page(request.GET.get("page"))
        self.record({row.rental.patient_id for row in shown if row.rental}, Access.Action.LISTED)
        return self.show(shown=shown, filter=narrowed, form=ResolutionForm(), status=200 if right else 422)


class Resolve(BaseFormPage):
    """Close a discrepancy with a note."""

    action = "usage.resolve"
    template = "rentals/desk/discrepancies_resolve.html"
    form_class = ResolutionForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        discrepancies = Discrepancy.objects.visible_to(request.user)  # type: ignore[arg-type]
        about = discrepancies.select_related("clinic", "device__clinic", "rental", "closed_by")
        self.discrepancy = get_object_or_404(about, pk=kwargs["pk"])
        return super().dispatch(request, *args, **kwargs)

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        resolve(self.discrepancy, **given, at=self.now, actor=self.actor)
        return self.go(reverse("discrepancies"), f"Resolved: {self.discrepancy.why}")

    def context(self) -> dict[str, Any]:
        if self.discrepancy.rental:
            self.record([self.discrepancy.rental.patient_id])
        return {"discrepancy": self.discrepancy, "back": reverse("discrepancies")}
