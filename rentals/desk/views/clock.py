"""The clock of a device at the desk: its read-outs, what was made of their times, and a person's word on one."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.models import ReadOut
from rentals.desk.clocks import MOST_SHOWN, off_in_words, read_outs_seen
from rentals.desk.forms.clock import ClockForm, offset_between
from rentals.desk.page import BaseFormPage
from rentals.desk.views.devices import BaseDevicePage
from rentals.models import ClockRuling
from rentals.reconciliation.rulings import rule_clock


class DeviceClock(BaseDevicePage):
    """The read-outs of one device, and how far its clock was off at each."""

    action = "usage.read"
    template = "rentals/desk/device_clock.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        seen = read_outs_seen(self.device, self.device.clinic)
        return self.show(device=self.device, seen=seen, most=MOST_SHOWN, back=self.address)


class RuleClock(BaseFormPage):
    """Say by how much the clock was off for one read-out, against what Callus worked out."""

    action = "usage.rule_clock"
    template = "rentals/desk/rule_clock.html"
    form_class = ClockForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        read_outs = ReadOut.objects.filter(device__clinic__in=request.user.visible_clinics())  # type: ignore[union-attr]
        self.read_out = get_object_or_404(read_outs.select_related("device__clinic"), pk=kwargs["pk"])
        with timezone.override(self.read_out.device.clinic.zone):  # in which the true time is written
            return super().dispatch(request, *args, **kwargs)

    @property
    def back(self) -> str:
        return reverse("device-clock", args=[self.read_out.device_id])

    def form_arguments(self) -> dict[str, Any]:
        last = self.read_out.treatments.order_by("-started_device").first()
        shown = self.read_out.device_clock or (last and last.started_device)
        return {"initial": {"shown": shown, "true_at": self.read_out.read_out_at}}

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        offset = None if given["again"] else offset_between(given["shown"], given["true_at"])
        rule_clock(self.read_out, offset, note=given["note"], at=self.now, actor=self.actor)
        return self.go(self.back, _("Recorded; the times of its treatments and all that hangs on them follow."))

    def context(self) -> dict[str, Any]:
        device = self.read_out.device
        rulings = ClockRuling.objects.filter(read_out=self.read_out).select_related("by").order_by("-at", "-pk")
        return {
            "read_out": self.read_out,
            "device": device,
            "off": off_in_words(self.read_out, device.clinic),
            "treatments": self.read_out.treatments.count(),
            "rulings": rulings,
            "back": self.back,
        }
