"""A device's end without a rental: lost, found again, retired; each with its reason."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.http import HttpResponseRedirect

from devices.models import ConditionChange
from rentals.desk.forms.stock_take import ReasonForm
from rentals.desk.page import BaseFormPage
from rentals.desk.views.devices import BaseDevicePage
from rentals.fleet_changes import found_again, report_device_lost, retire


class BaseEnd(BaseDevicePage, BaseFormPage):
    """One form that asks why."""

    action = "devices.end"
    template = "rentals/desk/device_end.html"
    form_class = ReasonForm
    verb: ClassVar[Callable[..., ConditionChange]]
    title: ClassVar[str]
    meaning: ClassVar[str]
    button: ClassVar[str]
    done: ClassVar[str]

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        type(self).verb(self.device, **given, at=self.now, actor=self.actor)
        return self.go(self.address, f"Device {self.device} {self.done}")

    def context(self) -> dict[str, Any]:
        return {"device": self.device, "back": self.address}


class DeviceLost(BaseEnd):
    """It is not where it should be, and no patient has it."""

    verb = staticmethod(report_device_lost)
    title, button = "Report lost", "It is lost"
    meaning = "It leaves the fleet until it is found. Its reservations go to other devices, where some fit."
    done = "is recorded as lost."


class FoundAgain(BaseEnd):
    """A lost one that turned up."""

    verb = staticmethod(found_again)
    title, button = "Found again", "It is here"
    meaning = "It goes to quarantine and can be given to somebody once it has passed an inspection."
    done = "is back, in quarantine; inspect it next."


class Retire(BaseEnd):
    """It is worn out, or given up."""

    verb = staticmethod(retire)
    title, button = "Retire", "Retire it"
    meaning = "It goes to nobody any more, for good. Its reservations go to other devices, where some fit."
    done = "is retired."
