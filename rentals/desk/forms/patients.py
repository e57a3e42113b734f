"""Finding and registering patients."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.models import Clinic
from patients.models import Contact, Patient
from rentals.desk.forms.fields import DayField, NoteField


class PatientSearchForm(forms.Form):
    """At least one of the three."""

    name = forms.CharField(
        required=False,
        min_length=2,
        max_length=240,
        help_text=gettext_lazy("Any part of the name, with or without accents."),
        label=gettext_lazy("Name"),
    )
    date_of_birth = DayField(required=False, label=gettext_lazy("Date of birth"))
    phone = forms.CharField(
        required=False,
        max_length=40,
        help_text=gettext_lazy("The last digits are enough."),
        label=gettext_lazy("Phone"),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.errors and not any(given.values()):
            raise forms.ValidationError(_("Write a name, a date of birth or a telephone number."))
        return {name: value for name, value in given.items() if value}


class PatientForm(forms.Form):
    """What is written of a person."""

    given_name = forms.CharField(max_length=120, label=gettext_lazy("Given name"))
    family_name = forms.CharField(max_length=120, label=gettext_lazy("Family name"))
    date_of_birth = DayField(label=gettext_lazy("Date of birth"))
    email = forms.EmailField(
        required=False, max_length=254, label=gettext_lazy("E-mail"), help_text=gettext_lazy("Reminders go here.")
    )
    phone = forms.CharField(required=False, max_length=40, label=gettext_lazy("Phone"))
    email_reminders = forms.BooleanField(required=False, initial=True, label=gettext_lazy("Wants reminders by e-mail"))


class NewPatientForm(PatientForm):
    """A person to register at one of the sites `clinics`; `ask_again` when somebody much like them is known."""

    # The site at which the page was opened, whichever was chosen in another window since.
    clinic = forms.ModelChoiceField(queryset=Clinic.objects.none(), widget=forms.HiddenInput)
    confirm_new = forms.BooleanField(
        required=False, label=gettext_lazy("I compared: this is another person"), widget=forms.HiddenInput
    )

    def __init__(self, *data: Any, clinics: Any, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        self.fields["clinic"].queryset = clinics  # type: ignore[attr-defined]

    def ask_again(self) -> None:
        self.fields["confirm_new"].widget = forms.CheckboxInput()


class ContactForm(forms.Form):
    """The contact person of a patient."""

    name = forms.CharField(max_length=240, label=gettext_lazy("Name"))
    relation = forms.CharField(
        required=False,
        max_length=80,
        help_text=gettext_lazy("Mother, carer, case manager."),
        label=gettext_lazy("Relation"),
    )
    email = forms.EmailField(required=False, max_length=254, label=gettext_lazy("E-mail"))
    phone = forms.CharField(required=False, max_length=40, label=gettext_lazy("Phone"))
    receives = forms.ChoiceField(
        choices=Contact.Receives.choices, initial=Contact.Receives.INSTEAD, label=gettext_lazy("Gets the messages")
    )
    is_guardian = forms.BooleanField(
        required=False, label=gettext_lazy("Is the guardian, and signs for a patient under 18")
    )


class SilenceForm(forms.Form):
    """What has happened, and how it is known."""

    state = forms.TypedChoiceField(
        choices=[
            (Patient.State.WITHDRAWN, gettext_lazy("The patient has withdrawn")),
            (Patient.State.DECEASED, gettext_lazy("The patient has died")),
        ],
        coerce=Patient.State,
        widget=forms.RadioSelect,
        label=gettext_lazy("What has happened"),
    )
    reason = NoteField(
        label=gettext_lazy("How you know"), help_text=gettext_lazy("From whom, and when. It stays in the history.")
    )


class UnsilenceForm(forms.Form):
    reason = NoteField(label=gettext_lazy("What was wrong"), help_text=gettext_lazy("It stays in the history."))
