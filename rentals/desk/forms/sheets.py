"""A spreadsheet to bring in, and which of its columns says what."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rentals.models import Sheet
from rentals.sheets.columns import FIELDS
from rentals.sheets.reading import MOST_BYTES

KINDS = (
    (Sheet.Kind.DEVICES, gettext_lazy("Devices: serial, model, counter, condition")),
    (Sheet.Kind.PATIENTS, gettext_lazy("Patients: names, date of birth, e-mail, phone")),
    (Sheet.Kind.RENTALS, gettext_lazy("Current rentals: who has which device, since when, until when")),
)


class UploadForm(forms.Form):
    """The file, and what its lines are."""

    kind = forms.ChoiceField(
        choices=KINDS, initial=Sheet.Kind.DEVICES, widget=forms.RadioSelect, label=gettext_lazy("What it lists")
    )
    file = forms.FileField(
        help_text=gettext_lazy("XLSX or CSV, up to 5 MB and 5,000 rows. The first line names the columns."),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
        label=gettext_lazy("File"),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(_("The file is larger than 5 MB; leave out what is not needed, or split it."))
        return file


class ColumnsForm(forms.Form):
    """For each thing that a column may say, the column."""

    def __init__(
        self, data: Any = None, files: Any = None, *, kind: str, headings: Sequence[str], columns: Mapping[str, int]
    ) -> None:
        super().__init__(data, files)
        choices = [
            ("", _("no column")),
            *(
                (number, heading or _("column %(number)s") % {"number": number + 1})
                for number, heading in enumerate(headings)
            ),
        ]
        for field in FIELDS[kind]:
            self.fields[field.name] = forms.TypedChoiceField(
                choices=choices,
                coerce=int,
                empty_value=None,
                required=False,
                initial=columns.get(field.name, ""),
                label=_("%(column)s (needed)") % {"column": field.label} if field.required else field.label,
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
        label=gettext_lazy("These are somebody else: register them, too"),
    )

    def __init__(self, data: Any = None, files: Any = None, *, doubtful: Sequence[tuple[int, str]]) -> None:
        super().__init__(data, files)
        field: Any = self.fields["confirmed"]
        field.choices = doubtful
        if not doubtful:
            del self.fields["confirmed"]
