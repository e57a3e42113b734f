"""The waiting list at the desk, its priorities, and the offers that are answered for a patient."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from patients.models import Access
from rentals.booking.offers import accept_offer, decline_offer, offer_again
from rentals.booking.waiting import prioritise
from rentals.desk.forms.rental import BaseRentalForm, PriorityForm
from rentals.desk.page import BasePage
from rentals.desk.views.verbs import BaseVerbPage
from rentals.desk.waiting import waiting_at


class WaitingList(BasePage):
    """Who waits at the chosen site, in their order, and what is offered to whom; each patient shown is recorded."""

    action = "rentals.read"
    template = "rentals/desk/waiting.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        waiting = waiting_at(self.site)
        self.record(waiting.patients, Access.Action.LISTED)
        return self.show(offered=waiting.offered, waiting=waiting.waiting)


class Prioritise(BaseVerbPage):
    """How soon the patient needs a device, which decides who gets the next one."""

    action, verb = "rentals.prioritise", "prioritise"
    title, button, done = _("Set the priority"), pgettext_lazy("a priority", "Set"), _("The priority is set.")
    form_class = PriorityForm

    def do(self, given: dict[str, Any]) -> object:
        return prioritise(self.rental, **given, **self.who_and_when())


class BaseOfferPage(BaseVerbPage):
    """One of the answers about an offer: nothing is to be filled in."""

    action = "rentals.book"
    form_class = BaseRentalForm


class AcceptOffer(BaseOfferPage):
    """The patient takes what is offered, and says so by phone or at the desk."""

    verb = "offer_accepted"
    title, button = _("Accept the offer for the patient"), _("Accept")
    done = _("The offer is accepted. Next: the agreement, the bond and the hand-over.")

    def do(self, given: dict[str, Any]) -> object:
        return accept_offer(self.rental, **self.who_and_when())


class DeclineOffer(BaseOfferPage):
    """The patient does not take what is offered."""

    verb = "offer_declined"
    title, button = _("Decline the offer for the patient"), _("Decline")
    done = _(
        "The offer is declined; the device goes to the next. This patient waits, and gets no more offers until you "
        "ask for one."
    )

    def do(self, given: dict[str, Any]) -> object:
        return decline_offer(self.rental, **self.who_and_when())


class OfferAgain(BaseOfferPage):
    """The patient who passed on an offer wants the next one again."""

    verb = "offer_again"
    title, button = _("Offer again"), _("Offer again")
    done = _("The next device that fits is offered to this patient again, in turn.")

    def do(self, given: dict[str, Any]) -> object:
        return offer_again(self.rental, **self.who_and_when())
