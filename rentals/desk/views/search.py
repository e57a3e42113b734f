"""The search of the whole desk: asked by POST only, so that nothing of a patient stands in an address (I10)."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from config.refusals import Refusal
from devices.models import Device
from rentals.desk.device_action import actions_for
from rentals.desk.page import BasePage
from rentals.desk.views.devices import BaseDevicePage
from rentals.models import Rental
from rentals.search import Found, meant_exactly, search

ASKED = "searched for"
FEWEST_WHILE_TYPING = 3  # each patient shown is recorded, so a letter or two show nobody


class Search(BasePage):
    """What was found. A code, a reference or a serial leads straight to what it means.

    What was asked is kept in the session and shown by GET, so that Back works.
    """

    action = "patients.search"
    template = "rentals/desk/search.html"
    results = "rentals/desk/search_results.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        words = request.session.get(ASKED, "") if "found" in request.GET else ""
        if not words:
            return self.show()
        try:
            return self.show(words=words, **self.results_of(words))
        except Refusal as refusal:
            return self.show(words=words, refusal=refusal, status=refusal.status)

    def post(self, request: HttpRequest) -> HttpResponse:
        words = request.POST.get("words", "").strip()
        if self.request.htmx:
            return self.while_typing(words)
        request.session[ASKED] = words
        try:
            only = meant_exactly(words, self.actor)
        except Refusal:
            only = None  # said on the page that follows
        return HttpResponseRedirect(address_of(only) if only else f"{reverse('search')}?found")

    def while_typing(self, words: str) -> HttpResponse:
        """The results under the field, as far as something can be said of so few signs."""
        if len(words) < FEWEST_WHILE_TYPING:
            return HttpResponse()
        try:
            return self.show(template=self.results, live=True, **self.results_of(words))
        except Refusal:
            return HttpResponse()

    def results_of(self, words: str) -> dict[str, Any]:
        found = search(words, today=self.today, at=self.now, actor=self.actor)
        return {"found": found, "devices": self.with_actions(found)}

    def with_actions(self, found: Found) -> list[tuple[Device, Any]]:
        actions = actions_for(found.devices.shown, self.actor, self.now)
        return [(device, actions[device.pk]) for device in found.devices.shown]


def address_of(thing: Device | Rental) -> str:
    if isinstance(thing, Device):
        return reverse("device", args=[thing.pk])
    return reverse("rental", args=[thing.reference])


class OpenByLabel(BaseDevicePage):
    """Where the QR code of a label leads: to the device."""

    action = "devices.read"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.go(self.address)
