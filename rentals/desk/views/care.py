"""What goes with the treatment: gel, and the imaging to come."""

from typing import Any

from rentals.care import give_gel, plan_imaging
from rentals.desk.forms.care import GelForm, ImagingForm
from rentals.desk.views.verbs import BaseVerbPage


class GiveGel(BaseVerbPage):
    """More gel for a patient who has a device."""

    action, verb = "rentals.give_gel", "give_gel"
    title, button, done = "Give gel", "Record", "The gel is recorded."
    form_class = GelForm

    def do(self, given: dict[str, Any]) -> object:
        return give_gel(self.rental, **given, **self.who_and_when())


class PlanImaging(BaseVerbPage):
    """The day of the follow-up imaging, of which the patient is reminded."""

    action, verb = "rentals.plan_imaging", "plan_imaging"
    title, button = "Plan imaging", "Plan it"
    form_class = ImagingForm

    def do(self, given: dict[str, Any]) -> object:
        return plan_imaging(self.rental, **given, **self.who_and_when())

    def said(self, given: dict[str, Any]) -> str:
        return f"Imaging is planned for {given['on']:%-d %B %Y}." if given["on"] else "No imaging is planned any more."
