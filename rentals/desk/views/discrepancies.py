"""Discrepancies at the desk: where the devices' own records and the desk disagree."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import CharFilter, ChoiceFilter, FilterSet

from config.models import User
from config.refusals import Refusal
from patients.models import Access
from rentals.desk.code_words import DISCREPANCIES
from rentals.desk.forms.usage import OwnerForm, ResolutionForm
from rentals.desk.page import BaseFormPage, BasePage
from rentals.models import Discrepancy
from rentals.reconciliation.discrepancies import possible_owners, resolve, take_on

ROWS_A_PAGE = 25


class DiscrepancyFilter(FilterSet):
    OWNERS = [("mine", gettext_lazy("Mine")), ("nobody", gettext_lazy("Nobody’s"))]

    state = ChoiceFilter(
        choices=Discrepancy.State.choices, label=gettext_lazy("State"), empty_label=gettext_lazy("Open and closed")
    )
    kind = ChoiceFilter(
        choices=[(kind, DISCREPANCIES[kind]) for kind in Discrepancy.Kind.values],
        label=gettext_lazy("Kind"),
        empty_label=gettext_lazy("Any kind"),
    )
    owner = ChoiceFilter(
        choices=OWNERS, method="owned_by", label=gettext_lazy("Owner"), empty_label=gettext_lazy("Everybody’s")
    )
    device = CharFilter(
        field_name="device__serial", lookup_expr="icontains", label=gettext_lazy("Serial"), max_length=40
    )
    rental = CharFilter(
        field_name="rental__reference", lookup_expr="icontains", label=gettext_lazy("Rental"), max_length=20
    )

    class Meta:
        model = Discrepancy
        fields: list[str] = []

    def owned_by(self, rows: Any, name: str, whose: str) -> Any:
        return rows.filter(owner=self.request.user if whose == "mine" else None)


class Discrepancies(BasePage):
    """Those of the chosen site and those of devices that nobody here knows, newest first; open ones unless asked."""

    action = "usage.read"
    template = "rentals/desk/discrepancies.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        here = Discrepancy.objects.filter(Q(clinic=self.site) | Q(clinic__isnull=True))
        rows = here.select_related("clinic", "device", "rental", "closed_by", "owner")
        asked = {"state": Discrepancy.State.OPEN, **request.GET.dict()}
        narrowed = DiscrepancyFilter(asked, rows, request=request)
        right = narrowed.is_valid()
        shown = Paginator(narrowed.qs if right else rows.none(), ROWS_A_PAGE).get_page(request.GET.get("page"))
        self.record({row.rental.patient_id for row in shown if row.rental}, Access.Action.LISTED)
        return self.show(
            shown=shown,
            filter=narrowed,
            form=ResolutionForm(),
            colleagues=possible_owners(Discrepancy(clinic=self.site)),
            status=200 if right else 422,
        )


def about(user: User, pk: int) -> Discrepancy:
    """The discrepancy with all that is shown of it, if `user` may see it; else 404."""
    seen = Discrepancy.objects.visible_to(user)
    return get_object_or_404(seen.select_related("clinic", "device__clinic", "rental", "closed_by", "owner"), pk=pk)


class TakeOn(BasePage):
    """In whose hands a discrepancy is: one's own, a colleague's, nobody's again."""

    action = "usage.resolve"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        discrepancy = about(self.actor, pk)
        form = OwnerForm(request.POST)
        if not form.is_valid():
            messages.error(request, _("Choose a colleague from the list."))
            return self.go(reverse("discrepancies"))
        discrepancy.owner_id = form.cleaned_data["seen"]
        try:
            taken = take_on(discrepancy, owner=form.cleaned_data["owner"], at=self.now, actor=self.actor)
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return self.go(reverse("discrepancies"))
        taken_on = _("%(owner)s has it in hand: %(why)s") if taken.owner else _("It is nobody’s again: %(why)s")
        return self.go(reverse("discrepancies"), taken_on % {"owner": taken.owner, "why": taken.why})


class Resolve(BaseFormPage):
    """Close a discrepancy with a note."""

    action = "usage.resolve"
    template = "rentals/desk/discrepancies_resolve.html"
    form_class = ResolutionForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.discrepancy = about(request.user, kwargs["pk"])  # type: ignore[arg-type]
        return super().dispatch(request, *args, **kwargs)

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        resolve(self.discrepancy, **given, at=self.now, actor=self.actor)
        return self.go(reverse("discrepancies"), _("Resolved: %(why)s") % {"why": self.discrepancy.why})

    def context(self) -> dict[str, Any]:
        if self.discrepancy.rental:
            self.record([self.discrepancy.rental.patient_id])
        return {"discrepancy": self.discrepancy, "back": reverse("discrepancies")}
