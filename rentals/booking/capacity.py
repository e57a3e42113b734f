"""What each device has left, what of it is promised, and whether it is there (I2)."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache

from django.db.models import Case, Exists, F, IntegerField, Max, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Greatest

from config.models import Clinic
from devices.models import Device, DeviceQuerySet, used_treatments
from rentals.models import Holding
from rentals.models.states import State

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
    return devices.with_counters().annotate(
        promised_treatments=promised_treatments(),
        free_treatments=F("remaining_treatments") - F("promised_treatments"),
    )


@cache
def promised_treatments() -> Coalesce:
    """What the live holdings of a device still need of it."""
    promised = (
        Holding.objects.filter(device=OuterRef("pk"), live=True)
        .order_by()
        .values("device")
        .annotate(total=Cast(Sum(needed_treatments()), IntegerField()))
        .values("total")
    )
    return Coalesce(Subquery(promised), 0)


def most_free(clinic: Clinic) -> int | None:
    """The most treatments that a device of `clinic` has free, of those that are here or will be; None: nobody knows."""
    devices = Device.objects.filter(clinic=clinic, condition__in=(Device.Condition.READY, Device.Condition.QUARANTINE))
    most: int | None = with_capacity(devices).aggregate(most=Max("free_treatments"))["most"]
    return most


def with_availability(devices: DeviceQuerySet, at: datetime, clinics: Iterable[Clinic] | None = None) -> DeviceQuerySet:
    """Adds `availability`: where the device is at the moment `at`, by its clinic's day; `clinics` as `overdue_at`."""
    live = Holding.objects.filter(device=OuterRef("pk"), live=True)
    out = live.filter(out__isnull=False)
    return devices.annotate(
        availability=Case(
            When(~Q(condition=Device.Condition.READY), then=Value("unavailable")),
            When(is_overdue(at, clinics), then=Value("overdue")),
            When(Exists(out), then=Value("out")),
            When(Exists(live), then=Value("reserved")),
            default=Value("available"),
        )
    )


def is_overdue(at: datetime, clinics: Iterable[Clinic] | None = None) -> Exists:
    """Whether a device is out with a rental that is overdue at the moment `at`; `clinics` as `overdue_at`."""
    late = overdue_at(at, clinics=clinics)
    # The state says nothing new, but finds the few by their index.
    out = Holding.objects.filter(late, device=OuterRef("pk"), live=True, out__isnull=False)
    return Exists(out.filter(rental__state=State.ACTIVE))


def overdue_at(at: datetime, prefix: str = "rental__", clinics: Iterable[Clinic] | None = None) -> Q:
    """Whether a rental's due day lies before its clinic's day at `at`; no SQL clock decides.

    `prefix` is the path to the rental; `clinics` are those that it can belong to, all unless given. Says nothing of
    its state.
    """
    clause = Q(pk__in=[])
    for clinic in Clinic.objects.all() if clinics is None else clinics:
        clause |= Q(**{f"{prefix}clinic": clinic, f"{prefix}due_on__lt": clinic.day_of(at)})
    return clause
