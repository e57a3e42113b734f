"""Each frequent question has its own btree, and the constraints' GiST indexes serve only the constraints."""

import json
from datetime import date, timedelta
from types import SimpleNamespace

import pgtrigger
import pytest
from django.db import connection
from django.db.models.functions import Lower

from devices.models import Device, Reading
from patients.models import Patient
from rentals.booking.availability import Need, judged_devices
from rentals.booking.capacity import with_capacity
from rentals.models import Holding, Move, Rental
from tests import make
from tests.shared import shared

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 30)

# Some years of a busy clinic: on few rows any plan is quick.
MANY = [
    """INSERT INTO devices_device (serial, model_id, clinic_id, condition, created_at)
       SELECT 'S' || n, model_id, clinic_id, CASE WHEN mod(n, 10) = 0 THEN 'repair' ELSE 'ready' END, created_at
       FROM devices_device, generate_series(1, 1000) n""",
    """INSERT INTO devices_allowance (device_id, number, cause, began_at, carried_over, counter_at_start, provisional)
       SELECT d.id, n, 'card', d.created_at, 0, 0, false FROM devices_device d, generate_series(2, 3) n""",
    """INSERT INTO devices_reading (device_id, allowance_id, counter, read_at, source, trusted, flag, recorded_at)
       SELECT a.device_id, a.id, n, a.began_at + n * interval '1 day', 'desk', true, '', a.began_at
       FROM devices_allowance a, generate_series(1, 20) n WHERE a.number = 2""",
    """INSERT INTO patients_patient (clinic_id, given_name, family_name, date_of_birth, email, phone, email_reminders,
                                     wants_advice, language, state, external_key, created_at)
       SELECT clinic_id, 'Ada', 'Example ' || n, date '1950-01-01' + n * 7, 'a' || n || '@patients.example', n, true,
           true, 'en', 'active', '', created_at FROM patients_patient, generate_series(1, 3000) n""",
    """INSERT INTO rentals_rental
           (reference, external_reference, clinic_id, patient_id, terms_id, state, starts_on, due_on,
            priority, planned_treatments, prescribed_per_day, pinned, accepts_unknown_capacity, capacity_override,
            pathological_override, healed_imaging, created_at, recorded_from_history, handed_over_at, ended_at)
       SELECT 'R' || p.id, 'E' || p.id, p.clinic_id, p.id, r.terms_id,
           CASE WHEN mod(p.id, 20) = 0 THEN 'active' WHEN mod(p.id, 20) = 1 THEN 'reserved' ELSE 'closed' END,
           r.starts_on + mod(p.id::int, 900), r.due_on + mod(p.id::int, 900), 3, 28, 1, false, false, '', '', '',
           r.created_at + p.id * interval '1 minute', false,
           CASE WHEN mod(p.id, 20) <> 1 THEN r.created_at END, CASE WHEN mod(p.id, 20) > 1 THEN r.created_at END
       FROM rentals_rental r, patients_patient p WHERE p.id <> r.patient_id""",
    """INSERT INTO rentals_holding (rental_id, device_id, live, blocked, out, counter_out, used_out,
                                    parts_out, parts_back, delivery, tracking, notes)
       SELECT r.id, d.id, n = 9, daterange(r.starts_on, r.due_on),
           tstzrange(timestamptz '2026-06-01' + n * interval '1 day', timestamptz '2026-06-02' + n * interval '1 day'),
           0, 0, '{}', '{}', 'desk', '', ''
       FROM (SELECT id, row_number() OVER (ORDER BY id) AS i FROM devices_device) d
       CROSS JOIN generate_series(1, 9) n
       JOIN (SELECT *, row_number() OVER (ORDER BY id) AS j FROM rentals_rental) r ON r.j = (d.i - 1) * 9 + n""",
    """INSERT INTO rentals_move (rental_id, verb, old_state, new_state, at, recorded_at, reason)
       SELECT id, 'inspect', 'returned', state, created_at, created_at, '' FROM rentals_rental""",
]

QUESTIONS = {
    "holding_device_live": lambda one: Holding.objects.filter(device=one.device, live=True).order_by(),
    "holding_device_out": lambda one: (
        Holding.objects.filter(device=one.device)
        .annotate(start=Lower("out"))
        .filter(start__lte=make.NOW)
        .order_by("-start")[:1]
    ),
    "holding_one_live_a_rental": lambda one: Holding.objects.filter(rental=one.pk, live=True).order_by(),
    "reading_device_trusted": lambda one: Reading.objects.filter(device=one.device, trusted=True).order_by(
        "-read_at", "-id"
    )[:1],
    "reading_allowance_trusted": lambda one: (
        Reading.objects.filter(allowance=one.allowance, trusted=True).order_by("-read_at", "-pk").values("counter")[:1]
    ),
    "rental_newest": lambda one: Rental.objects.filter(clinic=one.clinic).order_by("-created_at", "-pk")[:50],
    "rental_clinic_state_due": lambda one: Rental.objects.filter(
        clinic=one.clinic, state="active", due_on__lt=DAY
    ).order_by(),
    "rental_clinic_state_start": lambda one: Rental.objects.filter(
        clinic=one.clinic, state="reserved", starts_on=DAY
    ).order_by(),
    "rental_external_reference_once": lambda one: Rental.objects.filter(
        clinic=one.clinic, external_reference="A-1"
    ).exclude(external_reference=""),
    "patient_clinic_name": lambda one: Patient.objects.filter(clinic=one.clinic).order_by("folded_name")[:50],
    "patient_clinic_birth": lambda one: Patient.objects.filter(clinic=one.clinic, date_of_birth=DAY).order_by(),
    "move_state_at": lambda one: Move.objects.filter(new_state="active", at__gte=make.NOW).order_by(),
}


@shared
def one():
    """One rental of a busy clinic."""
    rental = make.rental("closed")
    device = rental.holdings.get().device
    with connection.cursor() as cursor, pgtrigger.ignore():
        for statement in MANY:
            cursor.execute(statement)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ANALYZE")
    return SimpleNamespace(
        pk=rental.pk,
        clinic=rental.clinic,
        patient=rental.patient,
        device=device,
        allowance=device.allowances.get(number=2),
    )


def indexes_of(queryset):
    """The names of the indexes in the plan of `queryset`."""
    (plan,) = json.loads(queryset.explain(format="json"))
    return set(names_in(plan["Plan"]))


def names_in(node):
    return (part["Index Name"] for part in nodes(node) if "Index Name" in part)


def nodes(node):
    """`node` of a plan and all below it."""
    yield node
    for child in node.get("Plans", []):
        yield from nodes(child)


def test_a_frequent_question_is_answered_from_its_own_btree(one):
    answered = {index: indexes_of(question(one)) for index, question in QUESTIONS.items()}
    assert answered == {index: {index} for index in QUESTIONS}
    assert indexes_of(with_capacity(Device.objects.filter(pk=one.device.pk))) >= {
        "holding_device_live",
        "reading_device_trusted",
    }


def test_one_device_is_judged_without_a_look_at_the_others(one):
    """What a verb asks under the device's lock, however large the fleet is."""
    need = Need(one.clinic, DAY, DAY + timedelta(days=28), 28)
    plan = judged_devices(need, make.NOW).filter(pk=one.device.pk).explain(format="json")
    read_through = {
        node["Relation Name"] for node in nodes(json.loads(plan)[0]["Plan"]) if node["Node Type"] == "Seq Scan"
    }
    assert read_through <= {"devices_devicemodel", "devices_transfer"}  # a handful of rows each
