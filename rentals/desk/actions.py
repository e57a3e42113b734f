"""What may be done to a rental now: the buttons of its page."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from config.models import User
from config.roles import may
from config.words import aud
from rentals import ledger
from rentals.agreement import is_signed
from rentals.lifecycle import allows
from rentals.models import Rental
from rentals.models.states import State

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Action:
    """One verb: the name of its page's address, the words on its button, the role's action it asks for."""

    verb: str
    address: str
    words: "StrOrPromise"
    action: str


ACTIONS = (
    Action("offer_accepted", "accept-offer", _("Accept for the patient"), "rentals.book"),
    Action("offer_declined", "decline-offer", _("Decline"), "rentals.book"),
    Action("reserve", "reserve", _("Find a device"), "rentals.book"),
    Action("prioritise", "prioritise", _("Set the priority"), "rentals.prioritise"),
    Action("offer_again", "offer-again", _("Offer again"), "rentals.book"),
    Action("sign", "sign", _("Sign the agreement"), "rentals.sign"),
    Action("hand_over", "hand-over", _("Hand over"), "rentals.hand_over"),
    Action("take_back", "return", _("Take back"), "rentals.take_back"),
    Action("inspect", "inspect", _("Inspect and settle"), "rentals.inspect"),
    Action("pay", "pay", _("Record a payment"), "rentals.pay"),
    Action("extend", "extend", _("Change the due day"), "rentals.extend"),
    Action("choose_return", "return-day", _("Return day told"), "rentals.take_back"),
    Action("change_device", "change-device", _("Move to another device"), "rentals.change_device"),
    Action("swap", "swap", _("Swap the device"), "rentals.swap"),
    Action("confirm_healed", "healed", _("Confirm healing"), "rentals.confirm_healed"),
    Action("give_gel", "gel", _("Give gel"), "rentals.give_gel"),
    Action("plan_imaging", "imaging", _("Plan imaging"), "rentals.plan_imaging"),
    Action("cancel", "cancel", pgettext_lazy("a booking", "Cancel"), "rentals.cancel"),
    Action("report_lost", "lost", _("Report lost"), "rentals.write_off"),
    Action("report_kept", "kept", _("Patient keeps it"), "rentals.write_off"),
    Action("correct_device", "wrong-device", _("Wrong device recorded"), "rentals.correct"),
    Action("correct_patient", "wrong-patient", _("Wrong patient recorded"), "rentals.correct"),
)


# What makes sense for a reservation whose device was taken away, in its words; anything more would be for nothing.
WITHOUT_DEVICE = {
    "change_device": _("Give it a device"),
    "cancel": pgettext_lazy("a booking", "Cancel"),
    "correct_patient": _("Wrong patient recorded"),
}


def possible(rental: Rental, user: User) -> list[Action]:
    """The verbs that the rental's state and the user's role allow."""
    allowed = [one for one in ACTIONS if allows(rental, one.verb) and may(user, one.action)]
    if not is_at_risk(rental):
        return allowed
    return [replace(one, words=WITHOUT_DEVICE[one.verb]) for one in allowed if one.verb in WITHOUT_DEVICE]


def is_at_risk(rental: Rental) -> bool:
    """Whether the rental is a reservation without a device."""
    return rental.state == State.RESERVED and rental.holdings.filter(live=True, device=None).exists()


@dataclass(frozen=True)
class Step:
    """One of the steps before the device may go out: its words, and those on the button to its page."""

    address: str
    words: "StrOrPromise"
    button: "StrOrPromise"
    done: bool


def steps(rental: Rental) -> list[Step]:
    """The way of a reserved rental to its hand-over; none in any other state, while it is at risk or only offered."""
    if rental.state != State.RESERVED or rental.offer_expires_at or is_at_risk(rental):
        return []
    due = ledger.bond_due(rental)
    bond = _("The patient pays the bond: %(amount)s is due") % {"amount": aud(due)} if due else _("The bond is paid")
    return [
        Step("sign", _("The patient signs the agreement"), pgettext_lazy("an agreement", "Sign"), is_signed(rental)),
        Step("pay", bond, _("Take the bond"), not due),
        Step("hand-over", _("The device goes out, with its parts checked"), _("Hand over"), False),
    ]
