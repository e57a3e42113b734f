"""What is said of a count: that it ends, what was done about a finding; and why a device's use ends."""

from django import forms
from django.utils.translation import gettext_lazy as _

from rentals.codes import LONGEST
from rentals.desk.forms.fields import NoteField


class ScanForm(forms.Form):
    """What a scanner types; whether it is a code, the verb decides."""

    code = forms.CharField(
        max_length=LONGEST,
        label=_("Scan or type a code"),
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "off",
                "spellcheck": "false",
                "class": "form-control-lg mono",
                "autofocus": True,
            }
        ),
    )


class EndForm(forms.Form):
    missing_accepted = forms.BooleanField(
        required=False, label=_("What was not scanned was looked for and cannot be found")
    )


class SettleForm(forms.Form):
    note = NoteField(label=_("What was done about it"))


class ReasonForm(forms.Form):
    reason = NoteField(label=_("Why"), help_text=_("It stays in the history of the device."))
