"""Hires of random courses through some time, and the passes of a scheduler whose clock jumps and which dies: for T9."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from random import Random

from config.models import Clinic, Closure, User
from drills.told import DAY, FOR_EVER, Hire, Site, day_of, moment
from patients.models import Patient
from rentals.agreement import sign
from rentals.booking.book import new_reference
from rentals.ledger import pay
from rentals.models import Rental
from rentals.models.states import State
from tests import make

HOUR = timedelta(hours=1)
DEAD_FOR = 3 * DAY
LONGEST = 75 * DAY  # from a booking to the return
Pass = tuple[datetime, datetime]  # when it is made, and what the clock shows then
Event = tuple[datetime, Callable[[], object]]


@dataclass
class World:
    """Hires, what happens to their rentals when (in order), and the passes of a scheduler (in order)."""

    hires: list[Hire]
    events: list[Event]
    passes: list[Pass]
    jumps: int
    deaths: int


def make_world(
    random: Random, sites: Iterable[Site], span: tuple[date, date], hires: int, special: Sequence[date]
) -> World:
    """So many hires a site, whose sites are made now, in a span whose `special` days the scheduler is dead around."""
    actor = make.manager()
    made, events = [], []
    for site in sites:
        clinic = clinic_of(site, span[0])
        for hire in [random_hire(random, site, span) for _ in range(hires)]:
            made.append(hire)
            events += events_of(hire, clinic, actor)
    passes, deaths = with_deaths(random, passes_of(random, span, special), special)
    jumping, jumps = with_jumps(random, passes)
    return World(made, sorted(events, key=lambda event: event[0]), jumping, jumps, deaths)


def clinic_of(site: Site, first: date) -> Clinic:
    clinic = make.clinic(holiday_region="AU-NSW", at=moment(first, time(0)))
    Clinic.objects.filter(pk=clinic.pk).update(
        reminders_from=site.begins, reminders_until=site.ends, quiet_when_closed=site.quiet_when_closed
    )
    Closure.objects.create(clinic=clinic, first_day=site.closed[0], last_day=site.closed[1], reason="Closed")
    clinic.refresh_from_db()
    return clinic


def random_hire(random: Random, site: Site, span: tuple[date, date]) -> Hire:
    def clock(day: date) -> datetime:
        return moment(day, time(random.randrange(9, 17), random.randrange(60)))

    booked = span[0] + random.randrange((span[1] - span[0] - LONGEST) // DAY + 1) * DAY
    starts_on = booked + random.randrange(1, 15) * DAY
    due_on = starts_on + random.randrange(12, 35) * DAY
    collected = clock(max(booked + DAY, starts_on + random.choice([-2, 0, 0, 0, 0, 1, 3]) * DAY))
    returned = clock(due_on + random.randrange(-5, 20) * DAY)
    hire = Hire(new_reference(), site, clock(booked), starts_on, due_on, collected, returned)
    if random.random() < 0.6:
        hire = replace(hire, signed=hire.booked + random.random() * (collected - hire.booked))
    if random.random() < 0.3:
        hire = replace(hire, healed=collected + random.random() * (returned - collected))
    if random.random() < 0.5:
        hire = replace(hire, imaging_due_on=day_of(collected) + random.randrange(1, 30) * DAY)
    return hire


def events_of(hire: Hire, clinic: Clinic, actor: User) -> list[Event]:
    """What is written when; straight into the rows where a verb would plan a whole fleet."""
    rows = Rental.objects.filter(reference=hire.reference)
    collected = {"state": State.ACTIVE, "handed_over_at": hire.collected, "imaging_due_on": hire.imaging_due_on}
    events: list[Event] = [
        (hire.booked, partial(book, hire, clinic)),
        (hire.signed, lambda: sign_for(rows.get(), hire.signed, actor)),
        (hire.collected, lambda: rows.update(**collected)),
        (hire.collected, lambda: pay_for(rows.get(), hire.collected, actor)),
        (hire.healed, lambda: rows.update(healed_on=day_of(hire.healed))),
        (hire.returned, lambda: rows.update(state=State.RETURNED, returned_at=hire.returned)),
    ]
    return [event for event in events if event[0] < FOR_EVER]


def book(hire: Hire, clinic: Clinic) -> None:
    patient = Patient.objects.create(
        clinic=clinic,
        given_name="Ada",
        family_name="Drill",
        date_of_birth="1990-05-17",
        email=f"{hire.reference.lower()}@patients.example",
        created_at=hire.booked,
    )
    Rental.objects.create(
        reference=hire.reference,
        clinic=clinic,
        patient=patient,
        terms=clinic.current_terms,
        starts_on=hire.starts_on,
        due_on=hire.due_on,
        planned_treatments=14,
        created_at=hire.booked,
    )


def sign_for(rental: Rental, at: datetime, actor: User) -> None:
    sign(rental, name="Ada Drill", accepted_terms_version=rental.terms.version, at=at, actor=actor)


def pay_for(rental: Rental, at: datetime, actor: User) -> None:
    pay(rental, kind="hire", amount=Decimal(100), method="card", at=at, actor=actor)


def passes_of(random: Random, span: tuple[date, date], special: Sequence[date]) -> list[datetime]:
    """Two or three a day, in the night too; on special days and the next ones each quarter of an hour until five."""
    passes = []
    for number in range((span[1] - span[0]).days + 1):
        day = span[0] + number * DAY
        clocks = [time(3, 45), time(8, random.randrange(60))]
        if random.random() < 0.3:
            clocks.append(time(random.randrange(24), random.randrange(60)))
        if day in special or day - DAY in special:
            start = moment(day, time(0))
            passes += [start + quarters * HOUR / 4 for quarters in range(20)]
        passes += [moment(day, clock) for clock in clocks]
    return sorted(set(passes))


def with_deaths(random: Random, passes: list[datetime], special: Sequence[date]) -> tuple[list[datetime], int]:
    """The passes but for those of three days around every other special day, and from some random moments on."""
    days = [moment(day - DAY, time(random.randrange(24))) for day in special[1::2]]
    days += [random.choice(passes) for _ in range(len(passes) // 200)]
    return [at for at in passes if not any(dead <= at < dead + DEAD_FOR for dead in days)], len(days)


def with_jumps(random: Random, passes: list[datetime]) -> tuple[list[Pass], int]:
    """The passes, some followed by another one whose clock is up to two days slow or three days fast."""
    jumps = set(random.sample(range(len(passes)), len(passes) // 25))
    jumping: list[Pass] = []
    for number, at in enumerate(passes):
        jumping.append((at, at))
        if number in jumps:
            jumping.append((at, at + random.uniform(-48, 72) * HOUR))
    return jumping, len(jumps)


def next_of(events: list[Event], now: datetime) -> None:
    """Let happen what does until `now`."""
    while events and events[0][0] <= now:
        events.pop(0)[1]()
