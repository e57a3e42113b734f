"""Sending a device from one site to another: it is nobody's on the way (I1)."""

from datetime import date, datetime, timedelta

from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils.translation import gettext as _

from config.models import Clinic, User
from config.refusals import Refusal, invalid
from config.words import in_sentence
from devices.models import Device, Transfer
from rentals.booking.offers import poke_offers
from rentals.booking.replan import lock_sites, repair
from rentals.deciding import deciding, lock_devices
from rentals.models import Holding, Rental
from rentals.models.states import State

MAY_TRAVEL = (Device.Condition.READY, Device.Condition.QUARANTINE, Device.Condition.REPAIR)


def send(device: Device, *, to: Clinic, arrives_on: date, at: datetime, actor: User) -> Transfer:
    """Send `device` to the site `to`, where it can be had from the day after `arrives_on` (local day there).

    It belongs to that site from now on, so that bookings can count on it; its reservations here go to other devices,
    or are at risk. Raises `invalid` for the site it is at or a day that has passed, `device_not_ready`,
    `device_unavailable` while it is out, pinned to a reservation, on its way already, or waits for a settlement.
    """
    origin = device.clinic
    if to == origin:
        raise invalid("to", _("It is at this site already; choose another one."))
    if arrives_on < to.day_of(at):
        raise invalid("arrives_on", _("The day of arrival has passed; choose today or a later day."))
    with deciding():
        lock_sites([origin])
        device = lock_devices([device.pk])[device.pk]
        refuse_bound(device, origin, at)
        days = DateRange(to.day_of(at), arrives_on + timedelta(days=1))
        transfer = Transfer.objects.create(device=device, from_clinic=origin, to_clinic=to, away=days, at=at, by=actor)
        Device.objects.filter(pk=device.pk).update(clinic=to)
        repair(origin, cause=f"device {device.serial} was sent to another site", at=at, actor=actor)
        poke_offers(to.pk)
    return transfer


def refuse_bound(device: Device, origin: Clinic, at: datetime) -> None:
    """A device leaves a site when nobody there has it, insists on it, or has still to settle it."""
    if device.clinic != origin or device.transfers.filter(away__endswith__gt=origin.day_of(at)).exists():
        raise Refusal(
            "device_unavailable",
            _("Device %(serial)s is on its way to %(clinic)s already.")
            % {"serial": device.serial, "clinic": device.clinic},
        )
    if device.condition not in MAY_TRAVEL:
        raise Refusal(
            "device_not_ready",
            _("Device %(serial)s is %(condition)s; it stays where it is.")
            % {"serial": device.serial, "condition": in_sentence(device.get_condition_display())},
            conflict={"condition": device.condition},
        )
    if rental := bound_to(device):
        raise Refusal(
            "device_unavailable",
            _(
                "Device %(serial)s is bound to rental %(reference)s, which is %(state)s; finish or change "
                "that rental first, or send another device."
            )
            % {
                "serial": device.serial,
                "reference": rental.reference,
                "state": in_sentence(rental.get_state_display()),
            },
            conflict={"reference": rental.reference, "state": rental.state},
        )


def bound_to(device: Device) -> Rental | None:
    """The rental for which `device` cannot leave: it is out with it, was pinned for it, or is not inspected for it."""
    bound = Holding.objects.filter(device=device).select_related("rental")
    here = bound.filter(live=True).exclude(out=None, rental__pinned=False).first()
    unsettled = bound.filter(rental__state=State.RETURNED).exclude(out=None).first()
    found = here or (unsettled if device.condition == Device.Condition.QUARANTINE else None)
    return found.rental if found else None
