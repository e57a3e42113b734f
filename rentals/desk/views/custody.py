"""The device goes out, comes back and is looked at."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

from rentals import custody, ledger
from rentals.desk.actions import steps
from rentals.desk.forms import custody as forms
from rentals.desk.views.verbs import BaseVerbPage
from rentals.models.states import State


class HandOver(BaseVerbPage):
    """The device goes out: what must be done before, then the checklist."""

    action, verb = "rentals.hand_over", "hand_over"
    title, button, done = "Hand over", "Hand over", "Handed over. The rental is active."
    template = "rentals/desk/hand_over.html"
    form_class = forms.HandOverForm

    def do(self, given: dict[str, Any]) -> object:
        when = self.moment(given)
        return custody.hand_over(self.rental, **given, **when)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.rental.state == State.RESERVED and self.device is None:
            messages.error(request, "The device of this reservation was taken away, so nothing can be handed over.")
            return self.go(self.address)
        return super().get(request)

    def context(self) -> dict[str, Any]:
        before = steps(self.rental)
        return {**super().context(), "steps": before, "ready": all(step.done for step in before[:-1])}


class TakeBack(BaseVerbPage):
    """The device comes back: the counter, the parts, its condition."""

    action, verb = "rentals.take_back", "take_back"
    title, button, done = "Take back", "Take back", "The device is back, in quarantine. Next: inspect it."
    template = "rentals/desk/take_back.html"
    form_class = forms.ReturnForm

    def do(self, given: dict[str, Any]) -> object:
        when = self.moment(given)
        return custody.take_back(self.rental, **given, **when)


class Inspect(BaseVerbPage):
    """The inspection of the device that came back, then fees and bond; a lost or kept one is only settled."""

    action, verb = "rentals.inspect", "inspect"
    button, done = "Settle and close", "Settled and closed."
    template = "rentals/desk/inspect.html"

    @property
    def title(self) -> str:  # type: ignore[override]
        return "Inspect and settle" if self.rental.state == State.RETURNED else "Settle"

    @property
    def form_class(self) -> Any:  # type: ignore[override]
        return forms.InspectAndSettleForm if self.rental.state == State.RETURNED else forms.SettleForm

    def do(self, given: dict[str, Any]) -> object:
        return custody.inspect(self.rental, **{"passed": True, "checks": {}, **given}, **self.who_and_when())

    def said(self, given: dict[str, Any]) -> str:
        to_repair = "" if given.get("passed", True) else " The device goes to repair."
        return self.done + to_repair + self.open_money()

    def context(self) -> dict[str, Any]:
        return {
            **super().context(),
            "device": custody.returned_device(self.rental),
            "balance": ledger.balance(self.rental),
            "held": ledger.bond_held(self.rental),
        }
