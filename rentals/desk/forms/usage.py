"""Usage data at the desk: a file to send, and what was found out about a discrepancy."""

from django import forms
from django.core.files.uploadedfile import UploadedFile

from config.limits import LARGEST_FORM
from rentals.desk.forms.fields import NoteField


class UsageFileForm(forms.Form):
    file = forms.FileField(
        widget=forms.FileInput(attrs={"accept": ".csv,.jsonl,.json,.txt,text/csv"}),
        error_messages={
            "required": "Choose the file first.",
            "empty": "This file is empty; read the device out again, or choose another file.",
        },
    )

    def clean_file(self) -> UploadedFile:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FORM:
            raise forms.ValidationError("This file is larger than 500 MB; send it in parts.")
        return file


class ResolutionForm(forms.Form):
    note = NoteField(label="What was found", help_text="It stays with the discrepancy.")
