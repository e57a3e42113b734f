"""What the fleet's figures are asked for: which days, which sites, which model."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from devices.models import DeviceModel
from rentals.desk.forms.devices import ModelChoice
from rentals.desk.forms.fields import DayField
from rentals.fleet.exports import FORMATS


class PeriodForm(forms.Form):
    """Days `from` and `to`, both included, one of the sites `clinics` or all of them, one model or all."""

    def __init__(self, *data: Any, clinics: Any) -> None:
        super().__init__(*data)
        self.fields["from"] = DayField(required=False, label=pgettext("first day", "From"))
        self.fields["to"] = DayField(required=False, label=pgettext("last day", "To"))
        self.fields["clinic"] = forms.ModelChoiceField(
            queryset=clinics, required=False, label=_("Site"), empty_label=_("All my sites")
        )
        self.fields["model"] = ModelChoice(
            queryset=DeviceModel.objects.all(), required=False, label=_("Model"), empty_label=_("All models")
        )


class ExportForm(PeriodForm):
    """The same as a file."""

    format = forms.ChoiceField(choices=[(suffix, suffix.upper()) for suffix in FORMATS])
