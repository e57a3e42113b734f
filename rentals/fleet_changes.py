"""The end of a device's use, and its coming back, where no rental speaks of it: lost, found again, retired."""

from datetime import datetime

from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal, invalid
from config.words import in_sentence
from devices.models import ConditionChange, Device
from rentals.booking.offers import poke_offers
from rentals.booking.replan import lock_sites, repair
from rentals.deciding import deciding, lock_devices, refuse_moved
from rentals.models import Holding, Rental, StockFinding
from rentals.models.states import State
from rentals.overview import with_overview
from rentals.stock_take import settle_open

Condition = Device.Condition
CAN_BE_LOST = (Condition.READY, Condition.QUARANTINE, Condition.REPAIR, Condition.RECALLED)
CAN_BE_RETIRED = (Condition.READY, Condition.QUARANTINE, Condition.REPAIR)


def report_device_lost(device: Device, *, reason: str, at: datetime, actor: User) -> ConditionChange:
    """The device is not where it should be and with nobody; its reservations go elsewhere, or are at risk.

    What a count found missing of it is settled. Raises `invalid` without a reason, `device_unavailable` while it is
    out (the rental is reported lost then), `device_not_ready` where its condition does not allow it.
    """
    with deciding():
        change = take_out(device, Condition.LOST, CAN_BE_LOST, reason=reason, at=at, actor=actor)
        settle_open(device, StockFinding.Kind.MISSING, note=f"Reported lost: {reason.strip()}", at=at, actor=actor)
    return change


def retire(device: Device, *, reason: str, at: datetime, actor: User) -> ConditionChange:
    """The device is not used any more; its reservations go elsewhere, or are at risk.

    Raises what `report_device_lost` does, and `wrong_state` while a rental waits for its inspection.
    """
    with deciding():
        change = take_out(device, Condition.RETIRED, CAN_BE_RETIRED, reason=reason, at=at, actor=actor)
        refuse_waited_for(device, at)
    return change


def found_again(device: Device, *, reason: str, at: datetime, actor: User) -> ConditionChange:
    """The lost device is there again and goes to quarantine; a recall that named it meanwhile holds.

    Scanned in a count, that is settled. Raises `invalid` without a reason, `device_not_ready` unless it is lost.
    """
    refuse_without(reason)
    with deciding():
        locked = lock_devices([device.pk])[device.pk]
        refuse_condition(locked, (Condition.LOST,))
        after = Condition.RECALLED if locked.recalls.exists() else Condition.QUARANTINE
        change = write_down(locked, after, reason=reason, at=at, actor=actor)
        settle_open(device, StockFinding.Kind.UNEXPECTED, note=f"Found again: {reason.strip()}", at=at, actor=actor)
        poke_offers(locked.clinic_id)
    return change


def take_out(
    device: Device, after: Condition, may_be: tuple[Condition, ...], *, reason: str, at: datetime, actor: User
) -> ConditionChange:
    """Take the device out of the fleet and its reservations elsewhere; the caller holds the transaction."""
    refuse_without(reason)
    lock_sites([device.clinic])
    refuse_moved(device)
    locked = lock_devices([device.pk])[device.pk]
    refuse_out(locked)
    refuse_condition(locked, may_be)
    change = write_down(locked, after, reason=reason, at=at, actor=actor)
    repair(locked.clinic, cause=f"device {locked.serial} is {after}", at=at, actor=actor)
    return change


def write_down(device: Device, after: Condition, *, reason: str, at: datetime, actor: User) -> ConditionChange:
    """Give the device its new condition, with why, when and by whom."""
    before = device.condition
    Device.objects.filter(pk=device.pk).update(condition=after)
    return ConditionChange.objects.create(
        device=device, before=before, after=after, reason=reason.strip(), at=at, by=actor
    )


def refuse_without(reason: str) -> None:
    if not reason.strip():
        raise invalid("reason", _("Write the reason; it stays in the device's history."))


def refuse_out(device: Device) -> None:
    """A patient has it: what becomes of it is said of the rental, so that hire and bond are settled."""
    held = Holding.objects.filter(device=device, live=True, out__isnull=False).select_related("rental").first()
    if held:
        reference = held.rental.reference
        raise Refusal(
            "device_unavailable",
            _("Device %(serial)s is out with rental %(reference)s; take it back, or report it lost or kept there.")
            % {"serial": device.serial, "reference": reference},
            conflict={"reference": reference, "state": held.rental.state},
        )


def refuse_condition(device: Device, may_be: tuple[Condition, ...]) -> None:
    if device.condition not in may_be:
        possible = _(" or ").join(in_sentence(condition.label) for condition in may_be)
        raise Refusal(
            "device_not_ready",
            _("Device %(serial)s is %(condition)s; this is only for one that is %(possible)s.")
            % {"serial": device.serial, "condition": in_sentence(device.get_condition_display()), "possible": possible},
            conflict={"condition": device.condition},
        )


def refuse_waited_for(device: Device, at: datetime) -> None:
    """A returned rental is settled by the inspection of its device, so that comes first."""
    waiting = with_overview(Rental.objects.filter(state=State.RETURNED), at).filter(device_id=device.pk).first()
    if waiting:
        raise Refusal(
            "wrong_state",
            _(
                "Rental %(reference)s waits for the inspection of device %(serial)s; inspect it there first, "
                "so that the bond is settled, then retire it."
            )
            % {"reference": waiting.reference, "serial": device.serial},
            conflict={"reference": waiting.reference},
        )
