"""Usage data at the desk: a file to send, and what was found out about a discrepancy."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.limits import LARGEST_FORM
from config.models import User
from rentals.desk.forms.fields import NoteField
from rentals.models import Discrepancy


class UsageFileForm(forms.Form):
    file = forms.FileField(
        widget=forms.FileInput(attrs={"accept": ".csv,.jsonl,.json,.txt,text/csv"}),
        error_messages={
            "required": gettext_lazy("Choose the file first."),
            "empty": gettext_lazy("This file is empty; read the device out again, or choose another file."),
        },
        label=gettext_lazy("File"),
    )

    def clean_file(self) -> UploadedFile:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FORM:
            raise forms.ValidationError(_("This file is larger than 500 MB; send it in parts."))
        return file


class ResolutionForm(forms.Form):
    closed_as = forms.ChoiceField(
        label=gettext_lazy("Why it is closed"),
        choices=[
            ("corrected", gettext_lazy("What was wrong has been put right")),
            ("accepted", gettext_lazy("It is so, and nothing can be put right")),
            ("mistaken", gettext_lazy("It was not so")),
        ],
        initial=Discrepancy.ClosedAs.ACCEPTED,
        required=False,
    )
    note = NoteField(label=gettext_lazy("What was found"), help_text=gettext_lazy("It stays with the discrepancy."))

    def clean_closed_as(self) -> str:
        return self.cleaned_data["closed_as"] or Discrepancy.ClosedAs.ACCEPTED


class OwnerForm(forms.Form):
    """Into whose hands a discrepancy goes: one of `colleagues`, or nobody's; `seen` is whose it was on the page."""

    owner = forms.ModelChoiceField(
        queryset=User.objects.none(), required=False, empty_label=gettext_lazy("Nobody"), label=gettext_lazy("Owner")
    )
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *data: Any, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        self.fields["owner"].queryset = User.objects.all()  # type: ignore[attr-defined]
