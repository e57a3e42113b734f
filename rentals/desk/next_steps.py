"""Where a discrepancy is put right: the pages that its action speaks of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from config.models import User
from config.roles import may
from rentals.models import Discrepancy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Kind = Discrepancy.Kind


@dataclass(frozen=True)
class NextStep:
    """One page to go to: the words on the way there, its address, and the action that its page asks for."""

    words: "StrOrPromise"
    address: str
    action: str


def next_steps(discrepancy: Discrepancy, user: User) -> list[NextStep]:
    """The pages on which the discrepancy can be put right, those that the role of `user` opens."""
    is_about_device = discrepancy.kind != Kind.UNKNOWN_DEVICE
    if discrepancy.state != Discrepancy.State.OPEN or (is_about_device and discrepancy.device_id is None):
        return []
    return [step for step in STEPS[Kind(discrepancy.kind)](discrepancy) if may(user, step.action)]


def counter_steps(discrepancy: Discrepancy) -> list[NextStep]:
    """A value in doubt is looked at again, or trusted; a restart is ruled on."""
    about, _space, number = discrepancy.subject.partition(" ")
    pk = discrepancy.device_id
    if about == "allowance":
        ruled = reverse("rule-on-restart", args=[pk, number])
        return [NextStep(_("Say what it was"), ruled, "devices.renew")]
    steps = [
        *reading_steps(discrepancy),
        NextStep(_("New card, unit or reset"), reverse("renew", args=[pk]), "devices.renew"),
    ]
    if about == "reading":
        steps.append(NextStep(_("Trust this value"), reverse("trust-reading", args=[pk, number]), "readings.trust"))
    return steps


def reading_steps(discrepancy: Discrepancy) -> list[NextStep]:
    screen = f"{reverse('device', args=[discrepancy.device_id])}#readings"
    return [NextStep(_("Record the counter"), screen, "readings.record")]


def log_steps(discrepancy: Discrepancy) -> list[NextStep]:
    return [NextStep(_("Send a read-out"), reverse("usage"), "usage.import"), *reading_steps(discrepancy)]


def holder_steps(discrepancy: Discrepancy) -> list[NextStep]:
    had_by = f"{reverse('device', args=[discrepancy.device_id])}#rentals"
    return [NextStep(_("Who had it"), had_by, "devices.read")]


def rental_steps(discrepancy: Discrepancy) -> list[NextStep]:
    if discrepancy.rental is None:
        return []
    days = f"{reverse('rental', args=[discrepancy.rental.reference])}#days"
    return [NextStep(_("Its days"), days, "rentals.read")]


def past_steps(discrepancy: Discrepancy) -> list[NextStep]:
    renewed = NextStep(_("New card or unit"), reverse("renew", args=[discrepancy.device_id]), "devices.renew")
    if discrepancy.rental is None:
        return [renewed]
    swap = reverse("swap", args=[discrepancy.rental.reference])
    return [NextStep(_("Swap the device"), swap, "rentals.swap"), renewed]


def unknown_steps(discrepancy: Discrepancy) -> list[NextStep]:
    serial = discrepancy.subject.removeprefix("serial ")
    added = f"{reverse('add-device')}?{urlencode({'serial': serial})}"
    return [
        NextStep(_("Add the device"), added, "devices.add"),
        NextStep(_("The files"), reverse("usage"), "usage.read"),
    ]


def clock_steps(discrepancy: Discrepancy) -> list[NextStep]:
    clock = NextStep(_("Its clock"), reverse("device-clock", args=[discrepancy.device_id]), "usage.read")
    return [*log_steps(discrepancy)[:1], clock]


STEPS: dict[Kind, Callable[[Discrepancy], list[NextStep]]] = {
    Kind.COUNTER_DOWN: counter_steps,
    Kind.COUNTER_JUMP: counter_steps,
    Kind.COUNTER_LOG_MISMATCH: log_steps,
    Kind.LOG_MISSING: log_steps,
    Kind.USAGE_OUTSIDE_RENTAL: holder_steps,
    Kind.OVER_PRESCRIBED: rental_steps,
    Kind.CLOCK_IN_DOUBT: clock_steps,
    Kind.CONFLICTING_DUPLICATE: holder_steps,
    Kind.UNKNOWN_DEVICE: unknown_steps,
    Kind.PAST_NOMINAL: past_steps,
    Kind.SILENT_DEVICE: log_steps,
}
