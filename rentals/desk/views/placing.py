"""Which device a rental has: another one before the hand-over or in the middle, and whether it stays on its own."""

from collections import Counter
from contextlib import suppress
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.models import Device
from rentals.booking import change
from rentals.booking.alternatives import alternatives_for
from rentals.booking.availability import Need, fitting_devices, judged_devices, why_not
from rentals.booking.sentences import with_sentences
from rentals.deciding import live_holding
from rentals.desk.forms import placing as forms
from rentals.desk.forms.fields import DayField
from rentals.desk.forms.rental import SwapForm
from rentals.desk.offers import in_words
from rentals.desk.views.verbs import BaseVerbPage


class BaseOtherDevicePage(BaseVerbPage):
    """A page that offers other devices than the one that the rental has."""

    @cached_property
    def device(self) -> Device | None:
        return super().device

    @cached_property
    def need(self) -> Need | None:
        """What a device would have to give from now on; None where the rental holds no days any more."""
        holding = live_holding(self.rental)
        if holding is None:
            return None
        return change.need_for_another(self.rental, holding, self.now)

    @cached_property
    def others(self) -> tuple[list[Any], dict[str, int]]:
        """Devices that could have it now, and for each reason how many beside the one held could not."""
        if self.need is None:
            return [], {}
        fitting, reasons = fitting_devices(self.need, self.now)
        held = self.device
        judged = judged_devices(self.need, self.now).filter(pk=held.pk) if held else []
        not_counted = Counter(why_not(device, self.need) for device in judged)
        return [device for device in fitting if device != held], Counter(reasons) - not_counted

    def context(self) -> dict[str, Any]:
        fitting, reasons = self.others
        return {**super().context(), "offered": fitting, "why_none": in_words(reasons)}


class Swap(BaseOtherDevicePage):
    """Another device in the middle of the rental."""

    action, verb = "rentals.swap", "swap"
    title, button, done = (
        gettext_lazy("Swap the device"),
        gettext_lazy("Swap"),
        gettext_lazy("The device is swapped; the old one is in quarantine."),
    )
    template = "rentals/desk/swap.html"
    form_class = SwapForm

    def make_form(self, *data: Any) -> Any:
        form = super().make_form(*data)
        form.initial["device"] = self.request.GET.get("device")  # as a proposal of today's page names it
        form.offer(self.others[0])
        return form

    def do(self, given: dict[str, Any]) -> object:
        when = self.moment(given)
        return change.swap(self.rental, **given, **when)


class ChangeDevice(BaseOtherDevicePage):
    """Another device for a reservation, or one again after its own was taken away.

    The bars of the timeline lead here, and what is dragged there is sent here.
    """

    action, verb = "rentals.change_device", "change_device"
    button = gettext_lazy("Put it on this device")
    template = "rentals/desk/change_device.html"
    form_class = forms.ChangeDeviceForm

    @property
    def title(self) -> str:  # type: ignore[override]
        return _("Move to another device") if self.device else _("Give it a device")

    @cached_property
    def week(self) -> date | None:
        """The week of the timeline that somebody comes from, and goes back to."""
        with suppress(ValidationError):
            return DayField(required=False).clean(self.request.POST.get("week") or self.request.GET.get("week"))
        return None

    @property
    def way_back(self) -> str:
        if self.week is None:
            return self.address
        return f"{reverse('timeline')}?day={self.week}#{self.rental.reference}"

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        super().act(given)
        return self.go(self.way_back)

    def do(self, given: dict[str, Any]) -> object:
        return change.change_device(self.rental, **given, **self.who_and_when())

    def said(self, given: dict[str, Any]) -> str:
        told = {"reference": self.rental.reference, "device": given["device"]}
        return _("Rental %(reference)s is on device %(device)s now.") % told

    def context(self) -> dict[str, Any]:
        fitting = self.others[0]
        wanted = self.request.POST.get("device", "")
        ids = [str(device.pk) for device in fitting]
        return {
            **super().context(),
            "chosen": wanted if wanted in ids else "".join(ids[:1]),
            "offers": with_sentences(fitting, self.need, self.now) if self.need else [],
            "instead": {} if fitting or not self.need else {"alternatives": alternatives_for(self.need, self.now)},
        }


class Pin(BaseVerbPage):
    """Whether a reservation stays on its device when the others are placed anew."""

    action, verb = "rentals.pin", "pin"
    template = "rentals/desk/pin.html"
    form_class = forms.PinForm

    @property
    def title(self) -> str:  # type: ignore[override]
        return _("Let it be moved") if self.rental.pinned else _("Pin it to its device")

    button = title

    def do(self, given: dict[str, Any]) -> object:
        return change.pin(self.rental, **given, **self.who_and_when())

    def said(self, given: dict[str, Any]) -> str:
        return _("It stays on its device.") if given["pinned"] else _("It may be moved to another device again.")
