"""The days of a hire as the device recorded them, the patient's own word beside, and what the device has left."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpResponse

from rentals.calendar import LEGEND, said_on, weeks_of
from rentals.models.states import State
from rentals.patient_requests import mark_day
from rentals.portal.forms import DayForm
from rentals.portal.home import device_of
from rentals.portal.page import BaseAskingPage, for_patients
from rentals.reconciliation.days import counted, day_statuses


class Days(BaseAskingPage):
    """The calendar, drawn by the server, and a form for a day that the device does not know about."""

    template = "days"
    form_class = DayForm
    leads_to = "my-days"

    def form_arguments(self) -> dict[str, Any]:
        self.days = day_statuses(self.rental, self.now)
        return {"days": [day.date for day in reversed(self.days)]}

    def act(self, entries: Mapping[str, Any]) -> None:
        mark_day(self.rental, day=entries["day"], treated=entries["treated"], at=self.now)

    def show_form(self, form: forms.BaseForm, status: int = 200) -> HttpResponse:
        said = said_on(self.rental)
        return self.show(
            status=status,
            form=form,
            weeks=weeks_of(self.days, said),
            said=said,
            legend=LEGEND,
            counts=counted(self.days),
            device=device_of(self.rental),
            can_say=self.rental.state in (State.ACTIVE, State.RETURNED),
        )


days = for_patients(Days.as_view())
