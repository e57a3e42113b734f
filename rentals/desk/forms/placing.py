"""Which device a rental has: the one chosen, and whether it stays on it."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from devices.models import Device
from rentals.desk.forms.rental import BaseDeviceForm, BaseRentalForm


class ChangeDeviceForm(BaseDeviceForm):
    device = forms.ModelChoiceField(
        queryset=Device.objects.none(), error_messages={"required": _("Choose one of the devices.")}, label=_("Device")
    )


class PinForm(BaseRentalForm):
    """Turns it round: what is pinned may be moved again."""

    pinned = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def proposed(self) -> dict[str, Any]:
        return {"pinned": not self.rental.pinned}
