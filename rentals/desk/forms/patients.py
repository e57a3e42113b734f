"""Finding and registering patients."""

from typing import Any

from django import forms

from config.models import Clinic
from patients.models import Contact, Patient
from rentals.desk.forms.fields import DayField, NoteField


class PatientSearchForm(forms.Form):
    """At least one of the three."""

    name = forms.CharField(
        required=False, min_length=2, max_length=240, help_text="Any part of the name, with or without accents."
    )
    date_of_birth = DayField(required=False)
    phone = forms.CharField(required=False, max_length=40, help_text="The last digits are enough.")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.errors and not any(given.values()):
            raise forms.ValidationError("Write a name, a date of birth or a telephone number.")
        return {name: value for name, value in given.items() if value}


class PatientForm(forms.Form):
    """What is written of a person."""

    given_name = forms.CharField(max_length=120)
    family_name = forms.CharField(max_length=120)
    date_of_birth = DayField()
    email = forms.EmailField(required=False, max_length=254, label="E-mail", help_text="Reminders go here.")
    phone = forms.CharField(required=False, max_length=40)
    email_reminders = forms.BooleanField(required=False, initial=True, label="Wants reminders by e-mail")


class NewPatientForm(PatientForm):
    """A person to register at one of the sites `clinics`; `ask_again` when somebody much like them is known."""

    # The site at which the page was opened, whichever was chosen in another window since.
    clinic = forms.ModelChoiceField(queryset=Clinic.objects.none(), widget=forms.HiddenInput)
    confirm_new = forms.BooleanField(
        required=False, label="I compared: this is another person", widget=forms.HiddenInput
    )

    def __init__(self, *data: Any, clinics: Any, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        self.fields["clinic"].queryset = clinics  # type: ignore[attr-defined]

    def ask_again(self) -> None:
        self.fields["confirm_new"].widget = forms.CheckboxInput()


class ContactForm(forms.Form):
    """The contact person of a patient."""

    name = forms.CharField(max_length=240)
    relation = forms.CharField(required=False, max_length=80, help_text="Mother, carer, case manager.")
    email = forms.EmailField(required=False, max_length=254, label="E-mail")
    phone = forms.CharField(required=False, max_length=40)
    receives = forms.ChoiceField(
        choices=Contact.Receives.choices, initial=Contact.Receives.INSTEAD, label="Gets the messages"
    )
    is_guardian = forms.BooleanField(required=False, label="Is the guardian, and signs for a patient under 18")


class SilenceForm(forms.Form):
    """What has happened, and how it is known."""

    state = forms.TypedChoiceField(
        choices=[
            (Patient.State.WITHDRAWN, "The patient has withdrawn"),
            (Patient.State.DECEASED, "The patient has died"),
        ],
        coerce=Patient.State,
        widget=forms.RadioSelect,
        label="What has happened",
    )
    reason = NoteField(label="How you know", help_text="From whom, and when. It stays in the history.")


class UnsilenceForm(forms.Form):
    reason = NoteField(label="What was wrong", help_text="It stays in the history.")
