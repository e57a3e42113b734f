"""A site's own settings: how it is reached, what the rules count, when its doors are open, how its mail leaves."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from config.clinic_setup import open_another_site
from config.models import Closure
from config.public_holidays import public_holidays
from config.refusals import Refusal
from config.site_settings import add_closure, remove_closure, set_hours
from rentals.desk.changes import changes_of_site
from rentals.desk.forms.settings import (
    SUGGESTIONS,
    WEEKDAYS,
    ClosureForm,
    HoursForm,
    NewSiteForm,
    SiteForm,
    panels_in_words,
)
from rentals.desk.mail_ways import all_ways_to_hear, how_mail_leaves, ways_to_hear
from rentals.desk.page import BaseFormPage, BasePage
from rentals.desk.sites import choose_site
from rentals.reminders.texts.writing import sender_of
from rentals.site_settings import caught_by_closed_days, change_settings

A_YEAR = timedelta(days=365)
MOST_CAUGHT, MOST_CHANGES = 10, 50


class BaseSitePage(BasePage):
    """A page that may tell whom a closed day catches."""

    def caught(self, most: int | None = None) -> dict[str, Any]:
        """For the template: who is expected on a closed day, and the first `most` of them to show."""
        caught = caught_by_closed_days(self.site, self.now)
        return {"caught": caught, "shown_caught": caught[:most]}


class Settings(BaseSitePage):
    """All that is set for the site, and the ways to change it."""

    action = "settings.read"
    template = "rentals/desk/settings.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        hours = {one.weekday: one for one in self.site.opening_hours.all()}
        return self.show(
            panels=panels_in_words(self.site),
            weekdays=[(name, hours.get(weekday)) for weekday, name in enumerate(WEEKDAYS)],
            closures=self.site.closures.filter(last_day__gte=self.today),
            **self.caught(MOST_CAUGHT),
            sees_all=not self.actor.clinics.exists(),
            heard_by=ways_to_hear(),
        )


class ClosedDays(BaseSitePage):
    """All who are expected on a closed day."""

    action = "settings.read"
    template = "rentals/desk/settings_closed_days.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(**self.caught(), back=reverse("settings"))


class SettingsHistory(BasePage):
    """Who changed the settings, hours and closures of the site, and when."""

    action = "settings.read"
    template = "rentals/desk/settings_history.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(changes=changes_of_site(self.site, MOST_CHANGES), most=MOST_CHANGES, back=reverse("settings"))


class OpenSite(BaseFormPage):
    """One more site, with the usual hours and terms to begin with."""

    action = "sites.open"
    template = "rentals/desk/settings_new_site.html"
    form_class = NewSiteForm

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        site = open_another_site(**given, at=self.now, actor=self.actor)
        choose_site(self.request, site)
        said = _("%(site)s is open, with the usual hours and terms, and is chosen at the top. Set the rest of it here.")
        return self.go(reverse("site-settings"), said % {"site": site})

    def context(self) -> dict[str, Any]:
        return {
            "sees_all": not self.actor.clinics.exists(),
            "suggestions": {f"known-{name}": known() for name, known in SUGGESTIONS.items()},
            "back": reverse("settings"),
        }


class BaseSettingsPage(BaseFormPage):
    """A form about the chosen site. One that was opened before another site was chosen changes nothing."""

    action = "settings.write"
    change: Callable[[dict[str, Any]], HttpResponseRedirect]

    def form_arguments(self) -> dict[str, Any]:
        return {"site": self.site}

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        if given.pop("site") != self.site.pk:
            raise Refusal(
                "another_site",
                _(
                    "%(site)s was chosen after this page was opened for another site, and nothing is saved. "
                    "Open the page anew."
                )
                % {"site": self.site},
            )
        return self.change(given)


class SiteSettings(BaseSettingsPage):
    """How the site is reached, who lets the devices, and the numbers that the rules count with."""

    action = "settings.write"
    template = "rentals/desk/settings_site.html"
    form_class = SiteForm

    def change(self, given: dict[str, Any]) -> HttpResponseRedirect:
        read = given.pop("read")
        change_settings(self.site, given, read=read)
        return self.go(reverse("settings"), _("The settings of this site are saved."))

    def context(self) -> dict[str, Any]:
        return {
            "suggestions": {f"known-{name}": known() for name, known in SUGGESTIONS.items()},
            "back": reverse("settings"),
        }


class OpeningTimes(BaseSettingsPage, BaseSitePage):
    """The hours of each weekday, the closures, the public holidays, and who is expected on a closed day."""

    action = "settings.write"
    template = "rentals/desk/settings_hours.html"
    form_class = HoursForm

    def make_form(self, *data: Any) -> HoursForm:
        self.form = HoursForm(*data, site=self.site)
        return self.form

    def change(self, given: dict[str, Any]) -> HttpResponseRedirect:
        set_hours(self.site, self.form.hours())
        return self.go(reverse("opening-times"), _("The opening hours are saved."))

    def context(self) -> dict[str, Any]:
        return {
            "closures": self.site.closures.filter(last_day__gte=self.today),
            "holidays": self.holidays(),
            **self.caught(MOST_CAUGHT),
            "back": reverse("settings"),
        }

    def holidays(self) -> list[tuple[date, str]]:
        """The public holidays from today on, for a year."""
        last = self.today + A_YEAR
        years = range(self.today.year, last.year + 1)
        found = [one for year in years for one in public_holidays(self.site.holiday_region, year).items()]
        return sorted((day, name) for day, name in found if self.today <= day <= last)


class AddClosure(BaseSettingsPage):
    """Days on which the doors stay closed."""

    action = "settings.write"
    template = "rentals/desk/settings_closure.html"
    form_class = ClosureForm

    def change(self, given: dict[str, Any]) -> HttpResponseRedirect:
        add_closure(self.site, **given)
        return self.go(reverse("opening-times"), _("The closure is added."))

    def context(self) -> dict[str, Any]:
        return {"back": reverse("opening-times")}


class RemoveClosure(BaseFormPage):
    """Open the doors on these days again, after a second look."""

    action = "settings.write"
    template = "rentals/desk/settings_closure_remove.html"
    form_class = forms.Form

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        visible = Closure.objects.filter(clinic__in=request.user.visible_clinics())  # type: ignore[union-attr]
        self.closure = get_object_or_404(visible.select_related("clinic"), pk=kwargs["pk"])
        return super().dispatch(request, *args, **kwargs)

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        remove_closure(self.closure)
        return self.go(reverse("opening-times"), _("The closure is removed."))

    def context(self) -> dict[str, Any]:
        return {"closure": self.closure, "back": reverse("opening-times")}


class MailWays(BasePage):
    """How mail leaves, and how it is heard that one did not arrive; whoever runs Callus sets it, so it is only read."""

    action = "settings.read"
    template = "rentals/desk/settings_mail.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(
            leaves_by=how_mail_leaves(),
            sender=sender_of(self.site),
            per_minute=settings.EMAIL_PER_MINUTE,
            ways_to_hear=all_ways_to_hear(),
            is_heard=bool(ways_to_hear()),
            back=reverse("settings"),
        )
