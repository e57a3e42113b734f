"""What is written down of a device model, and the sign-off for its reuse."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from devices.models import DeviceModel
from devices.models_setup import LARGEST_NOMINAL, LONGEST_REUSE_TEXT, LONGEST_TREATMENT, LONGEST_TURNAROUND, ModelFacts
from rentals.desk.forms.fields import MomentField

HOLDERS = (
    (DeviceModel.CapacityHolder.UNIT, _("The unit: when they are used up, so is the unit")),
    (DeviceModel.CapacityHolder.CARD, _("A treatment card that can be replaced")),
)
NO_SUGGESTIONS = forms.TextInput(attrs={"autocomplete": "off"})


class ModelForm(forms.Form):
    """What is known of a model."""

    name = forms.CharField(max_length=120, help_text=_("What staff call it."), widget=NO_SUGGESTIONS, label=_("Name"))
    part_number = forms.CharField(
        max_length=40,
        help_text=_("As printed on the unit; files with usage data name it, too."),
        widget=NO_SUGGESTIONS,
        label=_("Part number"),
    )
    maker = forms.CharField(max_length=80, required=False, widget=NO_SUGGESTIONS, label=_("Maker"))
    gtin = forms.CharField(
        max_length=20,
        required=False,
        label="GTIN",
        help_text=_("The number after (01) on its barcode. With it a scan finds the model."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )
    nominal_treatments = forms.IntegerField(
        min_value=1,
        max_value=LARGEST_NOMINAL,
        required=False,
        label=_("Nominal treatments"),
        help_text=_("How many one unit or card delivers. Empty if nobody knows: bookings then accept that explicitly."),
    )
    minutes_per_treatment = forms.IntegerField(
        min_value=1, max_value=LONGEST_TREATMENT, initial=20, label=_("Minutes per treatment")
    )
    capacity_holder = forms.ChoiceField(
        choices=HOLDERS, initial=DeviceModel.CapacityHolder.UNIT, label=_("What holds the treatments")
    )
    turnaround_days = forms.IntegerField(
        min_value=0,
        max_value=LONGEST_TURNAROUND,
        required=False,
        label=_("Turnaround (days)"),
        help_text=_("For inspection and cleaning after each return. Empty: the number that each site has set."),
    )

    def facts(self) -> ModelFacts:
        """What was given."""
        return ModelFacts(**{name: self.cleaned_data[name] for name in ModelForm.base_fields})


class ChangeModelForm(ModelForm):
    """The same, proposed as it is, with the version in which it was so."""

    read = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, files: Any = None, *, model: DeviceModel, version: int) -> None:
        present = {name: getattr(model, name) for name in ModelForm.base_fields}
        super().__init__(data, files, initial={**present, "read": version})


class SignReuseForm(forms.Form):
    """Who signs reuse off, under which words, and when."""

    by = forms.CharField(
        max_length=120,
        label=_("Signed off by"),
        help_text=_("Name and office of whoever answers for it; not necessarily you."),
        widget=NO_SUGGESTIONS,
    )
    text = forms.CharField(
        max_length=LONGEST_REUSE_TEXT,
        label=_("Under which text"),
        help_text=_(
            "What was examined and decided: cleaning, inspection, what patients are told, the paper behind it."
        ),
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    signed_at = MomentField(label=_("When it was signed"), help_text=_("Leave it empty for now."))
