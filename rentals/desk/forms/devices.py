"""What is written down about a device: a new unit, what its screen showed."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from config.models import Clinic
from devices.models import Device, DeviceModel
from rentals.desk.forms.fields import CounterField, DayField, MomentField


class ModelChoice(forms.ModelChoiceField):
    def label_from_instance(self, model: Any) -> str:
        return f"{model} ({model.part_number})"


class DatesForm(forms.Form):
    """Until when a device may be with patients."""

    shelf_until = DayField(required=False, label=_("Last day of its shelf life"), help_text=_("Empty if it has none."))
    service_due_on = DayField(
        required=False, label=_("Service due on"), help_text=_("It is back before this day. Empty if none is planned.")
    )


class AddDeviceForm(DatesForm):
    """A new unit for one of the sites `clinics`."""

    field_order = ("serial", "model", "clinic", "condition", "counter")

    serial = forms.CharField(
        max_length=40, help_text=_("As printed on the unit, with zeros at its beginning."), label=_("Serial")
    )
    model = ModelChoice(queryset=DeviceModel.objects.all(), empty_label=_("Choose"), label=_("Model"))
    clinic = forms.ModelChoiceField(queryset=Clinic.objects.none(), empty_label=None, label=_("Site"))
    condition = forms.ChoiceField(
        choices=Device.Condition.choices, initial=Device.Condition.READY, label=_("Condition")
    )
    counter = CounterField(
        required=False, label=_("Counter on the screen"), help_text=_("Leave it empty if nobody has looked yet.")
    )

    def __init__(self, *data: Any, clinics: Any, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        self.fields["clinic"].queryset = clinics  # type: ignore[attr-defined]


class SendForm(forms.Form):
    """To which of the sites `clinics`, and when it gets there."""

    to = forms.ModelChoiceField(queryset=Clinic.objects.none(), empty_label=None, label=pgettext_lazy("a site", "To"))
    arrives_on = DayField(label=_("Arrives on"), help_text=_("The site can give it to somebody from the day after."))

    def __init__(self, *data: Any, clinics: Any, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        self.fields["to"].queryset = clinics  # type: ignore[attr-defined]


class ReadingForm(forms.Form):
    counter = CounterField(label=_("Counter on the screen"))
    read_at = MomentField(label=_("Read at (empty: now)"), help_text="")
