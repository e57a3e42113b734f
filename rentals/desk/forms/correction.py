"""What was recorded wrongly: which device went out in truth, which patient it was."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.days import long_day
from config.words import in_sentence
from devices.models import Device
from patients.models import Patient
from rentals.desk.forms.fields import CounterField, NoteField
from rentals.desk.forms.rental import BaseDeviceForm, BaseRentalForm
from rentals.models import Holding


class WrongDeviceForm(BaseDeviceForm):
    device = forms.ModelChoiceField(queryset=Device.objects.none(), label=gettext_lazy("Device that went out in truth"))
    counter_out = CounterField(label=gettext_lazy("Counter it showed then"))
    reason = NoteField(help_text=gettext_lazy("It stays in the rental’s history."), label=gettext_lazy("Reason"))
    exchange = forms.BooleanField(
        required=False, label=gettext_lazy("The two were mixed up: put both rentals right"), widget=forms.HiddenInput
    )

    def offer(self, noted: Holding) -> None:
        """Offer all devices of the site but the `noted` one, each with who has it by the records; propose the counter
        that was typed, for it was read off the device that went out."""
        devices = self.fields["device"].queryset.exclude(pk=noted.device_id).select_related("model")  # type: ignore[attr-defined]
        out = Holding.objects.filter(device__in=devices, out__upper_inf=True)
        references = dict(out.values_list("device", "rental__reference"))
        choices: list[tuple[Any, str]] = [("", _("Choose a device"))]
        for device in devices:
            reference = references.get(device.pk)
            with_rental = _("with rental %(reference)s") % {"reference": reference}
            where = with_rental if reference else in_sentence(device.get_condition_display())
            choices.append((device.pk, f"{device} · {device.model} · {where}"))
        self.fields["device"].widget.choices = choices
        self.initial["counter_out"] = noted.counter_out

    def ask_about_exchange(self) -> None:
        self.fields["exchange"].widget = forms.CheckboxInput()


class WrongPatientForm(BaseRentalForm):
    patient = forms.ModelChoiceField(
        queryset=Patient.objects.none(),
        widget=forms.RadioSelect,
        label=gettext_lazy("The right patient"),
        empty_label=None,
    )
    reason = NoteField(
        help_text=gettext_lazy("It stays in the rental’s history. Name nobody."), label=gettext_lazy("Reason")
    )

    def __init__(self, *data: Any, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        self.fields["patient"].queryset = Patient.objects.filter(clinic=self.rental.clinic)  # type: ignore[attr-defined]

    def offer(self, found: Iterable[Patient]) -> None:
        """Offer the patients that a search has found."""
        self.fields["patient"].widget.choices = [
            (one.pk, f"{one.name} · {born(one)} · {one.phone or _('no phone number')}") for one in found
        ]


def born(patient: Patient) -> str:
    """`born 2 March 1990`."""
    return _("born %(day)s") % {"day": long_day(patient.date_of_birth)}
