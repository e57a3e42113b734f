"""A site as the planner sees it, read from the rows: what cannot be moved, and what floats (I1, I2, I11)."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any, cast

from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Case, DateField, Max, OuterRef, Subquery, When
from django.db.models.functions import Upper

from config.models import Clinic
from devices.models import Device, Transfer
from rentals.booking.availability import Need, blocked_days, turnaround_of, usable_until
from rentals.booking.capacity import delivered_treatments, needed_treatments
from rentals.booking.planner import PlannedDevice, Reservation, Site
from rentals.models import Holding, Rental
from rentals.models.holdings import Delivery

PLANNABLE = (Device.Condition.READY, Device.Condition.QUARANTINE)
DAYS_TO_SEE_A_PACE = 7
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass
class Room:
    """What one device has for reservations that float: its free days and treatments, beside what stays on it."""

    device: Any
    free: int | None
    free_at_pace: int | None
    busy: list[DateRange] = field(default_factory=list)
    patients: set[int] = field(default_factory=set)

    def take(self, blocked: DateRange, treatments: int, at_pace: int = 0) -> None:
        """Let somebody have it on the `blocked` days for `treatments`, or at the observed pace for `at_pace`."""
        self.busy.append(blocked)
        if self.free is not None and self.free_at_pace is not None:
            self.free -= treatments
            self.free_at_pace -= max(treatments, at_pace)

    def holds(self, need: Need, blocked: DateRange) -> bool:
        """Whether a reservation that shall stay on it, and blocks it on the `blocked` days, can."""
        last_day = usable_until(self.device)
        patients = {need.patient.pk} if need.patient else set()
        return (
            not any(days.lower < blocked.upper and blocked.lower < days.upper for days in self.busy)
            and (last_day is None or need.with_patient[1] <= last_day)
            and (self.device.model.reuse_permitted or self.patients <= patients)
            and (self.free is None or self.free >= need.treatments or need.accepts_too_few)
        )


@dataclass
class Present:
    """The rows of one site: a `room` for each device that can be planned with, and who is on which."""

    clinic: Clinic
    today: date
    rooms: dict[int, Room]
    growing: list[tuple[Holding, DateRange]] = field(default_factory=list)  # overdue, and until when now presumed away
    floating: list[Holding] = field(default_factory=list)
    lost: list[Holding] = field(default_factory=list)  # pinned to a device that it cannot have

    def site(self) -> Site:
        """What the planner is asked."""
        rooms = sorted(self.rooms.values(), key=lambda room: (room.device.idle_since or LONG_AGO, room.device.pk))
        return Site(
            devices=tuple(planned(room, rank, self.clinic) for rank, room in enumerate(rooms)),
            reservations=tuple(self.reservation(holding) for holding in self.floating),
        )

    def reservation(self, holding: Holding) -> Reservation:
        need = need_of_reservation(holding, self.today)
        first, last = need.with_patient
        room = self.rooms.get(holding.device_id or 0)
        kept = blocked_days_of(holding, room.device, self.today) if room else None
        return Reservation(
            id=holding.rental_id,
            patient=holding.rental.patient_id,
            device=holding.device_id if room else None,
            first_day=first.toordinal(),
            last_day=last.toordinal(),
            treatments=need.treatments,
            accepts_unknown=need.accepts_unknown,
            kept=(kept.lower.toordinal(), kept.upper.toordinal()) if kept else None,
        )


def planned(room: Room, idle_rank: int, clinic: Clinic) -> PlannedDevice:
    device, last_day = room.device, usable_until(room.device)
    return PlannedDevice(
        id=device.pk,
        free=room.free,
        free_at_pace=room.free_at_pace,
        busy=tuple((days.lower.toordinal(), days.upper.toordinal()) for days in room.busy),
        turnaround=turnaround_of(device, clinic),
        usable_until=last_day.toordinal() if last_day else None,
        reusable=device.model.reuse_permitted,
        patients=frozenset(room.patients),
        nominal=device.model.nominal_treatments or 0,
        idle_rank=idle_rank,
    )


def need_of_reservation(holding: Holding, today: date) -> Need:
    """What a rental not yet handed over asks of a device: its own days, of those that have begun what is left."""
    rental = holding.rental
    is_late = rental.starts_on < today <= rental.due_on
    return Need(
        rental.clinic,
        today if is_late else rental.starts_on,
        rental.due_on,
        rental.planned_treatments,
        rental.patient,
        rental,
        courier=holding.delivery == Delivery.COURIER,
        accepts_unknown=rental.accepts_unknown_capacity,
        accepts_too_few=bool(rental.capacity_override),
    )


def blocked_days_of(holding: Holding, device: Device | None, today: date) -> DateRange:
    """The local days for which a rental not yet handed over blocks `device` (None: one not known yet).

    The device that it has, for no more than it does already: where the turnaround or the way by courier was set to more
    days since, they are for what is booked or changed from then on, and nobody loses a device for them.
    """
    days = need_of_reservation(holding, today).blocked_on(device)
    if device is None or device.pk != holding.device_id:
        return days
    return DateRange(max(days.lower, holding.blocked.lower), min(days.upper, holding.blocked.upper))


def read_present(clinic: Clinic, at: datetime) -> Present:
    """The rows of `clinic` at the moment `at`, in a fixed number of queries. The caller holds the devices' locks."""
    present = Present(clinic, clinic.day_of(at), rooms_of(clinic))
    holdings = live_holdings(clinic)
    for holding in holdings:
        if holding.out:
            seat(holding, present, at)
    for holding in holdings:
        if not holding.out:
            sort_in(holding, present)
    keep_free_for_inspection(present)
    return present


def rooms_of(clinic: Clinic) -> dict[int, Room]:
    """A room for each device that is ready or will be after its inspection, without what is out or reserved."""
    last_out = Holding.objects.filter(device=OuterRef("pk"), out__isnull=False).order_by("-out")
    devices = (
        Device.objects.filter(clinic=clinic, condition__in=PLANNABLE)
        .select_for_update(no_key=True, of=("self",))  # locked before, but for one that came in since: the newest
        .order_by("pk")
        .select_related("model")
        .with_counters()
        .annotate(idle_since=Subquery(last_out.values(end=Upper("out"))[:1]))
    )
    rooms = {device.pk: Room(device, device.remaining_treatments, device.remaining_treatments) for device in devices}
    for device_id, patients in earlier_patients(rooms).items():
        rooms[device_id].patients = patients
    for transfer in Transfer.objects.filter(device__in=rooms):  # those that are over too, as the database judges
        rooms[transfer.device_id].busy.append(transfer.away)
    return rooms


def earlier_patients(rooms: dict[int, Room]) -> dict[int, set[int]]:
    """Who has or had each of the devices that are for one patient only (I3)."""
    single = [device_id for device_id, room in rooms.items() if not room.device.model.reuse_permitted]
    had = Holding.objects.filter(device__in=single, out__isnull=False).values_list("device", "rental__patient")
    patients = defaultdict[int, set[int]](set)
    for device_id, patient in had:
        patients[device_id].add(patient)
    return patients


def live_holdings(clinic: Clinic) -> list[Any]:
    """All live holdings of the clinic's rentals, those that start first first, with what each still needs."""
    holdings = Holding.objects.filter(live=True, rental__clinic=clinic)
    rows = holdings.annotate(needed=needed_treatments(), delivered=delivered_treatments(), held_until=held_until())
    rows = rows.select_related("rental__clinic", "rental__patient", "device__model")
    return list(rows.order_by("rental__starts_on", "pk"))


def held_until() -> Case:
    """Of a holding: the first local day on which a device would have been free as its rental held one at the longest;
    null where healing was not confirmed, for only after that is one held for less than until it is due."""
    history = Holding.pgh_event_model.objects.filter(rental=OuterRef("rental"))  # type: ignore[attr-defined]
    longest = history.order_by().values("rental").annotate(until=Max(Upper("blocked"))).values("until")
    return Case(When(rental__healed_on__isnull=False, then=Subquery(longest)), output_field=DateField())


def seat(holding: Any, present: Present, at: datetime) -> None:
    """What is out stays out: until it is expected back, or when that has passed for as long as it is presumed away
    (I11)."""
    rental, room = holding.rental, present.rooms.get(holding.device_id)
    if room is None:
        return
    blocked = away(holding, present.today)
    if blocked.upper > holding.blocked.upper:
        present.growing.append((holding, blocked))
    room.take(blocked, holding.needed, at_pace(holding, present, at))
    room.patients.add(rental.patient_id)


def away(holding: Any, today: date) -> DateRange:
    """The days that a device which is out has to be blocked, as of the local day `today`; never fewer than it is. The
    holding has its `held_until`."""
    if holding.rental.due_on < today:
        days = presumed_away(holding, today)
    elif holding.rental.healed_on:
        days = blocked_while_out(holding, planned_back(holding.rental, today))
    else:
        return cast("DateRange", holding.blocked)
    return DateRange(holding.blocked.lower, max(holding.blocked.upper, days.upper))


def presumed_away(holding: Holding, today: date) -> DateRange:
    """The days an overdue device is blocked: until the presumption from `today` on has passed, and its turnaround."""
    clinic = holding.rental.clinic
    days = clinic.overdue_presumption_days + turnaround_of(holding.device, clinic)
    return DateRange(holding.blocked.lower, today + timedelta(days=days + 1))


def blocked_while_out(holding: Any, until: date) -> DateRange:
    """The days a device is blocked that is out, its patient healed, and expected back on the local day `until`: the way
    by courier and its turnaround included, of no more days than were held for them after the due day.

    The holding has its `held_until`.
    """
    rental, by_courier = holding.rental, holding.delivery == Delivery.COURIER
    days = blocked_days(holding.device, rental.clinic, rental.starts_on, until, courier=by_courier)
    return DateRange(holding.blocked.lower, until + min(days.upper - until, holding.held_until - rental.due_on))


def planned_back(rental: Rental, today: date) -> date:
    """The local day on which the planner expects the device of a rental that is out and not overdue.

    The due day. Where healing was confirmed, the day named for the return, if that is sooner, for as long as that day
    lasts: it may come until the clinic closes. Once it has passed without the device, the due day again.
    """
    if rental.healed_on is None or rental.return_expected_at is None:
        return rental.due_on
    named = rental.clinic.day_of(rental.return_expected_at)
    return rental.due_on if named < today else min(rental.due_on, named)


def at_pace(holding: Any, present: Present, at: datetime) -> int:
    """How many treatments the device will have delivered until it comes back, as fast as the patient has used it;
    0 while too few days have shown a pace."""
    rental = holding.rental
    days_out = (at - rental.handed_over_at).days
    if days_out < DAYS_TO_SEE_A_PACE:
        return 0
    days_left = max((rental.due_on - present.today).days, 0) or present.clinic.overdue_presumption_days
    return ceil(holding.delivered / days_out * days_left)


def sort_in(holding: Any, present: Present) -> None:
    """Whether a reservation stays where it is, floats, or has lost the device that it was pinned to."""
    rental, room = holding.rental, present.rooms.get(holding.device_id)
    need = need_of_reservation(holding, present.today)
    if rental.due_on < present.today:  # nobody came to collect it; it wants no treatment any more
        need = replace(need, accepts_too_few=True)
    blocked = blocked_days_of(holding, room.device, present.today) if room else None
    if room and blocked and stays(holding, room, present) and room.holds(need, blocked):
        room.take(blocked, need.treatments)
        room.patients.add(rental.patient_id)
    elif not rental.pinned:
        present.floating.append(holding)
    elif holding.device_id:
        present.lost.append(holding)


def stays(holding: Any, room: Room, present: Present) -> bool:
    """Whether the planner leaves a reservation alone: it is pinned, was promised too few treatments by a manager, was
    never collected, or begins before the device, not yet inspected, could be given to anybody else."""
    rental = holding.rental
    settled = rental.pinned or bool(rental.capacity_override) or rental.due_on < present.today
    is_quarantined = room.device.condition == Device.Condition.QUARANTINE
    return settled or (is_quarantined and rental.starts_on <= waits_until(room, present))


def waits_until(room: Room, present: Present) -> date:
    """The last day that a device in quarantine needs for its inspection."""
    return present.today + timedelta(days=turnaround_of(room.device, present.clinic))


def keep_free_for_inspection(present: Present) -> None:
    """What waits for its inspection is nobody else's until then."""
    for room in present.rooms.values():
        if room.device.condition == Device.Condition.QUARANTINE:
            room.busy.append(DateRange(present.today, waits_until(room, present) + timedelta(days=1)))
