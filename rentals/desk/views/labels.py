"""Labels for devices, chosen on a page of their own and printed as PDF sheets."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from config.refusals import Refusal
from devices.models import Device, DeviceQuerySet
from rentals.desk.forms.labels import LabelsForm
from rentals.desk.page import BasePage, explain
from rentals.labels import label_sheets

MOST_SHOWN = 300
GONE = (Device.Condition.LOST, Device.Condition.SOLD, Device.Condition.RETIRED)


class Labels(BasePage):
    """Choose the devices; those named in the address (`device`) are ticked."""

    action = "devices.read"
    template = "rentals/desk/labels.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        if "which" in request.GET:
            return self.file(LabelsForm(request.GET, devices=self.devices()))
        ticked = [pk for pk in request.GET.getlist("device") if pk.isdigit()]
        return self.show_form(LabelsForm(devices=self.shown(ticked), initial={"device": ticked}))

    def file(self, form: LabelsForm) -> HttpResponse:
        """The sheets; what cannot be printed is said beside its field."""
        if form.is_valid():
            given = form.cleaned_data
            chosen = given["device"] if given["which"] == LabelsForm.TICKED else self.devices()
            try:
                return as_pdf(label_sheets(chosen, start=given["start"], at=self.now))
            except Refusal as refusal:
                explain(form, refusal)
        form.fields["device"].queryset = self.shown([])  # type: ignore[attr-defined]
        return self.show_form(form, status=422)

    def show_form(self, form: LabelsForm, status: int = 200) -> HttpResponse:
        return self.show(form=form, status=status, devices=self.devices().count(), most=MOST_SHOWN)

    def devices(self) -> DeviceQuerySet:
        """What the site has that can bear a label."""
        devices = Device.objects.filter(clinic=self.site).exclude(condition__in=GONE)
        return devices.select_related("model", "clinic").order_by("serial", "pk")

    def shown(self, ticked: list[Any]) -> DeviceQuerySet:
        """Those that can be ticked: the newest, and what is ticked already."""
        newest = self.devices().order_by("-created_at", "-pk").values_list("pk", flat=True)[:MOST_SHOWN]
        return self.devices().filter(pk__in=[*newest, *ticked])


def as_pdf(content: bytes) -> HttpResponse:
    return HttpResponse(
        content, content_type="application/pdf", headers={"Content-Disposition": 'inline; filename="labels.pdf"'}
    )
