"""What is written down about a device: a new unit, what its screen showed."""

from typing import Any

from django import forms

from config.models import Clinic
from devices.models import Device, DeviceModel
from rentals.desk.forms.fields import CounterField, MomentField


class ModelChoice(forms.ModelChoiceField):
    def label_from_instance(self, model: Any) -> str:
        return f"{model} ({model.part_number})"


class AddDeviceForm(forms.Form):
    """A new unit for one of the sites `clinics`."""

    serial = forms.CharField(max_length=40, help_text="As printed on the unit, with zeros at its beginning.")
    model = ModelChoice(queryset=DeviceModel.objects.all(), empty_label="Choose")
    clinic = forms.ModelChoiceField(queryset=Clinic.objects.none(), empty_label=None, label="Site")
    condition = forms.ChoiceField(choices=Device.Condition.choices, initial=Device.Condition.READY)
    counter = CounterField(
        required=False, label="Counter on the screen", help_text="Leave it empty if nobody has looked yet."
    )

    def __init__(self, *data: Any, clinics: Any, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        self.fields["clinic"].queryset = clinics  # type: ignore[attr-defined]


class ReadingForm(forms.Form):
    counter = CounterField(label="Counter on the screen")
    read_at = MomentField(label="Read at (empty: now)", help_text="")
