"""Usage data at the desk: a file is sent, and its page tells what becomes of it."""

from datetime import timedelta
from typing import Any

from django.db.models import F, Func, IntegerField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse

from rentals.desk.forms.usage import UsageFileForm
from rentals.desk.page import BaseFormPage, BasePage
from rentals.desk.tables import ImportTable, RejectedTable
from rentals.models import UsageImport
from rentals.reconciliation.imports import queue_import

STATUS = UsageImport.Status
PATIENCE = timedelta(minutes=1)  # a worker takes a file within seconds, or after the sweep of the next minute
COLUMNS = {
    "serial": "of the device",
    "part_number": "of its model; may be left out where the serial tells it",
    "read_out_at": "when the data was read out: true time with its offset",
    "device_clock": "what the device's clock showed at that moment",
    "counter": "what its screen showed at that moment",
    "n": "the device's own number of the treatment",
    "started": "when the treatment began, by the device's clock",
    "seconds": "how long it took",
    "outcome": "completed, stopped or fault",
    "code": "the device's code, if it gave one",
    "paused_from": "first day of a pause, in a line of its own",
    "paused_to": "last day of that pause",
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
    """What stands around the form: earlier files, and what a file looks like."""
    rejected_lines = Func(F("rejected"), function="jsonb_array_length", output_field=IntegerField())
    imports = UsageImport.objects.visible_to(page.actor).select_related("uploaded_by").defer("rejected")
    table = ImportTable(imports.annotate(rejected_lines=rejected_lines), page.site)
    return {"table": table.for_request(page.request), "columns": COLUMNS}


class OneImport(BasePage):
    """What becomes of a file; while that is open, htmx asks each second for the part that changes."""

    action = "usage.read"
    template = "rentals/desk/usage_import.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        imports = UsageImport.objects.visible_to(self.actor).select_related("uploaded_by")
        usage_import = get_object_or_404(imports, pk=pk)
        age = self.now - usage_import.created_at
        waits = usage_import.status == STATUS.QUEUED
        return self.show(
            template="rentals/desk/usage_import_progress.html" if self.request.htmx else "",
            usage_import=usage_import,
            record=usage_import,
            under_way=waits or usage_import.status == STATUS.RUNNING,
            seconds=int(age.total_seconds()),
            nobody_takes_it=waits and age > PATIENCE,
            table=RejectedTable(usage_import.rejected).for_request(request),
        )
