"""What is written down about a device: a new unit, what its screen showed."""

from typing import Any

from django import forms

from config.models import Clinic
from devices.models import Device, DeviceModel
from rentals.desk.forms.fields import CounterField, DayField, MomentField


class ModelChoice(forms.ModelChoiceField):
    def label_from_instance(self, model: Any) -> str:
        return f"{model} ({model.part_number})"


class DatesForm(forms.Form):
    """Until when a device may be with patients."""

    shelf_until = DayField(required=False, label="Last day of its shelf life", help_text="Empty if it has none.")
    service_due_on = DayField(
        required=False, label="Service due on", help_text="It is back before this day. Empty if none is planned."
    )


class AddDeviceForm(DatesForm):
    """A new unit for one of the sites `clinics`."""

    field_order = ("serial", "model", "clinic", "condition", "counter")

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


class SendForm(forms.Form):
    """To which of the sites `clinics`, and when it gets there."""

    to = forms.ModelChoiceField(queryset=Clinic.objects.none(), empty_label=None, label="To")
    arrives_on = DayField(label="Arrives on", help_text="The site can give it to somebody from the day after.")

    def __init__(self, *data: Any, clinics: Any, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        self.fields["to"].queryset = clinics  # type: ignore[attr-defined]


class ReadingForm(forms.Form):
    counter = CounterField(label="Counter on the screen")
    read_at = MomentField(label="Read at (empty: now)", help_text="")
