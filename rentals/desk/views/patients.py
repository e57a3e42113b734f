"""Patients at the desk: found by POST only, so that no name stands in an address (I10)."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.models import User
from config.refusals import Refusal
from patients.contacts import contact_of
from patients.models import Access, Patient
from patients.register import register_patient, search_patients
from rentals.correction import correct_contact, correct_details
from rentals.desk.forms.patients import (
    ContactForm,
    NewPatientForm,
    PatientForm,
    PatientSearchForm,
    SilenceForm,
    UnsilenceForm,
)
from rentals.desk.page import BaseFormPage, BasePage, explain
from rentals.desk.patient_page import about
from rentals.desk.told import not_told, stopped_addresses, told
from rentals.models import Reminder
from rentals.silence import silence, unsilence

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


ASKED = "patients asked for"


class Patients(BaseFormPage):
    """Find a patient; those shown are recorded as found.

    What was asked is kept in the session and shown by GET, so that Back works and no name stands in an address.
    """

    action = "patients.search"
    template = "rentals/desk/patients.html"
    form_class = PatientSearchForm

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "found" in request.GET and (asked := request.session.get(ASKED)):
            return self.search(self.make_form(asked))
        return super().get(request)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.session[ASKED] = {name: request.POST.get(name, "") for name in PatientSearchForm.base_fields}
        return self.go(f"{reverse('patients')}?found")

    def search(self, form: PatientSearchForm) -> HttpResponse:
        if not form.is_valid():
            return self.show_form(form, status=422)
        try:
            found = list(search_patients(self.actor, self.now, **form.cleaned_data).select_related("clinic"))
        except Refusal as refusal:
            explain(form, refusal)
            return self.show_form(form, status=refusal.status)
        return self.show(form=form, found=found, searched=True)


class NewPatient(BaseFormPage):
    """Register a patient at the chosen site; somebody much like a known one is compared first."""

    action = "patients.register"
    template = "rentals/desk/new_patient.html"
    form_class = NewPatientForm

    def form_arguments(self) -> dict[str, Any]:
        return {"clinics": self.actor.visible_clinics(), "initial": {"clinic": self.site.pk}}

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        patient = register_patient(at=self.now, actor=self.actor, **given)
        said = _("%(patient)s is registered at %(site)s.") % {"patient": patient.name, "site": patient.clinic}
        return self.go(reverse("patient", args=[patient.pk]), said)

    def show_form(self, form: Any, status: int = 200) -> HttpResponse:
        if self.refusal and self.refusal.code == "possible_duplicate":
            form.ask_again()
        return super().show_form(form, status)

    def context(self) -> dict[str, Any]:
        """Those who may be the same person."""
        alike = self.refusal and self.refusal.conflict and self.refusal.conflict.get("patients")
        if not alike:
            return {}
        known = list(Patient.objects.visible_to(self.actor).filter(pk__in=alike))
        self.record([patient.pk for patient in known], Access.Action.LISTED)
        return {"alike": known}


class CorrectPatient(BaseFormPage):
    """Correct what is written of a patient: a name, an address, the wish for reminders."""

    action = "patients.register"
    template = "rentals/desk/correct_patient.html"
    form_class = PatientForm

    def form_arguments(self) -> dict[str, Any]:
        self.patient = patient_seen(self, self.kwargs["pk"])
        self.record([self.patient.pk])
        return {"initial": {name: getattr(self.patient, name) for name in PatientForm.base_fields}}

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        correct_details(self.patient, at=self.now, actor=self.actor, **given)
        return self.go(reverse("patient", args=[self.patient.pk]), _("Corrected."))

    def context(self) -> dict[str, Any]:
        return {"back": reverse("patient", args=[self.patient.pk])}


class BaseOfPatient(BaseFormPage):
    """A form about one patient; showing it is recorded as a read."""

    template = "rentals/desk/of_patient.html"
    title: "ClassVar[StrOrPromise]"
    button: "ClassVar[StrOrPromise]"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.patient = patient_visible_to(request.user, kwargs["pk"])  # type: ignore[arg-type]
        return super().dispatch(request, *args, **kwargs)

    @property
    def address(self) -> str:
        return reverse("patient", args=[self.patient.pk])

    def context(self) -> dict[str, Any]:
        self.record([self.patient.pk])
        return {"patient": self.patient, "back": self.address}


class ContactPerson(BaseOfPatient):
    """Who is told instead of, or beside, the patient; a guardian signs."""

    action = "patients.contact"
    title, button = gettext_lazy("Contact person"), gettext_lazy("Save")
    form_class = ContactForm

    def form_arguments(self) -> dict[str, Any]:
        contact = contact_of(self.patient)
        return {"initial": {name: getattr(contact, name) for name in ContactForm.base_fields}} if contact else {}

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        correct_contact(self.patient, **given, at=self.now, actor=self.actor)
        return self.go(self.address, _("The contact person is written down."))


class Silence(BaseOfPatient):
    """The patient has withdrawn or died: nothing is sent any more."""

    action = "patients.silence"
    template = "rentals/desk/silence.html"
    title, button = gettext_lazy("Send nothing more"), gettext_lazy("Send nothing more")
    form_class = SilenceForm

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        silence(self.patient, **given, at=self.now, actor=self.actor)
        return self.go(self.address, _("Written down. From now on nothing is sent."))


class Unsilence(BaseOfPatient):
    """That a patient has withdrawn or died was written down by mistake."""

    action = "rentals.correct"
    title, button = gettext_lazy("It was a mistake"), gettext_lazy("Send messages again")
    form_class = UnsilenceForm

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        unsilence(self.patient, **given, at=self.now, actor=self.actor)
        return self.go(self.address, _("Put right. The patient is told again what falls due from now on."))


class OnePatient(BasePage):
    """One person with all their rentals; recorded as a read."""

    action = "rentals.read"
    template = "rentals/desk/patient.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        patient = patient_seen(self, pk)
        self.record([patient.pk])
        reminders = Reminder.objects.filter(rental__patient=patient).select_related("message", "staff_task")
        return self.show(
            patient=patient,
            **about(patient, self.now),
            told=told(patient, self.actor),
            not_told=not_told(reminders),
            stopped=stopped_addresses(patient),
        )


def patient_seen(page: BasePage, pk: int) -> Patient:
    return patient_visible_to(page.actor, pk)


def patient_visible_to(user: User, pk: int) -> Patient:
    """The patient, if the user may see them; else 404, as if they were not there."""
    return get_object_or_404(Patient.objects.visible_to(user).select_related("clinic", "contact"), pk=pk)
