"""What was recorded wrongly, put right by a manager: the device, or the patient."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.refusals import Refusal
from devices.models import Device
from patients.models import Patient
from patients.register import search_patients
from rentals.correction import correct_device, correct_patient_of, last_out, mixed_up_with
from rentals.desk.forms.correction import WrongDeviceForm, WrongPatientForm
from rentals.desk.forms.patients import PatientSearchForm
from rentals.desk.offers import entries_of
from rentals.desk.page import explain
from rentals.desk.views.verbs import BaseVerbPage
from rentals.lifecycle import VERB_STATES
from rentals.models import Holding

MIXED_UP = "mixed_up"  # asks again, and is no code of the API: there both are put right at once


class WrongDevice(BaseVerbPage):
    """Another device went out than the one that is noted. Where another rental is wrong too, the page says so first."""

    action, verb = "rentals.correct", "correct_device"
    title, button, done = (
        gettext_lazy("Wrong device recorded"),
        gettext_lazy("Put right"),
        gettext_lazy("Put right. What stood there stays in the history."),
    )
    template = "rentals/desk/wrong_device.html"
    form_class = WrongDeviceForm

    @cached_property
    def noted(self) -> Holding | None:
        """What went out by the records; None in a state in which there is nothing to put right."""
        return last_out(self.rental) if self.rental.state in VERB_STATES[self.verb] else None

    @property
    def device(self) -> Device | None:
        return self.noted.device if self.noted else None

    def make_form(self, *data: Any) -> Any:
        form = super().make_form(*data)
        if self.noted:
            form.offer(self.noted)
        return form

    def do(self, given: dict[str, Any]) -> object:
        agreed, other = given.pop("exchange"), mixed_up_with(self.rental, given["device"])
        if other and not agreed:
            raise Refusal(
                MIXED_UP,
                _(
                    "By the records this device went out with rental %(reference)s. If the two were mixed up, tick "
                    "here: then rental %(reference)s gets device %(device)s, with the counters noted for it."
                )
                % {"reference": other.reference, "device": self.device},
                field="exchange",
            )
        return correct_device(self.rental, **given, **self.who_and_when())

    def show_form(self, form: Any, status: int = 200) -> HttpResponse:
        if self.refusal and self.refusal.code == MIXED_UP:
            form.ask_about_exchange()
        return super().show_form(form, status)

    def context(self) -> dict[str, Any]:
        return {**super().context(), "noted": self.noted}


class WrongPatient(BaseVerbPage):
    """The rental is another patient's, who is looked for on the page; no name stands in an address (I10)."""

    action, verb = "rentals.correct", "correct_patient"
    title, button, done = (
        gettext_lazy("Wrong patient recorded"),
        gettext_lazy("Put right"),
        gettext_lazy("Put right. What stood there stays in the history."),
    )
    template = "rentals/desk/wrong_patient.html"
    form_class = WrongPatientForm

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.get(request) if "find" in request.POST else super().post(request)

    def make_form(self, *data: Any) -> Any:
        form = super().make_form(*data)
        form.initial.update(entries_of(self.request))
        return form

    def do(self, given: dict[str, Any]) -> object:
        return correct_patient_of(self.rental, **given, **self.who_and_when())

    def show_form(self, form: Any, status: int = 200) -> HttpResponse:
        form.offer(self.found)
        return super().show_form(form, 422 if self.search.errors else status)

    def context(self) -> dict[str, Any]:
        return {**super().context(), "search": self.search, "found": self.found}

    @cached_property
    def search(self) -> PatientSearchForm:
        return PatientSearchForm(self.request.POST or None)

    @cached_property
    def found(self) -> list[Patient]:
        """Patients of the rental's clinic that fit what was asked; those shown are recorded as found."""
        if not self.search.is_valid():
            return []
        asked = {**self.search.cleaned_data, "clinic": self.rental.clinic}
        try:
            return list(search_patients(self.actor, self.now, **asked).exclude(pk=self.rental.patient_id))
        except Refusal as refusal:
            explain(self.search, refusal)
            return []
