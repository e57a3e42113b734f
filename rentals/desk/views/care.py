"""What goes with the treatment: gel, and the imaging to come."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.days import long_day
from rentals.care import give_gel, plan_imaging
from rentals.desk.forms.care import GelForm, ImagingForm
from rentals.desk.views.verbs import BaseVerbPage


class GiveGel(BaseVerbPage):
    """More gel for a patient who has a device."""

    action, verb = "rentals.give_gel", "give_gel"
    title, button, done = gettext_lazy("Give gel"), gettext_lazy("Record"), gettext_lazy("The gel is recorded.")
    form_class = GelForm

    def do(self, given: dict[str, Any]) -> object:
        return give_gel(self.rental, **given, **self.who_and_when())


class PlanImaging(BaseVerbPage):
    """The day of the follow-up imaging, of which the patient is reminded."""

    action, verb = "rentals.plan_imaging", "plan_imaging"
    title, button = gettext_lazy("Plan imaging"), gettext_lazy("Plan it")
    form_class = ImagingForm

    def do(self, given: dict[str, Any]) -> object:
        return plan_imaging(self.rental, **given, **self.who_and_when())

    def said(self, given: dict[str, Any]) -> str:
        if not given["on"]:
            return _("No imaging is planned any more.")
        return _("Imaging is planned for %(day)s.") % {"day": long_day(given["on"])}
