"""The transaction in which a verb decides: scarce rows locked first, refusals of the database made readable."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext as _

from config.refusals import Refusal
from devices.models import Device
from rentals.models import Holding, Rental

LOCK_TIMEOUT = "5s"
EXCLUSION_VIOLATION, UNIQUE_VIOLATION = "23P01", "23505"
LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED = "55P03", "40P01"


@contextmanager
def deciding() -> Iterator[None]:
    """One transaction; what the database refuses becomes a 409, mapped after the block is rolled back."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            yield
    except DatabaseError as error:
        refusal = refusal_for(error)
        if refusal is None:
            raise
        raise refusal from error


def refusal_for(error: DatabaseError) -> Refusal | None:
    """What a refusal by the database means at the desk, or None for what is a fault of ours."""
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None)
    constraint = getattr(getattr(cause, "diag", None), "constraint_name", None)
    if state == EXCLUSION_VIOLATION:
        return Refusal(
            "device_unavailable", _("This device was booked a moment ago; choose another device or other days.")
        )
    if constraint == "holding_goes_out_ready":
        return Refusal("device_not_ready", _("This device may not go out now; choose another device."))
    if constraint == "holding_not_in_transfer":
        return Refusal("device_unavailable", _("This device is on its way to another site then; choose another one."))
    if constraint == "rental_external_reference_once":
        return Refusal("duplicate_external_reference", _("Another rental of this clinic has this external reference."))
    if constraint == "device_serial_once_a_model":
        return Refusal("duplicate_device", _("A device of this model with this serial number exists already."))
    if state in {LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED, UNIQUE_VIOLATION}:
        return Refusal("busy", _("Somebody else is changing the same records just now; try again."))
    return None


def lock_devices(ids: Iterable[int]) -> dict[int, Device]:
    """Lock device rows in id order, so that two verbs never wait for each other crosswise."""
    wanted = sorted(set(ids))
    rows = Device.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=wanted).order_by("pk")
    return {device.pk: device for device in rows.select_related("model", "clinic")}


def refuse_moved(device: Device) -> None:
    """Raise `busy` where `device` was sent to another site since it was read: the locks are those of the old one."""
    if not Device.objects.filter(pk=device.pk, clinic=device.clinic_id).exists():
        raise Refusal(
            "busy",
            _("Device %(serial)s was sent to another site just now; look at it again.") % {"serial": device.serial},
        )


MOST_TRIES = 5


def lock_rental(rental: Rental, *more_devices: int) -> tuple[Rental, Holding | None]:
    """Lock the rental's device (and `more_devices`) first and then the rental; return both as they are now.

    The planner may move a reservation between the look and the lock: then the locks are let go, for id order,
    and it is looked again. That the rental ended meanwhile, or its device was taken away, is for the caller to judge.
    """
    for _try in range(MOST_TRIES):
        device_id = seen_device(rental)
        before = transaction.savepoint()
        lock_devices([*more_devices, *([device_id] if device_id else [])])
        locked = (
            Rental.objects.select_for_update(no_key=True, of=("self",))
            .select_related("clinic", "patient", "terms", "injury")
            .get(pk=rental.pk)
        )
        holding = live_holding(locked)
        if holding is None or holding.device_id in (None, device_id):
            return locked, holding
        transaction.savepoint_rollback(before)
    raise Refusal("busy", _("This rental is moved from device to device just now; try again."))


def seen_device(rental: Rental) -> int | None:
    """The id of the device that the rental has at this look, which no lock has confirmed."""
    return Holding.objects.filter(rental=rental, live=True).values_list("device", flat=True).first()


def held_device(rental: Rental, holding: Holding | None) -> tuple[Holding, Device]:
    """The holding and its device; refused while the reservation is at risk and holds none."""
    if holding is None or holding.device is None:
        raise Refusal(
            "device_not_ready",
            _("The device of this reservation was taken away; give it another one first, or cancel it."),
            conflict={"reference": rental.reference},
        )
    return holding, holding.device


def live_holding(rental: Rental) -> Holding | None:
    """The rental's present holding, with its device and model; None once it ended."""
    return Holding.objects.select_related("device__model", "device__clinic").filter(rental=rental, live=True).first()
