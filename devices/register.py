"""Bringing devices into the inventory."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from config.models import Clinic, User
from config.refusals import Refusal
from devices.models import Allowance, Device, DeviceModel, Reading, Recall
from devices.readings import record_reading


def add_device(
    *,
    serial: str,
    model: DeviceModel,
    clinic: Clinic,
    at: datetime,
    actor: User | None,
    condition: str = Device.Condition.READY,
    counter: int | None = None,
) -> Device:
    """Add one unit; `counter` is what its screen showed at the moment `at`, None when nobody looked.

    A unit that a recall has named is recalled from the start. Raises `duplicate_device`: part number and
    serial identify a unit.
    """
    recalls = Recall.objects.filter(Q(serials__contains=[serial]) | Q(serials=[]), model=model)
    with transaction.atomic():
        if recalls.exists():
            condition = Device.Condition.RECALLED
        device, made = Device.objects.get_or_create(
            serial=serial, model=model, defaults={"clinic": clinic, "condition": condition, "created_at": at}
        )
        if not made:
            raise Refusal(
                "duplicate_device",
                "A device with this part number and serial number exists already; look it up instead.",
                field="serial",
            )
        Allowance.objects.create(device=device, number=1, began_at=at, nominal_treatments=model.nominal_treatments)
        if counter is not None:
            record_reading(device, counter, read_at=at, now=at, source=Reading.Source.FIRST, actor=actor)
    return device
