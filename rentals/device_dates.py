"""Until when a device may be with patients: its shelf life and its next service."""

from datetime import date, datetime

from config.models import User
from devices.models import Device
from rentals.booking.offers import poke_offers
from rentals.booking.replan import lock_sites, repair
from rentals.deciding import deciding, refuse_moved


def set_dates(
    device: Device, *, shelf_until: date | None, service_due_on: date | None, at: datetime, actor: User
) -> Device:
    """Write down both days (local days of the site; None: there is none), and plan by them at once.

    Reservations that would end later go to other devices, where some fit; else they are at risk. Who has the device
    keeps it.
    """
    with deciding():
        lock_sites([device.clinic])
        refuse_moved(device)
        Device.objects.filter(pk=device.pk).update(shelf_until=shelf_until, service_due_on=service_due_on)
        repair(device.clinic, cause=f"the dates of device {device.serial} changed", at=at, actor=actor)
        poke_offers(device.clinic_id)
    device.refresh_from_db(fields=["shelf_until", "service_due_on"])
    return device
