"""For whom a calendar feed is made."""

from django import forms
from django.utils.translation import gettext_lazy as _


class FeedForm(forms.Form):
    name = forms.CharField(
        max_length=80,
        label=_("For whom"),
        help_text=_("Whose calendar or screen reads it, for instance “Front desk screen”. No patient’s name."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
