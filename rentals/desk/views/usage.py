"""Usage data at the desk: a file is sent, and its page tells what becomes of it."""

from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import F, Func, IntegerField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rentals.desk.forms.sources import FetchForm
from rentals.desk.forms.usage import UsageFileForm
from rentals.desk.page import BaseFormPage, BasePage
from rentals.desk.tables import ImportTable, RejectedTable
from rentals.models import Rental, UsageImport
from rentals.reconciliation.heartbeat import READING
from rentals.reconciliation.imports import cancel_import, queue_import, run_again
from rentals.reconciliation.routes import ROUTES
from rentals.reconciliation.routes.fetching import fetch_now, sources

STATUS = UsageImport.Status
PATIENCE = timedelta(minutes=1)  # a worker takes a file within seconds, or after the sweep of the next minute
COLUMNS = {
    "serial": gettext_lazy("of the device"),
    "part_number": gettext_lazy("of its model; may be left out where the serial tells it"),
    "read_out_at": gettext_lazy("when the data was read out: true time with its offset"),
    "device_clock": gettext_lazy("what the device's clock showed at that moment"),
    "counter": gettext_lazy("what its screen showed at that moment"),
    "n": gettext_lazy("the device's own number of the treatment"),
    "started": gettext_lazy("when the treatment began, by the device's clock"),
    "seconds": gettext_lazy("how long it took"),
    "outcome": gettext_lazy("completed, stopped or fault"),
    "code": gettext_lazy("the device's code, if it gave one"),
    "paused_from": gettext_lazy("first day of a pause, in a line of its own"),
    "paused_to": gettext_lazy("last day of that pause"),
}


class Usage(BasePage):
    """What was sent lately, and the form to send a file."""

    action = "usage.read"
    template = "rentals/desk/usage.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(form=UsageFileForm(), **surroundings(self))


class SendUsage(BaseFormPage):
    """Take a file in for the worker; what is plainly no usage data comes back at once."""

    action = "usage.import"
    template = "rentals/desk/usage.html"
    form_class = UsageFileForm

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        queued = queue_import(given["file"], name=given["file"].name, at=self.now, actor=self.actor)
        return self.go(reverse("usage-import", args=[queued.pk]))

    def context(self) -> dict[str, Any]:
        return surroundings(self)


def surroundings(page: BasePage) -> dict[str, Any]:
    """What stands around the form: earlier files, what comes by itself, and what a file looks like."""
    rejected_lines = Func(F("rejected"), function="jsonb_array_length", output_field=IntegerField())
    imports = UsageImport.objects.visible_to(page.actor).select_related("uploaded_by").defer("rejected")
    table = ImportTable(imports.annotate(rejected_lines=rejected_lines), page.site)
    return {"table": table.for_request(page.request), "columns": COLUMNS, "sources": sources(page.now)}


class Fetch(BaseFormPage):
    """Have a source looked at now, however often it failed; all of it again where that is asked."""

    action = "usage.import"
    template = "rentals/desk/usage.html"
    form_class = FetchForm

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        name = self.kwargs["route"]
        if name not in ROUTES:
            raise Http404
        fetch_now(name, at=self.now, from_the_start=given["again"])
        said = _("The %(source)s is being asked; what it brings stands below soon.") % {"source": ROUTES[name].title}
        return self.go(reverse("usage"), said)

    def show_form(self, form: Any, status: int = 200) -> HttpResponse:
        return self.show(form=UsageFileForm(), refusal=self.refusal, status=status, **surroundings(self))


def state_of(page: BasePage, pk: int) -> dict[str, Any]:
    """An import and how far it is, for its page; the patients whose rentals it names are recorded (I10)."""
    imports = UsageImport.objects.visible_to(page.actor).select_related("uploaded_by")
    usage_import = get_object_or_404(imports, pk=pk)
    waits = usage_import.status == STATUS.QUEUED
    age = page.now - usage_import.created_at
    late_for = list(Rental.objects.visible_to(page.actor).filter(late_imports=usage_import).order_by("reference"))
    page.record({rental.patient_id for rental in late_for})
    return {
        "usage_import": usage_import,
        "record": usage_import,
        "route": ROUTES.get(usage_import.route),
        "under_way": waits or usage_import.status == STATUS.RUNNING,
        "is_read": usage_import.progress >= READING,
        "seconds": int(age.total_seconds()),
        # One that was put back into the queue has waited since then.
        "nobody_takes_it": waits and page.now - (usage_import.lease_until or usage_import.created_at) > PATIENCE,
        "late_for": late_for,
        "table": RejectedTable(usage_import.rejected).for_request(page.request),
    }


class OneImport(BasePage):
    """What becomes of a file; while that is open, htmx asks each second for the part that changes."""

    action = "usage.read"
    template = "rentals/desk/usage_import.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        part = "rentals/desk/usage_import_progress.html" if self.request.htmx else ""
        return self.show(template=part, **state_of(self, pk))


class BaseImportVerb(BaseFormPage):
    """A button on the page of an import; a no is shown there too."""

    action = "usage.import"
    template = "rentals/desk/usage_import.html"
    form_class = forms.Form

    def asked(self) -> UsageImport:
        return get_object_or_404(UsageImport.objects.visible_to(self.actor), pk=self.kwargs["pk"])

    def back(self) -> HttpResponseRedirect:
        return self.go(reverse("usage-import", args=[self.kwargs["pk"]]))

    def context(self) -> dict[str, Any]:
        return state_of(self, self.kwargs["pk"])


class CancelImport(BaseImportVerb):
    """Stop a file that waits or is being read; nothing of it is taken."""

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        cancel_import(self.asked(), at=self.now, actor=self.actor)
        return self.back()


class ReadImportAgain(BaseImportVerb):
    """Have a file that failed read once more."""

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        run_again(self.asked(), at=self.now)
        return self.back()
