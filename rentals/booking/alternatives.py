"""What would fit where a wish cannot be met: another device, a later start, another site, a swap half-way.

The API and the desk say these as they are made here: JSON, without patient data. However large the site is, less than
a hundred queries are asked: what could fit is reckoned from a few rows, and at most `TRIES` proposals of a kind are put
to the rules (`search`), which alone decide.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from itertools import chain, islice, product
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Count, Q, QuerySet

from devices.models import Device, Transfer
from rentals.booking.availability import (
    Need,
    is_another_patients,
    search,
    shortage,
    turnaround_days,
    usable_until,
)
from rentals.booking.capacity import is_overdue, with_capacity
from rentals.booking.desk_days import next_day_with_room
from rentals.models import Holding

TRIES = 3
SITES = 5  # other sites that are asked, those with the most ready devices first
MOST_DEVICES = 3
DAY = timedelta(days=1)
SHORTEST_PERIOD = 7 * DAY  # for less nobody comes to exchange a device

Alternative = dict[str, Any]


def alternatives_for(need: Need, at: datetime) -> list[Alternative]:
    """Other devices for these days; where there are none, a later start, other sites and a planned swap."""
    return other_devices(need, at) or [*next_start(need, at), *other_sites(need, at), *planned_swap(need, at)]


def other_devices(need: Need, at: datetime) -> list[Alternative]:
    """The best few devices that fit `need`."""
    free = dict(islice(search(need, at).fitting.items(), MOST_DEVICES))
    names = named(free)
    return [{"device": names[device], "free_treatments": treatments} for device, treatments in free.items()]


def next_start(need: Need, at: datetime) -> list[Alternative]:
    """The first later start, on a day with room, at which a device is free for the same length."""
    earliest, length = max(need.starts_on, need.clinic.day_of(at)), need.due_on - need.starts_on
    enough = [prospect for prospect in prospects(need, at) if not shortage(prospect.free, need)]
    for day in islice(start_days(enough, need, earliest), TRIES):
        start = next_day_with_room(need.clinic, "starts_on", day)
        due = start and next_day_with_room(need.clinic, "due_on", start + length)
        if start and due and (found := search(replace(need, starts_on=start, due_on=due), at).fitting):
            best = next(iter(found))
            return [{"starts_on": start.isoformat(), "due_on": due.isoformat(), "device": named([best])[best]}]
    return []


def other_sites(need: Need, at: datetime) -> list[Alternative]:
    """Other sites at which a device fits these days: those that the asker may see, for at others they cannot book.

    The patient is a new one there, so the device must do for anybody.
    """
    if need.asked_by is None:
        return []
    sites = (
        need.asked_by.visible_clinics()
        .exclude(pk=need.clinic.pk)
        .annotate(ready=Count("devices", filter=Q(devices__condition=Device.Condition.READY)))
        .prefetch_related("opening_hours", "closures")
        .order_by("-ready", "name")
    )
    there = (replace(need, clinic=site, patient=None, rental=None) for site in sites[:SITES])
    best = {wish.clinic: next(iter(search(wish, at).fitting), None) for wish in there if has_room(wish)}
    names = named(device for device in best.values() if device)
    return [
        {"clinic": {"id": site.pk, "name": site.name}, "device": names[device]}
        for site, device in best.items()
        if device
    ]


def planned_swap(need: Need, at: datetime) -> list[Alternative]:
    """Two devices, one after the other: the first for as long as it can be had or as its treatments last, exchanged on
    an open day for one that does the rest. The treatments are divided as the days are.
    """
    if need.treatments < 2:
        return []
    for day in islice(swap_days(prospects(need, at), need), TRIES):
        first, then = divided(need, day)
        if not has_room(first):
            continue
        pairs = product(islice(search(first, at).fitting, 2), islice(search(then, at).fitting, 2))
        if pair := next((pair for pair in pairs if pair[0] != pair[1]), None):
            names = named(pair)
            return [{**period(first, names[pair[0]]), "then": period(then, names[pair[1]])}]
    return []


def named(ids: Iterable[int]) -> dict[int, Alternative]:
    """How a device is said, by its id."""
    return {device.pk: {"id": device.pk, "serial": device.serial} for device in Device.objects.filter(pk__in=ids)}


def period(need: Need, device: Alternative) -> Alternative:
    return {
        "device": device,
        "starts_on": need.starts_on.isoformat(),
        "due_on": need.due_on.isoformat(),
        "treatments": need.treatments,
    }


def has_room(need: Need) -> bool:
    """Whether the clinic is open on the first and the last day, with a place left on both."""
    days = {"starts_on": need.starts_on, "due_on": need.due_on}
    return all(next_day_with_room(need.clinic, column, day) == day for column, day in days.items())


def divided(need: Need, day: date) -> tuple[Need, Need]:
    """What the two devices of a course that is divided on `day` have to give."""
    share = -(-need.treatments * (day - need.starts_on).days // (need.due_on - need.starts_on).days)
    treatments = min(share, need.treatments - 1)  # whole ones, and one at least for the second
    first = replace(need, due_on=day, treatments=treatments)
    return first, replace(need, starts_on=day, treatments=need.treatments - treatments)


@dataclass
class Prospect:
    """A device that nothing lasting speaks against: what it has free, and the days on which it is not to be had."""

    free: int | None
    turnaround: timedelta
    usable_until: date | None
    busy: list[DateRange] = field(default_factory=list)

    def is_free(self, first: date, last: date) -> bool:
        """Whether it can be had from the `first` day to the `last`, the way by courier included."""
        usable = self.usable_until is None or last <= self.usable_until
        return usable and not any(first < days.upper and days.lower <= last + self.turnaround for days in self.busy)

    def first_start(self, need: Need, earliest: date, span: Callable[[date], Need | None]) -> date | None:
        """The first day from `earliest` on at which `need` could begin; `span` moves it to a day, on to open ones."""
        travel = need.starts_on - need.with_patient[0]
        for day in sorted({earliest, *(max(earliest, days.upper + travel) for days in self.busy)}):
            later = span(day)
            if later and self.is_free(*later.with_patient):
                return later.starts_on
        return None

    def last_day(self, need: Need) -> date | None:
        """The last day to which it could serve `need` from its beginning, if it is free then and has anything left."""
        first, last = need.with_patient
        travel = last - need.due_on
        if shortage(self.free, replace(need, treatments=1)) or not self.is_free(first, first):
            return None
        ends = [days.lower - self.turnaround - DAY for days in self.busy if days.lower > first]
        ends += [self.usable_until] if self.usable_until else []
        days = [need.due_on - DAY, *(end - travel for end in ends)]
        if self.free is not None:
            days.append(need.starts_on + (need.due_on - need.starts_on) * self.free // need.treatments)
        return min(days)


def prospects(need: Need, at: datetime) -> list[Prospect]:
    """The devices of the clinic that could serve `need` on some days, whatever they have free."""
    today = need.clinic.day_of(at)
    waiting = Device.Condition.QUARANTINE
    here = Device.objects.filter(clinic=need.clinic, condition__in=(Device.Condition.READY, waiting))
    devices: QuerySet[Any] = with_capacity(here).annotate(turnaround=turnaround_days(need.clinic))
    found: dict[int, Prospect] = {}
    for device in devices.exclude(is_overdue(at, [need.clinic]) | is_another_patients(need)):
        turnaround = timedelta(days=device.turnaround)
        to_inspect = [DateRange(today, today + turnaround + DAY)] if device.condition == waiting else []
        found[device.pk] = Prospect(device.free_treatments, turnaround, usable_until(device), to_inspect)
    for device_id, days in days_taken(need, today):
        if device_id in found:
            found[device_id].busy.append(days)
    return list(found.values())


def days_taken(need: Need, today: date) -> Iterable[tuple[int, DateRange]]:
    """The days from `today` on that devices of the clinic are blocked by others or on their way to it."""
    held = Holding.objects.filter(device__clinic=need.clinic, live=True, blocked__endswith__gt=today)
    if need.rental:
        held = held.exclude(rental=need.rental)
    moved = Transfer.objects.filter(device__clinic=need.clinic, away__endswith__gt=today)
    return chain(held.values_list("device", "blocked"), moved.values_list("device", "away"))


def start_days(devices: Iterable[Prospect], need: Need, earliest: date) -> list[date]:
    """The open days from `earliest` on at which one of `devices` becomes free for the length of `need`, in order."""
    length = need.due_on - need.starts_on

    @cache
    def span(day: date) -> Need | None:
        start = need.clinic.next_open_day(day)
        due = start and need.clinic.next_open_day(start + length)
        return replace(need, starts_on=start, due_on=due) if start and due else None

    return sorted({day for device in devices if (day := device.first_start(need, earliest, span))})


def swap_days(devices: Iterable[Prospect], need: Need) -> Iterator[date]:
    """The open days to which one of `devices` could serve `need` from its beginning, the last first."""
    last_days = {day for device in devices if (day := device.last_day(need))}
    open_days = (last_open_day(need, day) for day in sorted(last_days, reverse=True))
    return iter(dict.fromkeys(day for day in open_days if day))


def last_open_day(need: Need, day: date) -> date | None:
    """The last open day up to `day` that leaves a first period of `SHORTEST_PERIOD`."""
    shortest = need.starts_on + SHORTEST_PERIOD
    days = (day - ahead * DAY for ahead in range((day - shortest).days + 1))
    return next((candidate for candidate in days if need.clinic.is_open(candidate)), None)
