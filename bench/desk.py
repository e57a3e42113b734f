"""Today's page of a site with 2,000 rentals, against an empty page of the same stack for the same signed-in user.

Both are asked in turn through Django's test client: all middleware, the frame with its counts, PostgreSQL and Valkey as
they are in earnest, but no socket. Fails when the page weighs more than 200 kB.
"""

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from statistics import quantiles
from typing import Any

import pgtrigger
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange, DateTimeTZRange
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from bench import Measurement
from config import urls
from config.clinic_setup import add_user, open_clinic
from config.models import Clinic, User
from devices.models import Device, DeviceModel, Reading
from devices.register import add_device
from patients.models import Patient
from rentals.desk.page import BasePage
from rentals.models import Discrepancy, Holding, LedgerEntry, Message, Rental, StaffTask
from rentals.models.states import State

DAY = timedelta(days=1)
ROUNDS = 200
LARGEST_PAGE = 200_000  # bytes
DEVICES, PATIENTS = 450, 700
CLOSED, OUT, BOOKED, BACK, WAITING, LOST, CANCELLED = 1400, 300, 150, 20, 20, 10, 100  # rentals, 2,000 in all


class EmptyPage(BasePage):
    """What every page has, and nothing else."""

    action = "rentals.read"
    template = "rentals/desk/base.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show()


urlpatterns = [path("empty/", EmptyPage.as_view()), *urls.urlpatterns]


def measure() -> Iterator[Measurement]:
    now = datetime.now(UTC)
    with pgtrigger.ignore():  # which would have each rental begin at its beginning
        user = build(now)
    with override_settings(ROOT_URLCONF="bench.desk"):
        client = Client(SERVER_NAME="localhost", raise_request_exception=True)
        client.force_login(user)
        page = client.get("/").content
        rows = page.count(b'class="what"')
        print(f"    Today's page holds {len(page) / 1000:.0f} kB, {rows} rows", flush=True)
        assert len(page) < LARGEST_PAGE, len(page)
        ours, empty, again = taken_in_turn(
            lambda: client.get("/"),
            lambda: client.get("/empty/"),
            lambda: client.get("/", headers={"HX-Request": "true", "HX-Target": "work"}),
        )
    for share in (50, 95):
        theirs = (f"p{share} of an empty page", percentile(empty, share))
        yield Measurement(f"p{share} of Today's page, 2,000 rentals", percentile(ours, share), *theirs)
        yield Measurement(f"p{share} of Today's page, asked anew", percentile(again, share), *theirs)


def taken_in_turn(*actions: Callable[[], object]) -> list[list[float]]:
    """Seconds of each action, round by round, so that whatever else the machine does falls on all of them."""
    taken: list[list[float]] = [[] for _ in actions]
    for number in range(ROUNDS + 5):
        for action, times in zip(actions, taken, strict=True):
            started = time.perf_counter()
            action()
            if number >= 5:  # the first ones fill caches
                times.append(time.perf_counter() - started)
    return taken


def percentile(times: list[float], share: int) -> float:
    return quantiles(times, n=100)[share - 1]


def build(now: datetime) -> User:
    """A large site on a busy day, each rental by itself as the verbs would have left it."""
    site = open_clinic("Bench", time_zone="Australia/Sydney", at=now)
    open_clinic("Other", time_zone="Australia/Sydney", at=now)
    user, _ = add_user("bench", role=User.Role.MANAGER, clinics=[])
    chance = random.Random(7)  # the same site each time
    devices = make_devices(site, user, now)
    patients = Patient.objects.bulk_create(
        Patient(
            clinic=site, given_name="Ada", family_name=f"Example {number}", date_of_birth=date(1990, 5, 17),
            email=f"ada{number}@patients.example", phone=f"0491 57{number:04}", created_at=now,
        )
        for number in range(PATIENTS)
    )  # fmt: skip
    made = {state: rentals_of(state, number, site, patients, now, chance) for state, number in NUMBERS.items()}
    hold(made, devices, now)
    LedgerEntry.objects.bulk_create(
        LedgerEntry(rental=rental, kind=kind, amount=amount, method=method, at=now, actor=user)
        for rental in made[State.CLOSED]
        for kind, amount, method in (("hire", 280, ""), ("hire_payment", -280 if rental.pk % 40 else -200, "card"))
    )
    make_work(site, made[State.ACTIVE], now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return user


NUMBERS = {
    State.CLOSED: CLOSED,
    State.ACTIVE: OUT,
    State.RESERVED: BOOKED,
    State.RETURNED: BACK,
    State.ENQUIRY: WAITING,
    State.LOST: LOST,
    State.CANCELLED: CANCELLED,
}


def make_devices(site: Clinic, user: User, now: datetime) -> list[Device]:
    model = DeviceModel.objects.create(name="Exogen", part_number="71034200", nominal_treatments=343)
    return [
        add_device(
            serial=f"{number:010}",
            model=model,
            clinic=site,
            condition="ready",
            counter=0,
            at=now - 400 * DAY,
            actor=user,
        )
        for number in range(DEVICES)
    ]


def rentals_of(
    state: str, number: int, site: Clinic, patients: list[Patient], now: datetime, chance: random.Random
) -> list[Rental]:
    """Of those that are out about a tenth is late, and some are due today; of those booked some come today."""
    today = site.day_of(now)
    spans = {State.RESERVED: (0, 30), State.ENQUIRY: (0, 30), State.ACTIVE: (-30, -3)}
    rentals = []
    for one in range(number):
        starts_on = today + DAY * chance.randint(*spans.get(State(state), (-300, -60)))
        was_out = state not in (State.RESERVED, State.ENQUIRY, State.CANCELLED)
        ended = now - DAY if state in (State.CLOSED, State.LOST, State.CANCELLED) else None
        rentals.append(
            Rental(
                reference=f"{state[:3]}{one}", clinic=site, patient=chance.choice(patients), state=state,
                terms=site.current_terms, starts_on=starts_on, due_on=starts_on + 28 * DAY, planned_treatments=28,
                created_at=now - 30 * DAY, handed_over_at=now - 30 * DAY if was_out else None, ended_at=ended,
                returned_at=now - 2 * DAY if state in (State.RETURNED, State.CLOSED) else None,
            )
        )  # fmt: skip
    return Rental.objects.bulk_create(rentals)


def hold(made: dict[Any, list[Rental]], devices: list[Device], now: datetime) -> None:
    """A device for each that is out (read off twice meanwhile), is back or is booked; five of those are at risk."""
    free = iter(devices)
    out, back = made[State.ACTIVE], made[State.RETURNED]
    Holding.objects.bulk_create(
        Holding(
            rental=rental, device=next(free), blocked=DateRange(rental.starts_on, rental.due_on + 3 * DAY),
            out=DateTimeTZRange(now - 30 * DAY, None), counter_out=0, used_out=0,
        )
        for rental in out
    )  # fmt: skip
    returned = [next(free) for _ in back]
    Holding.objects.bulk_create(
        Holding(
            rental=rental, device=device, blocked=DateRange(rental.starts_on, rental.due_on), live=False,
            out=DateTimeTZRange(now - 30 * DAY, now - 2 * DAY), counter_out=0, used_out=0, counter_back=28,
            used_back=28,
        )
        for rental, device in zip(back, returned, strict=True)
    )  # fmt: skip
    Device.objects.filter(pk__in=[device.pk for device in returned]).update(condition="quarantine")
    Holding.objects.bulk_create(
        Holding(
            rental=rental, device=None if number < 5 else next(free, None),
            blocked=DateRange(rental.starts_on, rental.due_on + 3 * DAY),
        )
        for number, rental in enumerate(made[State.RESERVED][:105])
    )  # fmt: skip


def make_work(site: Clinic, out: list[Rental], now: datetime) -> None:
    """Tasks, discrepancies and messages to decide, about rentals that are out."""
    StaffTask.objects.bulk_create(
        StaffTask(
            clinic=site, patient=rental.patient, rental=rental, kind="chase", subject=f"one {rental.pk}",
            words="Phone.", opened_at=now, due_at=now,
        )
        for rental in out[:60]
    )  # fmt: skip
    Discrepancy.objects.bulk_create(
        Discrepancy(
            clinic=site, rental=rental, kind="log_missing", subject=f"one {rental.pk}", why="Two are missing.",
            action="Read it out again.", opened_at=now,
        )
        for rental in out[60:110]
    )  # fmt: skip
    Message.objects.bulk_create(
        Message(patient=rental.patient, created_at=now, next_attempt_at=now, state="failed", why="550 5.1.1")
        for rental in out[110:150]
    )
    Reading.objects.bulk_create(
        Reading(
            device_id=device, allowance_id=allowance, counter=days, read_at=now - (30 - days) * DAY, recorded_at=now,
            trusted=True,
        )
        for device, allowance in Holding.objects.filter(rental__in=out).values_list("device", "device__allowances")
        for days in (7, 14, 25)
    )  # fmt: skip
