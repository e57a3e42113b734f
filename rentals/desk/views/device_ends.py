"""A device's end without a rental: lost, found again, retired; each with its reason."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django.http import HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from devices.models import ConditionChange
from rentals.desk.forms.stock_take import ReasonForm
from rentals.desk.page import BaseFormPage
from rentals.desk.views.devices import BaseDevicePage
from rentals.fleet_changes import found_again, report_device_lost, retire

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class BaseEnd(BaseDevicePage, BaseFormPage):
    """One form that asks why."""

    action = "devices.end"
    template = "rentals/desk/device_end.html"
    form_class = ReasonForm
    verb: ClassVar[Callable[..., ConditionChange]]
    title: "ClassVar[StrOrPromise]"
    meaning: "ClassVar[StrOrPromise]"
    button: "ClassVar[StrOrPromise]"
    done: "ClassVar[StrOrPromise]"  # names the device

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        type(self).verb(self.device, **given, at=self.now, actor=self.actor)
        return self.go(self.address, str(self.done) % {"device": self.device})

    def context(self) -> dict[str, Any]:
        return {"device": self.device, "back": self.address}


class DeviceLost(BaseEnd):
    """It is not where it should be, and no patient has it."""

    verb = staticmethod(report_device_lost)
    title, button = _("Report lost"), _("It is lost")
    meaning = _("It leaves the fleet until it is found. Its reservations go to other devices, where some fit.")
    done = _("Device %(device)s is recorded as lost.")


class FoundAgain(BaseEnd):
    """A lost one that turned up."""

    verb = staticmethod(found_again)
    title, button = _("Found again"), _("It is here")
    meaning = _("It goes to quarantine and can be given to somebody once it has passed an inspection.")
    done = _("Device %(device)s is back, in quarantine; inspect it next.")


class Retire(BaseEnd):
    """It is worn out, or given up."""

    verb = staticmethod(retire)
    title, button = _("Retire"), _("Retire it")
    meaning = _("It goes to nobody any more, for good. Its reservations go to other devices, where some fit.")
    done = _("Device %(device)s is retired.")
