"""What is said about the counter of a device: a new card, a replaced unit, a restart, a reading found right."""

from django import forms

from rentals.desk.forms.fields import CounterField, MomentField, NoteField, TreatmentsField
from rentals.reconciliation.renewal import CAUSES

WORDS = {
    "card": "A new card",
    "replaced_unit": "The unit was replaced",
    "reset": "The counter was set back, the card and the unit are the same",
}


class RestartForm(forms.Form):
    """Why the numbers of a device start again."""

    cause = forms.ChoiceField(
        label="What it was", choices=[(cause.value, WORDS[cause.value]) for cause in CAUSES], widget=forms.RadioSelect
    )
    nominal = TreatmentsField(
        required=False,
        label="Treatments of the new card or unit",
        help_text="Leave it empty for as many as the model has.",
    )
    note = NoteField(label="How you know", help_text="It stays with the device.")


class RenewForm(RestartForm):
    field_order = ("cause", "counter", "at", "nominal", "note")

    counter = CounterField(label="Counter on the screen when it began", initial=0)
    at = MomentField(help_text="Leave it empty for now. The treatments from then on count for the new one.")


class TrustForm(forms.Form):
    note = NoteField(label="How it was found to be right", help_text="It stays with the discrepancy.")
