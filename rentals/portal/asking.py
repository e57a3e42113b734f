"""What patients ask for and tell: each page has one form and calls one verb."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.conf.locale import LANG_INFO
from django.forms import BaseForm
from django.http import HttpResponse

from rentals.arranged import arranged_return
from rentals.patient_requests import (
    ask_for_extension,
    choose_return_slot,
    languages_of,
    report_problem,
    say_healed,
    set_preferences,
)
from rentals.portal.forms import ExtensionForm, HealedForm, PreferencesForm, ProblemForm, SlotForm
from rentals.portal.page import BaseAskingPage, for_patients


class BaseWish(BaseAskingPage):
    """A wish or a report for staff; its form counts once."""

    def form_arguments(self) -> dict[str, Any]:
        return {"initial": {"key": uuid4().hex}}


class Extension(BaseWish):
    template = "extension"
    form_class = ExtensionForm

    def act(self, entries: Mapping[str, Any]) -> None:
        ask_for_extension(self.rental, at=self.now, **entries)


class ReportProblem(BaseWish):
    template = "problem"
    form_class = ProblemForm

    def act(self, entries: Mapping[str, Any]) -> None:
        report_problem(self.rental, at=self.now, **entries)


class Healed(BaseWish):
    template = "healed"
    form_class = HealedForm

    def act(self, entries: Mapping[str, Any]) -> None:
        say_healed(self.rental, at=self.now, **entries)


class ReturnSlot(BaseAskingPage):
    """When the patient brings the device back."""

    template = "return_slot"
    form_class = SlotForm

    def form_arguments(self) -> dict[str, Any]:
        return {"rental": self.rental, "at": self.now}

    def show_form(self, form: BaseForm, status: int = 200) -> HttpResponse:
        return self.show(form=form, arranged=arranged_return(self.rental), status=status)

    def act(self, entries: Mapping[str, Any]) -> None:
        choose_return_slot(self.rental, at=self.now, **entries)


class Preferences(BaseAskingPage):
    """Which mails the patient wants."""

    template = "preferences"
    form_class = PreferencesForm
    leads_to = "my-preferences"

    def form_arguments(self) -> dict[str, Any]:
        patient = self.rental.patient
        languages = [(code, LANG_INFO.get(code, {}).get("name_local", code)) for code in languages_of(self.clinic)]
        initial = {name: getattr(patient, name) for name in PreferencesForm.base_fields}
        return {"languages": languages, "initial": initial}

    def act(self, entries: Mapping[str, Any]) -> None:
        set_preferences(self.rental.patient, **entries)


extension = for_patients(Extension.as_view())
problem = for_patients(ReportProblem.as_view())
healed = for_patients(Healed.as_view())
return_slot = for_patients(ReturnSlot.as_view())
preferences = for_patients(Preferences.as_view())
