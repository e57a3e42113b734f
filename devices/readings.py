"""Counter readings: every one is kept, the impossible ones are flagged and not trusted (I5)."""

from datetime import datetime, timedelta

from django.db import transaction

from config.models import User
from devices.models import Allowance, Device, Reading

LARGEST_COUNTER = 100_000  # what no screen ever shows: a slip of the finger


def record_reading(
    device: Device,
    counter: int,
    *,
    read_at: datetime,
    now: datetime,
    source: Reading.Source = Reading.Source.DESK,
    actor: User | None,
) -> Reading:
    """Keep `counter` as seen on the screen of `device` at `read_at`; flag what cannot be (I5).

    The same value seen at the same moment from the same source is one reading. The caller may hold
    the device's lock already; taking it again costs nothing.
    """
    with transaction.atomic():
        Device.objects.select_for_update(no_key=True).get(pk=device.pk)
        known = Reading.objects.filter(device=device, read_at=read_at, counter=counter, source=source).first()
        if known:
            return known
        allowance = allowance_at(device, read_at)
        flag = doubt_about(device, allowance, counter, read_at)
        return Reading.objects.create(
            device=device,
            allowance=allowance,
            counter=counter,
            read_at=read_at,
            source=source,
            trusted=not flag,
            flag=flag,
            recorded_at=now,
            recorded_by=actor,
        )


def allowance_at(device: Device, moment: datetime) -> Allowance:
    """The allowance that `device` was counting at `moment`; the first one for anything before it began."""
    allowances = list(device.allowances.order_by("number"))
    begun = [allowance for allowance in allowances if allowance.began_at <= moment]
    return begun[-1] if begun else allowances[0]


def trust_what_fits(device: Device, since: datetime | None = None) -> None:
    """Trust those readings of `device` (from `since` on) that seemed impossible only beside what is known better now.

    What was read off another unit stays disowned. The caller holds the device's lock.
    """
    doubted = Reading.objects.filter(device=device, trusted=False).exclude(flag=Reading.Flag.WRONG_DEVICE)
    if since:
        doubted = doubted.filter(read_at__gte=since)
    for reading in doubted.select_related("allowance").order_by("read_at", "pk"):
        if not doubt_about(device, reading.allowance, reading.counter, reading.read_at):
            Reading.objects.filter(pk=reading.pk).update(trusted=True)


def doubt_about(device: Device, allowance: Allowance, counter: int, read_at: datetime) -> str:
    """Why a reading cannot be trusted, or "": it goes down, or up by more than the time allows.

    A treatment takes `minutes_per_treatment`; more than that many since the last trusted reading
    is impossible. A late entry must also fit below the next trusted reading. The first reading of an
    allowance has nothing to be compared with but where the counting began.
    """
    trusted = Reading.objects.filter(allowance=allowance, trusted=True)
    return doubt(
        counter,
        read_at,
        start=allowance.counter_at_start,
        before=trusted.filter(read_at__lte=read_at)
        .order_by("-read_at", "-pk")
        .values_list("counter", "read_at")
        .first(),
        counter_after=trusted.filter(read_at__gt=read_at)
        .order_by("read_at", "pk")
        .values_list("counter", flat=True)
        .first(),
        minutes=device.model.minutes_per_treatment,
    )


def doubt(
    counter: int,
    read_at: datetime,
    *,
    start: int,
    before: tuple[int, datetime] | None,
    counter_after: int | None,
    minutes: int,
) -> str:
    """The rule of `doubt_about`: `before` and `counter_after` are the trusted readings on both sides."""
    if counter < (before[0] if before else start):
        return Reading.Flag.COUNTER_DOWN
    if before and counter - before[0] > possible_treatments(minutes, read_at - before[1]):
        return Reading.Flag.COUNTER_JUMP
    if counter_after is not None and counter > counter_after:
        return Reading.Flag.COUNTER_JUMP
    return ""


def possible_treatments(minutes: int, elapsed: timedelta) -> int:
    """The most treatments of so many `minutes` that fit into `elapsed`, the one under way included."""
    return int(elapsed / timedelta(minutes=minutes)) + 1
