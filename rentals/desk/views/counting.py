"""What people say about the counter of a device: where its counting began anew, and which reading is right."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.models import Allowance, Reading
from rentals.desk.forms.counting import RenewForm, RestartForm, TrustForm
from rentals.desk.page import BaseFormPage
from rentals.desk.views.devices import BaseDevicePage
from rentals.reconciliation.readings import trust_reading
from rentals.reconciliation.renewal import Ruling, begin_allowance, rule_on_restart

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class BaseCounterPage(BaseDevicePage, BaseFormPage):
    """A page about the counter of one device."""

    title: "StrOrPromise"
    button: "StrOrPromise"

    def context(self) -> dict[str, Any]:
        return {"device": self.device, "back": self.address}


class Renew(BaseCounterPage):
    """A new card, a replaced unit, or a reset that was seen at the screen."""

    action = "devices.renew"
    template = "rentals/desk/counting.html"
    form_class = RenewForm
    title, button = gettext_lazy("The counting begins anew"), gettext_lazy("Record it")

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        ruling = Ruling(given["cause"], given["note"], given["nominal"])
        when = {"at": given["at"] or self.now, "now": self.now}
        begin_allowance(self.device, ruling, counter=given["counter"], **when, actor=self.actor)
        said = _("Device %(device)s counts anew; what it has left follows from that.") % {"device": self.device}
        return self.go(self.address, said)


class RuleOnRestart(BaseCounterPage):
    """What it was when the numbers in the log of a device start again."""

    action = "devices.renew"
    template = "rentals/desk/counting.html"
    form_class = RestartForm
    title, button = gettext_lazy("Why the numbers start again"), gettext_lazy("That is what it was")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.allowance = get_object_or_404(Allowance, pk=kwargs["allowance"], device=kwargs["pk"], number__gt=1)
        return super().dispatch(request, *args, **kwargs)

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        ruling = Ruling(given["cause"], given["note"], given["nominal"])
        rule_on_restart(self.allowance, ruling, at=self.now, actor=self.actor)
        return self.go(self.address, _("It is recorded, and what the device has left is counted anew."))

    def context(self) -> dict[str, Any]:
        return {**super().context(), "allowance": self.allowance}


class TrustReading(BaseCounterPage):
    """A reading in doubt that was found to be right."""

    action = "readings.trust"
    template = "rentals/desk/counting.html"
    form_class = TrustForm
    title, button = gettext_lazy("Trust this reading"), gettext_lazy("It is right")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.reading = get_object_or_404(Reading, pk=kwargs["reading"], device=kwargs["pk"])
        return super().dispatch(request, *args, **kwargs)

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        trust_reading(self.reading, **given, at=self.now, actor=self.actor)
        said = _("Counter %(counter)s is trusted, and all that follows counted anew.")
        return self.go(self.address, said % {"counter": self.reading.counter})

    def context(self) -> dict[str, Any]:
        return {**super().context(), "reading": self.reading}
