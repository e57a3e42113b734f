"""What people say about the counter of a device: where its counting began anew, and which reading is right."""

from typing import Any

from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404

from devices.models import Allowance, Reading
from rentals.desk.forms.counting import RenewForm, RestartForm, TrustForm
from rentals.desk.page import BaseFormPage
from rentals.desk.views.devices import BaseDevicePage
from rentals.reconciliation.readings import trust_reading
from rentals.reconciliation.renewal import Ruling, begin_allowance, rule_on_restart


class BaseCounterPage(BaseDevicePage, BaseFormPage):
    """A page about the counter of one device."""

    title: str
    button: str

    def context(self) -> dict[str, Any]:
        return {"device": self.device, "back": self.address}


class Renew(BaseCounterPage):
    """A new card, a replaced unit, or a reset that was seen at the screen."""

    action = "devices.renew"
    template = "rentals/desk/counting.html"
    form_class = RenewForm
    title, button = "The counting begins anew", "Record it"

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        ruling = Ruling(given["cause"], given["note"], given["nominal"])
        when = {"at": given["at"] or self.now, "now": self.now}
        begin_allowance(self.device, ruling, counter=given["counter"], **when, actor=self.actor)
        return self.go(self.address, f"Device {self.device} counts anew; what it has left follows from that.")


class RuleOnRestart(BaseCounterPage):
    """What it was when the numbers in the log of a device start again."""

    action = "devices.renew"
    template = "rentals/desk/counting.html"
    form_class = RestartForm
    title, button = "Why the numbers start again", "That is what it was"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.allowance = get_object_or_404(Allowance, pk=kwargs["allowance"], device=kwargs["pk"], number__gt=1)
        return super().dispatch(request, *args, **kwargs)

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        ruling = Ruling(given["cause"], given["note"], given["nominal"])
        rule_on_restart(self.allowance, ruling, at=self.now, actor=self.actor)
        return self.go(self.address, "It is recorded, and what the device has left is counted anew.")

    def context(self) -> dict[str, Any]:
        return {**super().context(), "allowance": self.allowance}


class TrustReading(BaseCounterPage):
    """A reading in doubt that was found to be right."""

    action = "readings.trust"
    template = "rentals/desk/counting.html"
    form_class = TrustForm
    title, button = "Trust this reading", "It is right"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.reading = get_object_or_404(Reading, pk=kwargs["reading"], device=kwargs["pk"])
        return super().dispatch(request, *args, **kwargs)

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        trust_reading(self.reading, **given, at=self.now, actor=self.actor)
        return self.go(self.address, f"Counter {self.reading.counter} is trusted, and all that follows counted anew.")

    def context(self) -> dict[str, Any]:
        return {**super().context(), "reading": self.reading}
