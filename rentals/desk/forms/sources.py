"""Asking a source of usage data at the desk."""

from django import forms


class FetchForm(forms.Form):
    again = forms.BooleanField(required=False)  # all of it, from the source's beginning
