"""For whom a calendar feed is made."""

from django import forms


class FeedForm(forms.Form):
    name = forms.CharField(
        max_length=80,
        label="For whom",
        help_text="Whose calendar or screen reads it, for instance “Front desk screen”. No patient’s name.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
