"""Recalls: where each affected unit is now, who has it and everyone who had it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from config.models import User
from devices.models import Device, DeviceModel, Recall
from patients.access import record_access
from patients.models import Access
from rentals.booking.at_risk import put_at_risk
from rentals.deciding import deciding, lock_devices
from rentals.models import Holding


@dataclass(frozen=True)
class Recalled:
    """What a recall found: devices, the holdings out now, those before, and serials nobody here owns."""

    recall: Recall
    devices: list[Device]
    holders_now: list[Holding]
    holders_before: list[Holding]
    unknown_serials: list[str]


def start_recall(*, model: DeviceModel, serials: Iterable[str], reason: str, at: datetime, actor: User) -> Recalled:
    """Take the named units of `model` (none named: all) out of issue from this moment; their reservations are at risk.

    Only devices that `actor` may see are touched. Lost and sold devices keep their condition but
    are listed: their last holders must be told too.
    """
    wanted = set(serials)
    with deciding():
        named = Q(serial__in=wanted) if wanted else Q()
        owned = Device.objects.visible_to(actor).filter(named, model=model)
        devices = list(lock_devices(owned.values_list("pk", flat=True)).values())
        ids = [device.pk for device in devices]
        recall = Recall.objects.create(model=model, serials=sorted(wanted), reason=reason, at=at, by=actor)
        recall.devices.set(devices)
        Device.objects.filter(pk__in=ids, condition__in=IN_THE_FLEET).update(condition=Device.Condition.RECALLED)
        put_at_risk(ids, cause="recall", at=at, actor=actor)
        out = Holding.objects.filter(device__in=ids, out__isnull=False).select_related("rental", "device")
        holders = list(out.order_by("device", "out"))
        record_access(actor, {holding.rental.patient_id for holding in holders}, Access.Action.LISTED, at)
    return Recalled(
        recall=recall,
        devices=list(Device.objects.filter(pk__in=ids).select_related("model", "clinic")),
        holders_now=[holding for holding in holders if holding.out.upper is None],
        holders_before=[holding for holding in holders if holding.out.upper is not None],
        unknown_serials=sorted(wanted - {device.serial for device in devices}),
    )


IN_THE_FLEET = (Device.Condition.READY, Device.Condition.QUARANTINE, Device.Condition.REPAIR)
