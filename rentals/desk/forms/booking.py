"""Booking: the dates and treatments of a course, the injury, the label's warnings, the device."""

from copy import copy
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from config.models import Clinic, User
from config.roles import may
from devices.models import Device
from patients.models import Injury, Patient, Screening
from rentals.booking.availability import Need
from rentals.booking.book import unanswered
from rentals.desk.code_words import INJURIES
from rentals.desk.forms.fields import DayField, NoteField, TreatmentsField
from rentals.desk.forms.patients import NewPatientForm
from rentals.models.holdings import Delivery

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

USUAL_COURSE = timedelta(weeks=4)
WARNINGS = {
    Screening.Warning.ACTIVE_IMPLANT: gettext_lazy("Pacemaker or another active implant"),
    Screening.Warning.PREGNANCY: gettext_lazy("Pregnant or nursing"),
    Screening.Warning.SKELETALLY_IMMATURE: gettext_lazy("Still growing (skeletally immature)"),
    Screening.Warning.MALIGNANCY: gettext_lazy("Malignancy, or a pathological fracture"),
    Screening.Warning.VERTEBRA_OR_SKULL: gettext_lazy("The fracture is in a vertebra or the skull"),
    Screening.Warning.DISPLACEMENT: gettext_lazy("Displaced by more than 50 %"),
    Screening.Warning.GAP: gettext_lazy("Gap of 10 mm or more"),
    Screening.Warning.VASCULAR: gettext_lazy("Vascular insufficiency or thrombophlebitis"),
    Screening.Warning.SENSATION: gettext_lazy("Loss of sensation at the site"),
    Screening.Warning.OPEN_WOUND: gettext_lazy("Open wound at the site"),
}
ANSWERS = [("no", gettext_lazy("No")), ("yes", gettext_lazy("Yes"))]
DELIVERIES = [
    (Delivery.DESK, gettext_lazy("Collected and brought back here")),
    (Delivery.COURIER, gettext_lazy("By courier, both ways")),
]
OVERRIDES = ("capacity", "pathological")
TYPED = ("given_name", "family_name", "date_of_birth", "email", "phone")  # of somebody new; the first three at least
NEWCOMER = (*TYPED, "email_reminders", "confirm_new")


class CourseForm(forms.Form):
    """The dates and treatments that a device is looked for with."""

    starts_on = DayField(label=gettext_lazy("Collected on"))
    due_on = DayField(label=gettext_lazy("Due back on"))
    planned_treatments = TreatmentsField(label=gettext_lazy("Treatments planned"))
    prescribed_per_day = forms.IntegerField(min_value=1, max_value=6, initial=1, label=gettext_lazy("Treatments a day"))
    delivery = forms.ChoiceField(
        required=False,
        choices=DELIVERIES,
        initial=Delivery.DESK,
        label=gettext_lazy("How the device gets to the patient"),
    )
    accept_unknown_capacity = forms.BooleanField(
        required=False, label=gettext_lazy("Also a device of which nobody knows what it has left")
    )

    def need(self, clinic: Clinic, patient: Patient | None) -> Need:
        """What the (valid) form asks of a device of `clinic` for `patient` (None: for somebody new)."""
        given = self.cleaned_data
        return Need(
            clinic,
            given["starts_on"],
            given["due_on"],
            given["planned_treatments"],
            patient,
            courier=given["delivery"] == Delivery.COURIER,
            accepts_unknown=given["accept_unknown_capacity"],
        )


def usual_course(clinic: Clinic, today: date) -> dict[str, Any]:
    """Four weeks of one treatment a day, from the next open day on, to begin with."""
    starts_on = clinic.next_open_day(today) or today
    due_on = clinic.next_open_day(starts_on + USUAL_COURSE) or starts_on + USUAL_COURSE
    return {
        "starts_on": starts_on,
        "due_on": due_on,
        "planned_treatments": (due_on - starts_on).days,
        "prescribed_per_day": 1,
    }


def in_words(codes: type[TextChoices]) -> "list[tuple[str, StrOrPromise]]":
    """Choices in the words of the desk's other pages, none chosen yet."""
    return [("", gettext_lazy("Choose")), *((code, INJURIES[code]) for code in codes.values)]


class BookingForm(CourseForm):
    """Everything that `book` wants to know. Its parts are laid out by the page's template.

    Without a `patient` it asks for one: somebody known is found by `words`, or the fields of `NEWCOMER` are filled in.
    """

    words = forms.CharField(
        required=False,
        max_length=200,
        label=gettext_lazy("Name, birth date or phone"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "type": "search"}),
    )
    indication_kind = forms.ChoiceField(choices=in_words(Injury.Kind), label=gettext_lazy("Injury"))
    indication_site = forms.ChoiceField(choices=in_words(Injury.Site), label=pgettext_lazy("of an injury", "Site"))
    indication_note = NoteField(required=False, label=gettext_lazy("Note on the injury"))
    override_capacity = NoteField(
        required=False, label=gettext_lazy("Manager: book although too few treatments are left, because")
    )
    override_pathological = NoteField(
        required=False, label=gettext_lazy("Clinician: treat a pathological fracture, because")
    )

    def __init__(self, *data: Any, clinic: Clinic, patient: Patient | None, actor: User, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        self.is_for_newcomer = patient is None
        for name in NEWCOMER if self.is_for_newcomer else ():
            self.fields[name] = copy(NewPatientForm.base_fields[name])
            self.fields[name].required = False
        devices = Device.objects.filter(clinic=clinic)
        self.fields["device"] = forms.ModelChoiceField(queryset=devices, required=False)
        for name in OVERRIDES:
            if not may(actor, f"rentals.override_{name}"):
                del self.fields[f"override_{name}"]
        for warning, words in WARNINGS.items():
            self.fields[f"screening_{warning}"] = forms.ChoiceField(
                required=False,
                choices=ANSWERS,
                label=words,
                widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
            )
            self.fields[f"note_{warning}"] = NoteField(
                required=False, label=_("Clinician’s note: %(warning)s") % {"warning": words}
            )

    def warnings(self) -> list[tuple[Any, Any]]:
        """Each warning's answer and note, as bound fields."""
        return [(self[f"screening_{warning}"], self[f"note_{warning}"]) for warning in WARNINGS]

    def screening(self) -> dict[str, dict[str, str]]:
        """What was answered so far, in the words of `Booking`, whatever else is wrong with the form."""
        return {
            str(warning): {
                "answer": self[f"screening_{warning}"].data or "",
                "note": (self[f"note_{warning}"].data or "").strip(),
            }
            for warning in WARNINGS
        }

    def ask_again(self) -> None:
        """Ask whether this is really another person than those who are known."""
        self.fields["confirm_new"].widget = forms.CheckboxInput()

    def newcomer(self) -> list[Any]:
        """The fields of somebody new, as bound fields; none where the patient is chosen."""
        return [self[name] for name in NEWCOMER if name in self.fields]

    def refuse_nobody(self, given: dict[str, Any]) -> None:
        """Say that a patient is missing, or what is missing of the new one."""
        if not any(given.get(name) for name in TYPED):
            self.add_error("words", _("Choose the patient, or write down who is new."))
            return
        for name in TYPED[:3]:
            if not given.get(name) and name not in self.errors:
                self.add_error(name, _("This is needed of somebody new."))

    def mark_unanswered(self) -> None:
        """Say at each question at once what it wants, beside what was said of the form already."""
        for warning, sentence in unanswered(self.screening()).items():
            if f"screening_{warning}" not in self.errors:
                self.add_error(f"screening_{warning}", sentence)

    def clean(self) -> dict[str, Any]:
        """What the form says, in the words of `Booking`."""
        given = super().clean() or {}
        if self.is_for_newcomer:
            self.refuse_nobody(given)
        if self.errors:
            return given
        plain = ("starts_on", "due_on", "planned_treatments", "prescribed_per_day", "accept_unknown_capacity")
        return {
            **{name: given[name] for name in (*plain, "device")},
            "delivery": given["delivery"] or Delivery.DESK,
            "indication": {name: given[f"indication_{name}"] for name in ("kind", "site", "note")},
            "screening": self.screening(),
            **({"newcomer": {name: given[name] for name in NEWCOMER}} if self.is_for_newcomer else {}),
            "override": {name: given[f"override_{name}"] for name in OVERRIDES if f"override_{name}" in given},
        }
