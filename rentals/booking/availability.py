"""Which devices fit some dates and treatments, best first, and why the others do not (I2, I3)."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict, cast

from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Upper

from config.models import Clinic
from config.refusals import invalid
from devices.models import Device
from patients.models import Patient
from rentals.booking.capacity import with_availability, with_capacity
from rentals.models import Holding, Rental

MAXIMUM_DAYS = 730
MOST_TREATMENTS = 2000

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class Judgement(TypedDict):
        """What `judged_devices` adds to a device and its counters."""

        availability: str
        promised_treatments: int
        free_treatments: int | None
        is_blocked: bool
        had_another_patient: bool
        idle_since: datetime | None

    JudgedDevice = WithAnnotations[Device, Judgement]


@dataclass(frozen=True)
class Need:
    """What a rental asks of a device: local days, treatments, and for whom (None: for anybody new)."""

    clinic: Clinic
    starts_on: date
    due_on: date
    treatments: int
    patient: Patient | None = None
    rental: Rental | None = None  # itself no obstacle to itself
    accepts_unknown: bool = False
    accepts_too_few: bool = False

    @property
    def blocked(self) -> DateRange:
        return blocked_days(self.clinic, self.starts_on, self.due_on)


def blocked_days(clinic: Clinic, starts_on: date, due_on: date, *, courier: bool = False) -> DateRange:
    """The local days a device is blocked: start to due plus turnaround, the way by courier included (I1)."""
    courier_days = clinic.courier_days if courier else 0
    first = starts_on - timedelta(days=courier_days)
    last = due_on + timedelta(days=courier_days + clinic.turnaround_days)
    return DateRange(first, last + timedelta(days=1))


def clash_with(device: Device, blocked: DateRange, rental: Rental | None = None) -> dict[str, str] | None:
    """Which other rental than `rental` has `device` on the `blocked` days, by reference and days (no patient data)."""
    clashing = Holding.objects.filter(device=device, live=True, blocked__overlap=blocked)
    if rental:
        clashing = clashing.exclude(rental=rental)
    holding = clashing.select_related("rental").order_by("blocked").first()
    if holding is None:
        return None
    return {
        "reference": holding.rental.reference,
        "starts_on": holding.rental.starts_on.isoformat(),
        "due_on": holding.rental.due_on.isoformat(),
        "free_from": holding.blocked.upper.isoformat(),
    }


def judged_devices(need: Need, at: datetime) -> "QuerySet[JudgedDevice]":
    """The clinic's devices with capacity, availability and what speaks against each for `need`."""
    clashing = Holding.objects.filter(device=OuterRef("pk"), live=True, blocked__overlap=need.blocked)
    others_patients = Holding.objects.filter(device=OuterRef("pk")).filter(Q(live=True) | Q(out__isnull=False))
    if need.patient:
        others_patients = others_patients.exclude(rental__patient=need.patient)
    if need.rental:
        clashing = clashing.exclude(rental=need.rental)
        others_patients = others_patients.exclude(rental=need.rental)
    last_out = (
        Holding.objects.filter(device=OuterRef("pk"), out__isnull=False).order_by("-out").values(end=Upper("out"))
    )
    devices = Device.objects.filter(clinic=need.clinic).select_related("model")
    judged = with_availability(with_capacity(devices), at).annotate(
        is_blocked=Exists(clashing),
        had_another_patient=Exists(others_patients),
        idle_since=Subquery(last_out[:1]),
    )
    return cast("QuerySet[JudgedDevice]", judged)


def why_not(device: "JudgedDevice", need: Need) -> str:
    """The first reason for which `device` (as judged) does not fit, as `why_not` counts them, or ""."""
    if device.condition != Device.Condition.READY:
        return "not_ready"
    if device.availability == "overdue":
        return "overdue"
    if device.is_blocked:
        return "blocked"
    if device.had_another_patient and not device.model.reuse_permitted:
        return "reuse_not_permitted"
    if device.free_treatments is None:
        return "" if need.accepts_unknown else "unknown_capacity"
    enough = device.free_treatments >= need.treatments or need.accepts_too_few
    return "" if enough else "too_few_treatments"


def check_span(starts_on: date, due_on: date) -> None:
    """Raise `invalid` for days out of order or too far apart."""
    if due_on <= starts_on:
        raise invalid("due_on", "The due day must come after the start; choose a later day.")
    if (due_on - starts_on).days > MAXIMUM_DAYS:
        raise invalid("due_on", f"A rental lasts at most {MAXIMUM_DAYS} days; choose an earlier due day.")


def find_devices(need: Need, at: datetime) -> "tuple[list[JudgedDevice], dict[str, int]]":
    """What `fitting_devices` finds for a booking; raises `invalid` for days that none can have."""
    check_span(need.starts_on, need.due_on)
    return fitting_devices(need, at)


def fitting_devices(need: Need, at: datetime) -> "tuple[list[JudgedDevice], dict[str, int]]":
    """Devices that fit `need`, best first, and how many do not fit for each reason.

    Best strands the least: the smallest sufficient free capacity, then the longest idle.
    """
    fitting, reasons = [], Counter[str]()
    for device in judged_devices(need, at).order_by(
        F("free_treatments").asc(nulls_last=True), F("idle_since").asc(nulls_first=True), "pk"
    ):
        reason = why_not(device, need)
        if reason:
            reasons[reason] += 1
        else:
            fitting.append(device)
    return fitting, dict(reasons)


def sentence_for(device: "JudgedDevice", need: Need) -> str:
    """Why `device` is offered, for the person at the desk."""
    free = device.free_treatments or 0
    rest = free - need.treatments
    return f"It has {free} free treatments and would keep {rest} after this course of {need.treatments}."


def alternatives_for(need: Need, at: datetime) -> list[dict[str, Any]]:
    """What would fit instead, as the API says it: other devices, or the next start date that works."""
    return other_devices(need, at) or next_start(need, at)


def other_devices(need: Need, at: datetime, most: int = 3) -> list[dict[str, Any]]:
    """At most `most` devices that fit `need`, best first, as the API says them."""
    fitting, _ = fitting_devices(need, at)
    return [
        {"device": {"id": device.pk, "serial": device.serial}, "free_treatments": device.free_treatments}
        for device in fitting[:most]
    ]


def next_start(need: Need, at: datetime) -> list[dict[str, Any]]:
    """The first later start, on an open day, at which a device is free for the same length, if one is in sight."""
    length = need.due_on - need.starts_on
    ends = (
        Holding.objects.filter(device__clinic=need.clinic, device__condition=Device.Condition.READY, live=True)
        .filter(blocked__endswith__gt=need.starts_on)
        .order_by("blocked__endswith")
        .values_list("blocked__endswith", flat=True)
        .distinct()[:10]
    )
    for end in ends:
        start = need.clinic.next_open_day(end)
        due = start and need.clinic.next_open_day(start + length)
        if start and due:
            later = replace(need, starts_on=start, due_on=due)
            fitting, _ = fitting_devices(later, at)
            if fitting:
                return [
                    {
                        "starts_on": start.isoformat(),
                        "due_on": due.isoformat(),
                        "device": {"id": fitting[0].pk, "serial": fitting[0].serial},
                    }
                ]
    return []
