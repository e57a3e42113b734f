"""What is said about the counter of a device: a new card, a replaced unit, a restart, a reading found right."""

from django import forms
from django.utils.translation import gettext_lazy as _

from rentals.desk.forms.fields import CounterField, MomentField, NoteField, TreatmentsField
from rentals.reconciliation.renewal import CAUSES

WORDS = {
    "card": _("A new card"),
    "replaced_unit": _("The unit was replaced"),
    "reset": _("The counter was set back, the card and the unit are the same"),
}


class RestartForm(forms.Form):
    """Why the numbers of a device start again."""

    cause = forms.ChoiceField(
        label=_("What it was"),
        choices=[(cause.value, WORDS[cause.value]) for cause in CAUSES],
        widget=forms.RadioSelect,
    )
    nominal = TreatmentsField(
        required=False,
        label=_("Treatments of the new card or unit"),
        help_text=_("Leave it empty for as many as the model has."),
    )
    note = NoteField(label=_("How you know"), help_text=_("It stays with the device."))


class RenewForm(RestartForm):
    field_order = ("cause", "counter", "at", "nominal", "note")

    counter = CounterField(label=_("Counter on the screen when it began"), initial=0)
    at = MomentField(help_text=_("Leave it empty for now. The treatments from then on count for the new one."))


class TrustForm(forms.Form):
    note = NoteField(label=_("How it was found to be right"), help_text=_("It stays with the discrepancy."))
