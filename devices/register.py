"""Bringing devices into the inventory."""

from datetime import date, datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

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
    shelf_until: date | None = None,
    service_due_on: date | None = None,
) -> Device:
    """Add one unit; `counter` is what its screen showed at the moment `at`, None when nobody looked.

    It may be with a patient up to the day `shelf_until` and before the day `service_due_on` (local days of the site).

    A unit that a recall has named is recalled from the start. Raises `duplicate_device`: part number and
    serial identify a unit.
    """
    with transaction.atomic():
        recalls = list(Recall.objects.filter(Q(serials__contains=[serial]) | Q(serials=[]), model=model))
        if recalls:
            condition = Device.Condition.RECALLED
        device, made = Device.objects.get_or_create(
            serial=serial,
            model=model,
            defaults={
                "clinic": clinic,
                "condition": condition,
                "shelf_until": shelf_until,
                "service_due_on": service_due_on,
                "created_at": at,
            },
        )
        if not made:
            raise Refusal(
                "duplicate_device",
                _("A device with this part number and serial number exists already; look it up instead."),
                field="serial",
            )
        device.recalls.set(recalls)
        Allowance.objects.create(device=device, number=1, began_at=at, nominal_treatments=model.nominal_treatments)
        if counter is not None:
            record_reading(device, counter, read_at=at, now=at, source=Reading.Source.FIRST, actor=actor)
    return device
