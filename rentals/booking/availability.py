"""Which devices fit some dates and treatments, best first, and why the others do not (I2, I3)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict, cast

from django.contrib.postgres.fields import DateRangeField
from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import (
    Case,
    DateField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Lower, Upper
from django.utils.translation import gettext as _

from config.days import long_day
from config.models import Clinic, User
from config.refusals import invalid
from devices.models import Device, DeviceQuerySet, Transfer
from patients.models import Patient
from rentals.booking.capacity import is_overdue, with_availability, with_capacity
from rentals.models import Holding, Rental

MAXIMUM_DAYS = 730
MOST_TREATMENTS = 2000
MOST_SHOWN = 100  # devices that are looked at closely; of all others that fit, their order is known

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class Judgement(TypedDict):
        """What `judged_devices` adds to a device and its counters."""

        availability: str
        promised_treatments: int
        free_treatments: int | None
        turnaround: int  # days
        obstacle: str
        away_until: date | None  # the day from which it is free again, if it is out

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
    courier: bool = False
    accepts_unknown: bool = False
    accepts_too_few: bool = False
    asked_by: User | None = None  # whose sites may be offered instead

    @property
    def with_patient(self) -> tuple[date, date]:
        """The first and the last day on which the device is with the patient or on its way there and back."""
        travel = timedelta(days=self.clinic.courier_days if self.courier else 0)
        return self.starts_on - travel, self.due_on + travel

    def blocked_on(self, device: Device | None) -> DateRange:
        """The days for which `device` (None: one not known yet) would be blocked (I1)."""
        first, last = self.with_patient
        return DateRange(first, last + timedelta(days=turnaround_of(device, self.clinic) + 1))


def turnaround_of(device: Device | None, clinic: Clinic) -> int:
    """Days that `device` needs after its return: its model's own number, or the clinic's."""
    days = device.model.turnaround_days if device else None
    return clinic.turnaround_days if days is None else days


def turnaround_days(clinic: Clinic) -> Coalesce:
    """The same of a device of the clinic, in a query."""
    return Coalesce("model__turnaround_days", Value(clinic.turnaround_days))


def blocked_days(
    device: Device | None, clinic: Clinic, starts_on: date, due_on: date, *, courier: bool = False
) -> DateRange:
    """The local days `device` is blocked: start to due plus turnaround, the way by courier included (I1)."""
    return Need(clinic, starts_on, due_on, treatments=0, courier=courier).blocked_on(device)


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
    """The clinic's devices with what each has left, where it is, and what speaks against it for `need`.

    For the few that are looked at closely, one under its lock say. A whole fleet is judged by `search`.
    """
    here = with_capacity(Device.objects.filter(clinic=need.clinic)).select_related("model")
    devices = with_availability(here, at, [need.clinic])  # what is out is not sent away: it is out for a rental of here
    now_with = Holding.objects.filter(device=OuterRef("pk"), live=True, out__isnull=False)
    return cast(
        "QuerySet[JudgedDevice]",
        with_obstacle(devices, need, at).annotate(away_until=Subquery(now_with.values(end=Upper("blocked"))[:1])),
    )


def with_obstacle(devices: DeviceQuerySet, need: Need, at: datetime) -> DeviceQuerySet:
    """Adds `turnaround` (days) and `obstacle`: the first thing that speaks against a device for `need`, or "".

    All but its capacity. These are the rules, for one device and for a whole fleet alike.
    """
    first, last = need.with_patient
    today = need.clinic.day_of(at)
    inspected_in_time = Q(condition=Device.Condition.QUARANTINE, turnaround__lt=(first - today).days)
    return devices.annotate(
        turnaround=turnaround_days(need.clinic),
        obstacle=Case(
            When(~(Q(condition=Device.Condition.READY) | inspected_in_time), then=Value("not_ready")),
            When(is_overdue(at, [need.clinic]), then=Value("overdue")),
            When(is_blocked(need), then=Value("blocked")),
            When(is_in_transfer(need), then=Value("in_transfer")),
            When(is_past_use(last), then=Value("shelf_or_service")),
            When(is_another_patients(need), then=Value("reuse_not_permitted")),
            default=Value(""),
        ),
    )


def is_blocked(need: Need) -> Exists:
    """Whether another rental holds the device on one of the days that it would be blocked for (I1)."""
    clashing = Holding.objects.filter(device=OuterRef("pk"), live=True, blocked__overlap=days_blocked(need))
    return Exists(clashing.exclude(rental=need.rental) if need.rental else clashing)


def is_in_transfer(need: Need) -> Exists:
    """Whether the device is on its way to the site on one of these days."""
    return Exists(Transfer.objects.filter(device=OuterRef("pk"), away__overlap=days_blocked(need)))


def days_blocked(need: Need) -> Func:
    """What `Need.blocked_on` says, of the device that the outer query judges."""
    first, last = need.with_patient
    after_turnaround = ExpressionWrapper(
        Value(last + timedelta(days=1)) + OuterRef("turnaround"), output_field=DateField()
    )
    return Func(Value(first), after_turnaround, function="daterange", output_field=DateRangeField())


def is_past_use(last: date) -> Q:
    """Whether the device's last day of use, see `usable_until`, lies before `last`."""
    return Q(shelf_until__lt=last) | Q(service_due_on__lte=last)


def is_another_patients(need: Need) -> Exists:
    """Whether the device is for one patient only and was, or is promised to be, with somebody else (I3)."""
    # Asked of the single-patient units alone: of a whole fleet it would read every holding that there ever was.
    given = Holding.objects.filter(device=OuterRef("pk"), device__clinic=need.clinic).filter(
        Q(live=True) | Q(out__isnull=False), device__model__reuse_signed_off_at=None
    )
    if need.patient:
        given = given.exclude(rental__patient=need.patient)
    return Exists(given.exclude(rental=need.rental) if need.rental else given)


def why_not(device: "JudgedDevice", need: Need) -> str:
    """The first reason for which `device`, judged for `need`, does not fit, as `search` counts them, or ""."""
    return device.obstacle or shortage(device.free_treatments, need)


def shortage(free: int | None, need: Need) -> str:
    """What speaks against a device of `free` treatments (None: nobody knows), or "" (I2)."""
    if free is None:
        return "" if need.accepts_unknown else "unknown_capacity"
    return "" if free >= need.treatments or need.accepts_too_few else "too_few_treatments"


def usable_until(device: Device) -> date | None:
    """The last day on which `device` may be with a patient: its shelf life or the day before its service is due."""
    service = device.service_due_on and device.service_due_on - timedelta(days=1)
    return min((day for day in (device.shelf_until, service) if day), default=None)


def not_beyond(days: DateRange, holding: Holding) -> DateRange:
    """`days`, ending no later than what is held: a turnaround or way by courier that was set to more days since is for
    what is booked or changed from then on."""
    return DateRange(days.lower, min(days.upper, holding.blocked.upper))


def reaching(blocked: DateRange, day: date) -> DateRange:
    """`blocked`, made long enough to hold `day`: a hand-over after the due day still blocks that day."""
    return DateRange(blocked.lower, max(blocked.upper, day + timedelta(days=1)))


def check_span(starts_on: date, due_on: date) -> None:
    """Raise `invalid` for days out of order or too far apart."""
    if due_on <= starts_on:
        first = starts_on + timedelta(days=1)
        raise invalid(
            "due_on",
            _("The due day must come after the start; choose %(first)s or a later day.") % {"first": long_day(first)},
        )
    if (due_on - starts_on).days > MAXIMUM_DAYS:
        last = starts_on + timedelta(days=MAXIMUM_DAYS)
        raise invalid(
            "due_on",
            _("A rental lasts at most %(maximum_days)s days, here until %(last)s.")
            % {"maximum_days": MAXIMUM_DAYS, "last": long_day(last)},
        )


@dataclass(frozen=True)
class Found:
    """The devices of a site that fit a need, by id and best first, and how many others do not for each reason."""

    fitting: dict[int, int | None]  # with their free treatments
    unknown: list[int]  # would fit, if it were accepted that nobody knows what they have left
    why_not: dict[str, int]


def search(need: Need, at: datetime) -> Found:
    """Judge the whole fleet of the clinic for `need`, in two queries however large it is.

    Best strands the least: the smallest sufficient free capacity; among equals the smaller device, so that large
    ones are kept for long courses; then the longest idle. What nobody knows comes last, and where a manager accepted
    too few treatments, those that lack some come after those that have enough, the closest first.
    """
    judged: QuerySet[Any] = with_obstacle(Device.objects.filter(clinic=need.clinic), need, at)
    obstacles = dict(judged.order_by().values_list("pk", "obstacle"))
    free = best_first([pk for pk, obstacle in obstacles.items() if not obstacle])
    if need.accepts_too_few:
        free.sort(key=lambda one: lacking(one[1], need))
    reasons = {pk: shortage(treatments, need) for pk, treatments in free}
    counted = Counter(reason for reason in (*obstacles.values(), *reasons.values()) if reason)
    return Found(
        {pk: treatments for pk, treatments in free if not reasons[pk]},
        [pk for pk, reason in reasons.items() if reason == "unknown_capacity"],
        dict(counted.most_common()),
    )


def best_first(ids: list[int]) -> list[tuple[int, int | None]]:
    """The devices `ids` with their free treatments, in the order of `search`."""
    if not ids:
        return []
    # Passed as one text: thousands of them, each a parameter of its own, would cost more than the answer.
    devices = Device.objects.filter(pk__in=RawSQL("SELECT unnest(%s::bigint[])", [f"{{{','.join(map(str, ids))}}}"]))
    last_out = Holding.objects.filter(device=OuterRef("pk"), out__isnull=False).order_by(Lower("out").desc())
    rows: QuerySet[Any] = with_capacity(devices).order_by(
        F("free_treatments").asc(nulls_last=True),
        F("model__nominal_treatments").asc(nulls_last=True),
        Subquery(last_out.values(end=Upper("out"))[:1]).asc(nulls_first=True),
        "pk",
    )
    return list(rows.values_list("pk", "free_treatments"))


def lacking(free: int | None, need: Need) -> int:
    """How many treatments a device of `free` has too few; 0 where nobody knows what it has."""
    return 0 if free is None else max(need.treatments - free, 0)


def load_devices(ids: Sequence[int], need: Need, at: datetime) -> "list[JudgedDevice]":
    """The devices `ids` with all that is judged of them, in that order."""
    if not ids:
        return []
    found = {device.pk: device for device in judged_devices(need, at).filter(pk__in=ids)}
    return [found[pk] for pk in ids if pk in found]


def fitting_devices(need: Need, at: datetime) -> "tuple[list[JudgedDevice], dict[str, int]]":
    """The best devices that fit `need`, at most `MOST_SHOWN`, and how many of the clinic's do not for each reason."""
    found = search(need, at)
    return load_devices(list(found.fitting)[:MOST_SHOWN], need, at), found.why_not
