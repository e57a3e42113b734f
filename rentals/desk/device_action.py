"""The one thing to do with a device that somebody has in the hand, by its state."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.models import User
from config.roles import may
from devices.models import Device, Transfer
from rentals.booking.capacity import with_availability
from rentals.models import Holding, Rental
from rentals.models.states import State
from rentals.overview import with_overview
from rentals.templatetags.desk import day

Condition = Device.Condition
GONE = {
    Condition.SOLD: gettext_lazy("Sold: it belongs to a patient and is no part of the fleet."),
    Condition.RETIRED: gettext_lazy("Retired: it goes to nobody any more."),
}


@dataclass(frozen=True)
class DeviceAction:
    """`words` say where the device stands; the button leads to the page of what to do now ("" for nothing)."""

    words: str
    button: str = ""
    address: str = ""
    action: str = ""  # of config/roles.py, which the page asks for
    rental: Rental | None = None


@dataclass(frozen=True)
class Standing:
    """What the books say of a device just now: who has it, for whom it is kept, which inspection it waits for."""

    availability: str
    out_with: Rental | None = None
    reserved_for: Rental | None = None  # the next one
    waiting: Rental | None = None  # came back from, not inspected yet
    arriving: Transfer | None = None


def action_for(device: Device, standing: Standing, user: User, today: date) -> DeviceAction:
    """What fits the state of `device`; no button where the role of `user` may not do it. `today`: of its site."""
    action = fitting(device, standing, today)
    return action if action.action and may(user, action.action) else DeviceAction(action.words, rental=action.rental)


def fitting(device: Device, standing: Standing, today: date) -> DeviceAction:
    """The action itself, whoever may do it."""
    if rental := standing.out_with:
        return take_back(device, standing, rental)
    if device.condition == Condition.LOST:
        words = _("Reported lost. If it is in your hands, record that it was found; it goes to quarantine.")
        return DeviceAction(words, _("Found again"), reverse("found-again", args=[device.pk]), "devices.end")
    if device.condition == Condition.RECALLED:
        return DeviceAction(_("Recalled: it may not go out."), _("See the recalls"), reverse("recalls"), "recalls.read")
    if device.condition in GONE:
        return DeviceAction(str(GONE[Condition(device.condition)]))
    if device.condition in (Condition.QUARANTINE, Condition.REPAIR):
        return inspection(device, standing.waiting)
    if standing.arriving:
        return DeviceAction(
            _("On its way from %(site)s; it can be had here from %(day)s.")
            % {"site": standing.arriving.from_clinic, "day": day(standing.arriving.away.upper)}
        )
    return hand_over(standing.reserved_for, today) if standing.reserved_for else to_book()


def take_back(device: Device, standing: Standing, rental: Rental) -> DeviceAction:
    words = out_in_words(device.condition == Condition.RECALLED, standing.availability == "overdue")
    words %= {"reference": rental.reference, "day": day(rental.due_on)}
    return DeviceAction(words, _("Take back"), reverse("return", args=[rental.reference]), "rentals.take_back", rental)


def out_in_words(recalled: bool, overdue: bool) -> str:
    """The sentence about a device that is out, with places for the `reference` and the due `day`."""
    if recalled and overdue:
        return _("Out with %(reference)s, overdue since %(day)s, and recalled.")
    if recalled:
        return _("Out with %(reference)s, due %(day)s, and recalled.")
    return _("Out with %(reference)s, overdue since %(day)s.") if overdue else _("Out with %(reference)s, due %(day)s.")


def inspection(device: Device, waiting: Rental | None) -> DeviceAction:
    if waiting:
        words = _("In quarantine: back from %(reference)s, which waits for the inspection.")
        words %= {"reference": waiting.reference}
        address = reverse("inspect", args=[waiting.reference])
        return DeviceAction(words, _("Inspect"), address, "rentals.inspect", waiting)
    in_repair = _("In repair: it is ready once it passes an inspection.")
    in_quarantine = _("In quarantine: it is ready once it passes an inspection.")
    words = in_repair if device.condition == Condition.REPAIR else in_quarantine
    address = reverse("inspect-unit", args=[device.pk])
    return DeviceAction(words, _("Inspect"), address, "rentals.inspect")


def hand_over(rental: Rental, today: date) -> DeviceAction:
    told = {"reference": rental.reference, "day": near(rental.starts_on, today)}
    if rental.offer_expires_at:
        words = _("Held by an offer for %(reference)s, from %(day)s.") % told
        return DeviceAction(
            words, _("See the offer"), reverse("rental", args=[rental.reference]), "rentals.read", rental
        )
    words = _("Reserved for %(reference)s from %(day)s.") % told
    address = reverse("hand-over", args=[rental.reference])
    return DeviceAction(words, _("Hand over"), address, "rentals.hand_over", rental)


def to_book() -> DeviceAction:
    return DeviceAction(
        _("Ready, and kept for nobody."), _("Book it for a patient"), reverse("patients"), "rentals.book"
    )


def near(start: date, today: date) -> str:
    """`today`, `tomorrow`, or the day itself."""
    return {today: _("today"), today + timedelta(days=1): _("tomorrow")}.get(start) or day(start)


def standings(devices: Iterable[Device], at: datetime) -> dict[int, Standing]:
    """How each of `devices` stands at the moment `at`, by id, in four queries however many there are."""
    ids = [device.pk for device in devices]
    availability: Any = with_availability(Device.objects.filter(pk__in=ids), at)
    known = dict(availability.values_list("pk", "availability"))
    live = Holding.objects.filter(device__in=ids, live=True).select_related("rental").order_by("-blocked")
    out = {holding.device_id: holding.rental for holding in live if holding.out}
    kept = {holding.device_id: holding.rental for holding in live if not holding.out}  # the earliest comes last
    waiting = waiting_for_inspection(ids, at)
    arriving = {transfer.device_id: transfer for transfer in on_the_way(ids, at)}
    return {pk: Standing(known.get(pk, ""), out.get(pk), kept.get(pk), waiting.get(pk), arriving.get(pk)) for pk in ids}


def waiting_for_inspection(ids: list[int], at: datetime) -> dict[int, Any]:
    """The returned rental that each device came back from and that is not settled yet."""
    waiting: Any = with_overview(Rental.objects.filter(state=State.RETURNED), at).filter(device_id__in=ids)
    return {rental.device_id: rental for rental in waiting}


def on_the_way(ids: list[int], at: datetime) -> list[Transfer]:
    """The transfers of the devices that have not arrived at `at`, by the day of the site they go to."""
    coming = Transfer.objects.filter(device__in=ids, away__endswith__gt=at.date()).select_related(
        "from_clinic", "to_clinic"
    )
    return [transfer for transfer in coming if transfer.away.upper > transfer.to_clinic.day_of(at)]


def actions_for(devices: Iterable[Device], user: User, at: datetime) -> dict[int, DeviceAction]:
    """The action of each of `devices` (with their sites), by id."""
    shown = list(devices)
    found = standings(shown, at)
    return {one.pk: action_for(one, found[one.pk], user, one.clinic.day_of(at)) for one in shown}
