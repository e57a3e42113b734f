"""The timeline of the chosen site, from the week that was asked for."""

from datetime import timedelta

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from config.roles import may
from rentals.desk.forms.fields import DayField
from rentals.desk.page import BasePage
from rentals.desk.timeline import timeline_of

WEEK = timedelta(weeks=1)


class WeekForm(forms.Form):
    day = DayField(required=False, label=_("Week of"))


class Timeline(BasePage):
    """Devices and days. It names no patient: a bar leads to its rental, whose page does."""

    action = "rentals.read"
    template = "rentals/desk/timeline.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        form = WeekForm(request.GET or None, initial={"day": self.today})
        right = form.is_valid() or not form.is_bound
        day = form.cleaned_data.get("day") if form.is_valid() else None
        timeline = timeline_of(self.site, day or self.today, self.now)
        first = timeline.window.first
        return self.show(
            form=form,
            timeline=timeline,
            week=f"{first}",
            earlier=f"{first - WEEK}",
            later=f"{first + WEEK}",
            moves=may(self.actor, "rentals.change_device"),
            status=200 if right else 422,
        )
