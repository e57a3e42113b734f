"""What is done to a rental: one address a verb. Each answers with the rental as GET shows it."""

from collections.abc import Callable
from typing import Any, ClassVar

from rest_framework.response import Response

from rentals import agreement, custody, ledger
from rentals.api.endpoint import Endpoint, Operation
from rentals.api.fields import Input
from rentals.api.serializers import verbs
from rentals.api.serializers.rentals import RentalDetail
from rentals.api.views.rentals import rental_seen
from rentals.booking import change
from rentals.booking.extension import extend
from rentals.booking.healing import confirm_healed
from rentals.booking.offers import accept_offer
from rentals.lifecycle import require
from rentals.models import Rental
from rentals.overview import in_full


class BaseVerb(Endpoint):
    """A verb in the wrong state is refused before the body is even read."""

    verb: ClassVar[str]
    do: Callable[..., object]

    def act(self, reference: str) -> Response:
        rental = rental_seen(self, reference)
        require(rental, self.verb)
        self.do(rental, self.read())
        return self.answer(in_full(rental, self.now))

    def who_and_when(self) -> dict[str, Any]:
        return {"at": self.now, "actor": self.actor}

    def moment(self, given: dict[str, Any]) -> dict[str, Any]:
        """For verbs that may be recorded later than they happened."""
        return {"at": given.pop("at", self.now), "now": self.now, "actor": self.actor}


def operation(name: str, shape: type[Input], action: str = "") -> dict[str, Operation]:
    return {"POST": Operation(f"rentals_{name}", f"rentals.{action or name}", RentalDetail, shape)}


class Sign(BaseVerb):
    """Record that the patient signed the terms, witnessed by you."""

    verb = "sign"
    operations = operation("sign", verbs.Sign)

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        return agreement.sign(rental, **given, **self.who_and_when())


class Pay(BaseVerb):
    """Record a payment of bond, hire or fee by the patient, or a refund to the patient."""

    verb = "pay"
    operations = operation("pay", verbs.Payment)

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        return ledger.pay(rental, **given, **self.who_and_when())


class HandOver(BaseVerb):
    """Give the device to the patient."""

    verb = "hand_over"
    operations = operation("hand_over", verbs.HandOver)

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        delivery = given.pop("delivery")
        when = self.moment(given)
        return custody.hand_over(rental, **given, **when, delivery=delivery["method"], tracking=delivery["tracking"])


class Extend(BaseVerb):
    """Move the due day, and the planned treatments if given."""

    verb = "extend"
    operations = operation("extend", verbs.Extend)

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        return extend(rental, **given, **self.who_and_when())


class Swap(BaseVerb):
    """Exchange the device in the middle of the rental."""

    verb = "swap"
    operations = operation("swap", verbs.Swap)

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        when = self.moment(given)
        return change.swap(rental, **given, **when)


class ChangeDevice(BaseVerb):
    """Put the reservation on another device, or on one again after its own was taken away."""

    verb = "change_device"
    operations = operation("change_device", verbs.ChangeDevice)

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        return change.change_device(rental, **given, **self.who_and_when())


class Pin(BaseVerb):
    """Keep the reservation on its device, or let it be moved again."""

    verb = "pin"
    operations = operation("pin", verbs.Pin)

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        return change.pin(rental, **given, **self.who_and_when())


class ConfirmHealed(BaseVerb):
    """A clinician saw on imaging that treatment may end; the return may start."""

    verb = "confirm_healed"
    operations = operation("confirm_healed", verbs.ConfirmHealed)

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        return confirm_healed(rental, **given, **self.who_and_when())


class Return(BaseVerb):
    """Take the device back; it goes to quarantine."""

    verb = "take_back"
    operations = operation("return", verbs.Return, "take_back")

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        when = self.moment(given)
        return custody.take_back(rental, **given, **when)


class Inspect(BaseVerb):
    """Inspect the device, charge fees, settle the bond and close the rental."""

    verb = "inspect"
    operations = operation("inspect", verbs.Inspect)

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        return custody.inspect(rental, **given, **self.who_and_when())


class ReportLost(BaseVerb):
    """The device is gone."""

    verb = "report_lost"
    operations = operation("lost", verbs.Reason, "write_off")

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        return custody.report_lost(rental, **given, **self.who_and_when())


class ReportKept(BaseVerb):
    """The patient keeps the device: hire is charged, and the price of the device where one is given."""

    verb = "report_kept"
    operations = operation("kept", verbs.Kept, "write_off")

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        return custody.report_kept(rental, **given, **self.who_and_when())


class Cancel(BaseVerb):
    """Give up the booking before the hand-over."""

    verb = "cancel"
    operations = operation("cancel", verbs.Reason)

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        return change.cancel(rental, **given, **self.who_and_when())


class AcceptOffer(BaseVerb):
    """Book what is offered, for the patient; `offer_expired` once the offer is over."""

    verb = "offer_accepted"
    operations = operation("accept_offer", Input, "book")

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        return accept_offer(rental, **self.who_and_when())
