"""The timeline page of 200 devices with 400 rentals, against raw SQL whose rows are written down as a bare table."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange, DateTimeTZRange
from django.test import Client

from bench import Measurement
from config.clinic_setup import add_user, open_clinic
from config.models import User
from devices.models import Device, DeviceModel
from devices.register import add_device
from patients.models import Patient
from patients.register import register_patient
from rentals.models import Holding, Rental
from rentals.models.states import State

DEVICES = 200
DAY = timedelta(days=1)
ROWS = """SELECT d.serial, r.reference, r.state, h.blocked, r.starts_on, r.due_on
    FROM devices_device d
    LEFT JOIN rentals_holding h ON h.device_id = d.id AND h.live
    LEFT JOIN rentals_rental r ON r.id = h.rental_id
    ORDER BY d.serial, h.blocked"""


def measure() -> list[Measurement]:
    now = datetime.now(UTC)
    user = build(now)
    client = Client(SERVER_NAME="localhost", raise_request_exception=True)
    client.force_login(user)
    page = str(client.get("/timeline/").content)
    assert page.count('class="part rental') == 2 * DEVICES, page[:2000]
    print(f"    the page holds {len(page) / 1000:.0f} kB", flush=True)
    return [
        Measurement(
            f"the timeline of {DEVICES} devices and {2 * DEVICES} rentals",
            best(lambda: client.get("/timeline/")),
            "raw SQL, its rows as a bare table",
            best(bare_table),
        )
    ]


def build(now: datetime) -> User:
    """Each device is out since last week and reserved again after that."""
    clinic = open_clinic("Bench", time_zone="Australia/Sydney", at=now)
    user, _ = add_user("bench", role=User.Role.MANAGER, clinics=[clinic])
    models = [
        DeviceModel.objects.create(name=f"Exogen {number}", part_number=f"7103{number}", nominal_treatments=343)
        for number in range(4)
    ]
    devices = [
        add_device(
            serial=f"{number:010}", model=models[number % 4], clinic=clinic, condition="ready", counter=0,
            at=now - 30 * DAY, actor=user,
        )
        for number in range(DEVICES)
    ]  # fmt: skip
    patient = register_patient(
        clinic=clinic, given_name="Ada", family_name="Example", date_of_birth=date(1990, 5, 17), at=now, actor=user
    )
    book(patient, devices, -7, now)
    Holding.objects.update(out=DateTimeTZRange(now - 7 * DAY, None), counter_out=0, used_out=0)
    Rental.objects.update(state=State.ACTIVE, handed_over_at=now - 7 * DAY)
    book(patient, devices, 21, now)
    return user


def book(patient: Patient, devices: list[Device], starts: int, now: datetime) -> None:
    """A rental of three weeks on each of `devices`, starting so many days from today and up to six more."""
    today = patient.clinic.day_of(now)
    rentals = [
        Rental(
            reference=f"R{starts + 7}N{number}", clinic=patient.clinic, patient=patient, planned_treatments=21,
            terms=patient.clinic.current_terms, created_at=now, starts_on=today + (starts + number % 7) * DAY,
            due_on=today + (starts + number % 7 + 20) * DAY,
        )
        for number in range(len(devices))
    ]  # fmt: skip
    Rental.objects.bulk_create(rentals)
    Holding.objects.bulk_create(
        Holding(rental=rental, device=device, blocked=DateRange(rental.starts_on, rental.due_on + 2 * DAY))
        for rental, device in zip(rentals, devices, strict=True)
    )


def bare_table() -> str:
    with connection.cursor() as cursor:
        cursor.execute(ROWS)
        rows = "".join(f"<tr>{''.join(f'<td>{value}</td>' for value in row)}</tr>" for row in cursor)
    return f"<table>{rows}</table>"


def best(action: Callable[[], object]) -> float:
    """Seconds that the quickest of ten takes."""
    times = []
    for _ in range(10):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)
