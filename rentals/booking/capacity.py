"""What each device has left, what of it is promised, and whether it is there (I2)."""

from datetime import datetime

from django.db.models import Case, Exists, F, IntegerField, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Greatest

from config.models import Clinic
from devices.models import Device, DeviceQuerySet, used_treatments
from rentals.models import Holding

AVAILABILITIES = ("available", "reserved", "out", "overdue", "unavailable")


def delivered_treatments() -> Combinable:
    """What the holdings of a holding's rental have delivered so far, by trusted readings."""
    earlier = (
        Holding.objects.filter(rental=OuterRef("rental"), live=False, used_back__isnull=False)
        .order_by()
        .values("rental")
        .annotate(delivered=Sum(F("used_back") - F("used_out")))
        .values("delivered")
    )
    now = Case(When(live=True, out__isnull=False, then=used_treatments("device") - F("used_out")), default=0)
    return Coalesce(Subquery(earlier), 0) + now


def needed_treatments() -> Greatest:
    """What the rental of a holding still needs: planned less delivered, never less than none."""
    return Greatest(F("rental__planned_treatments") - delivered_treatments(), 0, output_field=IntegerField())


def with_capacity(devices: DeviceQuerySet) -> DeviceQuerySet:
    """Adds to the counters `promised_treatments` and `free_treatments` (null while capacity is unknown)."""
    promised = (
        Holding.objects.filter(device=OuterRef("pk"), live=True)
        .order_by()
        .values("device")
        .annotate(total=Sum(needed_treatments()))
        .values("total")
    )
    return devices.with_counters().annotate(
        promised_treatments=Coalesce(Subquery(promised), 0),
        free_treatments=F("remaining_treatments") - F("promised_treatments"),
    )


def with_availability(devices: DeviceQuerySet, at: datetime) -> DeviceQuerySet:
    """Adds `availability`: where the device is at the moment `at`, by its clinic's day."""
    live = Holding.objects.filter(device=OuterRef("pk"), live=True)
    out = live.filter(out__isnull=False)
    return devices.annotate(
        availability=Case(
            When(~Q(condition=Device.Condition.READY), then=Value("unavailable")),
            When(Exists(out.filter(overdue_at(at))), then=Value("overdue")),
            When(Exists(out), then=Value("out")),
            When(Exists(live), then=Value("reserved")),
            default=Value("available"),
        )
    )


def overdue_at(at: datetime, prefix: str = "rental__") -> Q:
    """Whether a rental's due day lies before its clinic's day at `at`; no SQL clock decides.

    `prefix` is the path to the rental. Says nothing of its state.
    """
    clause = Q(pk__in=[])
    for clinic in Clinic.objects.all():
        clause |= Q(**{f"{prefix}clinic": clinic, f"{prefix}due_on__lt": clinic.day_of(at)})
    return clause
