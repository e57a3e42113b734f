"""The device goes out, comes back and is looked at."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.models import Device
from rentals import checklists, custody, ledger
from rentals.desk.actions import steps
from rentals.desk.forms import custody as forms
from rentals.desk.views.checklists import BaseChecklistPage
from rentals.desk.views.devices import BaseDevicePage
from rentals.desk.views.verbs import BaseVerbPage
from rentals.missing_parts import missing_parts
from rentals.models import Checklist, Rental
from rentals.models.states import State


class BaseRentalChecklist(BaseChecklistPage, BaseVerbPage):
    """A checklist of one rental."""

    @property
    def about(self) -> Rental:  # type: ignore[override]
        return self.rental

    def finish(self, given: dict[str, Any]) -> HttpResponseRedirect:
        return BaseVerbPage.act(self, given)

    def context(self) -> dict[str, Any]:
        found = super().context()
        return {**found, "doubt": self.doubt_in(self.form, found["device"])}


class HandOver(BaseRentalChecklist):
    """The device goes out: what must be done before, then the checklist."""

    action, verb = "rentals.hand_over", "hand_over"
    title, button, done = (
        gettext_lazy("Hand over"),
        gettext_lazy("Hand over"),
        gettext_lazy("Handed over. The rental is active."),
    )
    template = "rentals/desk/hand_over.html"
    form_class = forms.HandOverForm
    kind = Checklist.Kind.HAND_OVER

    def do(self, given: dict[str, Any]) -> object:
        when, answers = self.moment(given), self.answers()
        return checklists.finish_hand_over(self.rental, answers=answers, **given, **when)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.rental.state == State.RESERVED and self.device is None:
            messages.error(request, _("The device of this reservation was taken away, so nothing can be handed over."))
            return self.go(self.address)
        return super().get(request)

    def context(self) -> dict[str, Any]:
        before = steps(self.rental)
        return {**super().context(), "steps": before, "ready": all(step.done for step in before[:-1])}


class TakeBack(BaseRentalChecklist):
    """The device comes back: the counter, the parts, its condition."""

    action, verb = "rentals.take_back", "take_back"
    title, button, done = (
        gettext_lazy("Take back"),
        gettext_lazy("Take back"),
        gettext_lazy("The device is back, in quarantine. Next: inspect it."),
    )
    template = "rentals/desk/take_back.html"
    form_class = forms.ReturnForm
    kind = Checklist.Kind.TAKE_BACK

    def do(self, given: dict[str, Any]) -> object:
        when, answers = self.moment(given), self.answers()
        return checklists.finish_return(self.rental, answers=answers, **given, **when)

    def finish(self, given: dict[str, Any]) -> HttpResponseRedirect:
        """On to the rental, or to the receipt that the patient signs."""
        answer = super().finish(given)
        to_sign = self.request.POST.get("then") == "sign"
        return HttpResponseRedirect(reverse("sign-return", args=[self.rental.reference])) if to_sign else answer

    def context(self) -> dict[str, Any]:
        given = self.form.given_out()
        back = self.form["parts"].value() or []
        return {**super().context(), "given_out": given, "missing": missing_parts(self.rental, given, back)}


class Inspect(BaseRentalChecklist):
    """The inspection of the device that came back, then fees and bond; a lost or kept one is only settled."""

    action, verb = "rentals.inspect", "inspect"
    button, done = gettext_lazy("Settle and close"), gettext_lazy("Settled and closed.")
    template = "rentals/desk/inspect.html"
    kind = Checklist.Kind.INSPECTION

    @property
    def is_kept(self) -> bool:
        """Only where a device came back to be looked at."""
        return self.rental.state == State.RETURNED

    @property
    def title(self) -> str:  # type: ignore[override]
        return _("Inspect and settle") if self.rental.state == State.RETURNED else _("Settle")

    @property
    def form_class(self) -> Any:  # type: ignore[override]
        return forms.InspectAndSettleForm if self.rental.state == State.RETURNED else forms.SettleForm

    def do(self, given: dict[str, Any]) -> object:
        if not self.is_kept:
            return custody.inspect(self.rental, passed=True, checks={}, **given, **self.who_and_when())
        return checklists.finish_inspection(self.rental, answers=self.answers(), **given, **self.who_and_when())

    def said(self, given: dict[str, Any]) -> str:
        to_repair = "" if given.get("passed", True) else _("The device goes to repair.")
        return " ".join(filter(None, (str(self.done), to_repair, self.open_money())))

    def context(self) -> dict[str, Any]:
        return {
            **super().context(),
            "device": custody.returned_device(self.rental),
            "balance": ledger.balance(self.rental),
            "held": ledger.bond_held(self.rental),
        }


class InspectUnit(BaseChecklistPage, BaseDevicePage):
    """The inspection of a device that no returned rental waits for."""

    action = "rentals.inspect"
    template = "rentals/desk/inspect_unit.html"
    form_class = forms.InspectionForm
    kind = Checklist.Kind.INSPECTION

    @property
    def about(self) -> Device:  # type: ignore[override]
        return self.device

    def finish(self, given: dict[str, Any]) -> HttpResponseRedirect:
        inspection = checklists.finish_unit_inspection(
            self.device, answers=self.answers(), **given, at=self.now, actor=self.actor
        )
        ready = _("The inspection is recorded; device %(device)s is ready for the next patient.")
        to_repair = _("The inspection is recorded; device %(device)s is in repair.")
        return self.go(self.address, (ready if inspection.passed else to_repair) % {"device": self.device})

    def context(self) -> dict[str, Any]:
        return {**super().context(), "device": self.device, "back": self.address}
