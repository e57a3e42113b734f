"""The notice of a recall: which part number, which units, and why."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.models import Device, DeviceModel
from rentals.desk.forms.devices import ModelChoice
from rentals.desk.forms.fields import NoteField

LONGEST_SERIAL = Device._meta.get_field("serial").max_length or 0


class SerialsField(forms.CharField):
    """Serials, one a line, each once."""

    widget = forms.Textarea(attrs={"rows": 6, "autocomplete": "off", "spellcheck": "false", "class": "mono"})

    def clean(self, value: Any) -> list[str]:
        lines = super().clean(value).splitlines()
        serials = list(dict.fromkeys(filter(None, map(str.strip, lines))))
        for serial in serials:
            if len(serial) > LONGEST_SERIAL:
                raise forms.ValidationError(
                    _("“%(start)s…” is too long for a serial; write each on a line of its own.")
                    % {"start": serial[:LONGEST_SERIAL]}
                )
        return serials


class RecallForm(forms.Form):
    NAMED, ALL = "named", "all"

    model = ModelChoice(
        queryset=DeviceModel.objects.all(),
        empty_label=gettext_lazy("Choose"),
        label=gettext_lazy("Model and part number"),
        help_text=gettext_lazy("If the part number of the notice is not among them, no unit of it is here."),
        error_messages={
            "invalid_choice": gettext_lazy(
                "No unit of this part number is here; choose one of those listed, or leave it be."
            )
        },
    )
    which = forms.ChoiceField(
        choices=[(NAMED, gettext_lazy("Only the serials below")), (ALL, gettext_lazy("All units of this part number"))],
        initial=NAMED,
        widget=forms.RadioSelect,
        label=gettext_lazy("Which units the notice names"),
    )
    serials = SerialsField(
        required=False,
        label=gettext_lazy("Serials, one a line"),
        help_text=gettext_lazy("As printed on the units, with zeros at their beginning."),
    )
    reason = NoteField(
        help_text=gettext_lazy("As the notice gives it; whoever is phoned will ask for it. No patient’s name."),
        label=gettext_lazy("Reason"),
    )

    def clean(self) -> dict[str, Any]:
        """`serials` is empty where all units are meant, and only there."""
        given = super().clean() or {}
        which, serials = given.pop("which", None), given.get("serials")
        if which == self.NAMED and serials == []:
            self.add_error("serials", _("Write the serials of the notice, or choose all units of this part number."))
        if which == self.ALL and serials:
            self.add_error("serials", _("Clear the serials, or choose only those: all units cannot be both."))
        return given
