"""Which labels are wanted, and where the first one lies on a sheet that was begun."""

from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.models import Device
from rentals.labels import PER_SHEET

MOST_TICKED = 240  # ten sheets: more do not fit into an address


class DeviceBoxes(forms.ModelMultipleChoiceField):
    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, device: Any) -> str:
        return f"{device.serial} · {device.model}"


class LabelsForm(forms.Form):
    """All of `devices`, or those of them that are ticked."""

    ALL, TICKED = "all", "ticked"

    which = forms.ChoiceField(
        choices=[(ALL, gettext_lazy("All devices of this site")), (TICKED, gettext_lazy("Those ticked below"))],
        widget=forms.RadioSelect,
        initial=TICKED,
        label=gettext_lazy("Labels for"),
    )
    start = forms.IntegerField(
        min_value=1,
        max_value=PER_SHEET,
        initial=1,
        label=gettext_lazy("First label at place"),
        help_text=format_lazy(
            gettext_lazy("Of {number} on a sheet, row by row: for a sheet of which some are used."), number=PER_SHEET
        ),
    )
    device = DeviceBoxes(queryset=Device.objects.none(), required=False, label=gettext_lazy("Devices"))

    def __init__(self, *data: Any, devices: Any, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        self.fields["device"].queryset = devices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        ticked = given.get("device")
        if given.get("which") == self.TICKED and ticked is not None:
            if not ticked:
                self.add_error("device", _("Tick at least one device, or choose all of the site."))
            elif len(ticked) > MOST_TICKED:
                too_many = _("Tick at most %(number)s devices, or choose all of the site.")
                self.add_error("device", too_many % {"number": MOST_TICKED})
        return given
