"""What was recorded wrongly: which device went out in truth, which patient it was."""

from collections.abc import Iterable
from typing import Any

from django import forms

from devices.models import Device
from patients.models import Patient
from rentals.desk.forms.fields import CounterField, NoteField
from rentals.desk.forms.rental import BaseDeviceForm, BaseRentalForm
from rentals.models import Holding


class WrongDeviceForm(BaseDeviceForm):
    device = forms.ModelChoiceField(queryset=Device.objects.none(), label="Device that went out in truth")
    counter_out = CounterField(label="Counter it showed then")
    reason = NoteField(help_text="It stays in the rental’s history.")
    exchange = forms.BooleanField(
        required=False, label="The two were mixed up: put both rentals right", widget=forms.HiddenInput
    )

    def offer(self, noted: Holding) -> None:
        """Offer all devices of the site but the `noted` one, each with who has it by the records; propose the counter
        that was typed, for it was read off the device that went out."""
        devices = self.fields["device"].queryset.exclude(pk=noted.device_id).select_related("model")  # type: ignore[attr-defined]
        out = Holding.objects.filter(device__in=devices, out__upper_inf=True)
        references = dict(out.values_list("device", "rental__reference"))
        choices: list[tuple[Any, str]] = [("", "Choose a device")]
        for device in devices:
            reference = references.get(device.pk)
            where = f"with rental {reference}" if reference else device.get_condition_display().lower()
            choices.append((device.pk, f"{device} · {device.model} · {where}"))
        self.fields["device"].widget.choices = choices
        self.initial["counter_out"] = noted.counter_out

    def ask_about_exchange(self) -> None:
        self.fields["exchange"].widget = forms.CheckboxInput()


class WrongPatientForm(BaseRentalForm):
    patient = forms.ModelChoiceField(
        queryset=Patient.objects.none(), widget=forms.RadioSelect, label="The right patient", empty_label=None
    )
    reason = NoteField(help_text="It stays in the rental’s history. Name nobody.")

    def __init__(self, *data: Any, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        self.fields["patient"].queryset = Patient.objects.filter(clinic=self.rental.clinic)  # type: ignore[attr-defined]

    def offer(self, found: Iterable[Patient]) -> None:
        """Offer the patients that a search has found."""
        self.fields["patient"].widget.choices = [
            (one.pk, f"{one.name} · born {one.date_of_birth:%-d %B %Y} · {one.phone or 'no phone number'}")
            for one in found
        ]
