"""A spreadsheet to bring in, and which of its columns says what."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from rentals.models import Sheet
from rentals.sheets.columns import FIELDS
from rentals.sheets.reading import MOST_BYTES

KINDS = (
    (Sheet.Kind.DEVICES, "Devices: serial, model, counter, condition"),
    (Sheet.Kind.PATIENTS, "Patients: names, date of birth, e-mail, phone"),
    (Sheet.Kind.RENTALS, "Current rentals: who has which device, since when, until when"),
)


class UploadForm(forms.Form):
    """The file, and what its lines are."""

    kind = forms.ChoiceField(choices=KINDS, initial=Sheet.Kind.DEVICES, widget=forms.RadioSelect, label="What it lists")
    file = forms.FileField(
        help_text="XLSX or CSV, up to 5 MB and 5,000 rows. The first line names the columns.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError("The file is larger than 5 MB; leave out what is not needed, or split it.")
        return file


class ColumnsForm(forms.Form):
    """For each thing that a column may say, the column."""

    def __init__(
        self, data: Any = None, files: Any = None, *, kind: str, headings: Sequence[str], columns: Mapping[str, int]
    ) -> None:
        super().__init__(data, files)
        choices = [
            ("", "no column"),
            *((number, heading or f"column {number + 1}") for number, heading in enumerate(headings)),
        ]
        for field in FIELDS[kind]:
            self.fields[field.name] = forms.TypedChoiceField(
                choices=choices,
                coerce=int,
                empty_value=None,
                required=False,
                initial=columns.get(field.name, ""),
                label=f"{field.label} (needed)" if field.required else field.label,
                help_text=field.says,
            )

    def columns(self) -> dict[str, int]:
        """What was chosen."""
        return {name: number for name, number in self.cleaned_data.items() if number is not None}


class TakeForm(forms.Form):
    """Which of the `doubtful` lines are somebody else than the one who is here."""

    confirmed = forms.TypedMultipleChoiceField(
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="These are somebody else: register them, too",
    )

    def __init__(self, data: Any = None, files: Any = None, *, doubtful: Sequence[tuple[int, str]]) -> None:
        super().__init__(data, files)
        field: Any = self.fields["confirmed"]
        field.choices = doubtful
        if not doubtful:
            del self.fields["confirmed"]
