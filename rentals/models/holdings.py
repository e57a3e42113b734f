"""Which device a rental holds, on which days and between which moments (I1)."""

import pghistory
import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import (
    ArrayField,
    BigIntegerRangeField,
    DateRangeField,
    DateTimeRangeField,
    RangeOperators,
)
from django.db import models
from django.db.models import Deferrable, F, Func, Q, Value
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from devices.models import Device
from rentals.models.rental import Rental


class DeviceSpan(Func):
    """`int8range(device_id, device_id, '[]')`: stands for "same device" and needs no extension."""

    function = "int8range"
    output_field = BigIntegerRangeField()

    def __init__(self) -> None:
        super().__init__(F("device_id"), F("device_id"), Value("[]"))


class Part(models.TextChoices):
    MAIN_UNIT = "main_unit", _("Main Unit")
    TRANSDUCER = "transducer", _("Transducer")
    CHARGER = "charger", _("Charger")
    CARD = "card", _("Card")
    CASE = "case", _("Case")
    STRAP = "strap", _("Strap")
    CAP = "cap", _("Cap")
    GEL = "gel", _("Gel")


class Delivery(models.TextChoices):
    DESK = "desk", pgettext_lazy("where something is done", "Desk")
    COURIER = "courier", _("Courier")


@pghistory.track()
class Holding(models.Model):
    """One device held by one rental; at risk while its device was taken away and not replaced.

    `blocked`: local days from start to due plus turnaround, courier days included. `out`: from the
    hand-over to the return. `live`: the rental is reserved or active and this is its present holding.
    `used_out` and `used_back` are the device's used treatments at both ends, which counters that
    start again cannot falsify.
    """

    rental = models.ForeignKey(Rental, on_delete=models.PROTECT, related_name="holdings")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, null=True, related_name="holdings")
    live = models.BooleanField(default=True)
    blocked = DateRangeField()
    out = DateTimeRangeField(null=True, blank=True)
    counter_out = models.PositiveIntegerField(null=True, blank=True)
    counter_back = models.PositiveIntegerField(null=True, blank=True)
    used_out = models.IntegerField(null=True, blank=True)
    used_back = models.IntegerField(null=True, blank=True)
    parts_out = ArrayField(models.CharField(max_length=10, choices=Part), default=list, blank=True)
    parts_back = ArrayField(models.CharField(max_length=10, choices=Part), default=list, blank=True)
    delivery = models.CharField(max_length=7, choices=Delivery, default=Delivery.DESK)
    tracking = models.CharField(max_length=80, blank=True)
    notes = models.TextField(blank=True)

    class Meta:
        ordering = ("pk",)
        indexes = [
            # The exclusion constraints' GiST indexes serve only the constraints.
            models.Index(F("device"), Func(F("out"), function="lower"), name="holding_device_out"),
            models.Index(fields=["device"], condition=Q(live=True), name="holding_device_live"),
        ]
        constraints = [
            ExclusionConstraint(
                name="holding_blocks_device_once",
                expressions=[(DeviceSpan(), RangeOperators.OVERLAPS), ("blocked", RangeOperators.OVERLAPS)],
                condition=Q(live=True, device_id__isnull=False),
                deferrable=Deferrable.IMMEDIATE,
            ),
            ExclusionConstraint(
                name="holding_out_once",
                expressions=[(DeviceSpan(), RangeOperators.OVERLAPS), ("out", RangeOperators.OVERLAPS)],
                condition=Q(out__isnull=False, device_id__isnull=False),
                deferrable=Deferrable.IMMEDIATE,
            ),
            models.UniqueConstraint(fields=["rental"], condition=Q(live=True), name="holding_one_live_a_rental"),
            models.CheckConstraint(
                condition=Q(out__isnull=True)
                | Q(
                    device_id__isnull=False,
                    counter_out__isnull=False,
                    used_out__isnull=False,
                    out__startswith__isnull=False,
                ),
                name="holding_out_has_device_and_counter",
            ),
            models.CheckConstraint(
                condition=Q(live=True) | Q(out__isnull=True) | Q(out__endswith__isnull=False),
                name="holding_closed_has_end",
            ),
            models.CheckConstraint(condition=Q(blocked__isempty=False), name="holding_blocks_some_day"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="holding_goes_out_ready",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=pgtrigger.Q(new__live=True, new__out__isnull=False),
                declare=[("condition_now", "text"), ("reuse", "boolean")],
                func=pgtrigger.Func(
                    """
                    IF TG_OP = 'UPDATE' AND OLD.out IS NOT NULL AND OLD.device_id = NEW.device_id THEN
                        RETURN NEW;
                    END IF;
                    SELECT d.condition, m.reuse_signed_off_at IS NOT NULL INTO condition_now, reuse
                        FROM devices_device d JOIN devices_devicemodel m ON m.id = d.model_id
                        WHERE d.id = NEW.device_id;
                    IF condition_now <> 'ready' THEN
                        RAISE EXCEPTION 'device % is %, not ready', NEW.device_id, condition_now
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'holding_goes_out_ready';
                    END IF;
                    IF NOT reuse AND EXISTS (
                        SELECT FROM {meta.db_table} h
                            JOIN rentals_rental r ON r.id = h.rental_id
                            JOIN rentals_rental mine ON mine.id = NEW.rental_id
                            WHERE h.device_id = NEW.device_id AND h.out IS NOT NULL
                                AND h.id IS DISTINCT FROM NEW.id AND r.patient_id <> mine.patient_id
                    ) THEN
                        RAISE EXCEPTION 'device % has had another patient', NEW.device_id
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'holding_goes_out_ready';
                    END IF;
                    RETURN NEW;
                    """
                ),
            ),
            pgtrigger.Trigger(
                name="holding_not_in_transfer",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=pgtrigger.Q(new__live=True, new__out__isnull=True, new__device__isnull=False),
                func=pgtrigger.Func(
                    """
                    IF EXISTS (
                        SELECT FROM devices_transfer t WHERE t.device_id = NEW.device_id AND t.away && NEW.blocked
                    ) THEN
                        RAISE EXCEPTION 'device % is on its way to another site', NEW.device_id
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'holding_not_in_transfer';
                    END IF;
                    RETURN NEW;
                    """
                ),
            ),
            pgtrigger.Protect(
                name="holding_out_never_dropped",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__out__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rental} holds {self.device_id}"
