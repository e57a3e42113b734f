"""Finding a device at a site of 10,000 devices and 100,000 rentals, against raw SQL that finds the same ones.

Both find the devices in the same order with what each has free; ours also counts why the others do not fit.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from statistics import median
from typing import Any

import pgtrigger
from django.db import connection

from bench import Measurement
from config.clinic_setup import add_user, open_clinic
from config.models import Clinic, User
from rentals.booking.availability import MOST_SHOWN, Need, load_devices
from rentals.booking.finding import find_devices
from rentals.booking.sentences import with_sentences

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # Monday noon in Sydney
RUNS = 15

# Some years of a site: ten rentals a device, all closed but the last of three devices in ten. Of those some are
# overdue, some begin later. A few devices are not ready, for one patient only, of unknown capacity, or travel.
BUILD = [
    """INSERT INTO devices_devicemodel (maker, name, part_number, gtin, nominal_treatments, minutes_per_treatment,
           capacity_holder, turnaround_days, reuse_signed_off_by, reuse_signed_off_at, reuse_text)
       SELECT '', 'Exogen ' || n, '7103' || n, '', nullif((ARRAY[343, 343, 250, 150, 0])[n], 0), 20, 'unit',
           CASE WHEN n = 2 THEN 3 END, CASE WHEN n <> 4 THEN 'Dr Example' ELSE '' END,
           CASE WHEN n <> 4 THEN timestamptz '2022-11-01' END, CASE WHEN n <> 4 THEN 'Cleaned.' ELSE '' END
       FROM generate_series(1, 5) n""",
    """INSERT INTO devices_device (serial, model_id, clinic_id, condition, shelf_until, service_due_on, created_at)
       SELECT '1120' || lpad(n::text, 6, '0'), m.id, c.id,
           CASE WHEN mod(n, 17) = 5 THEN (ARRAY['quarantine', 'repair', 'lost', 'retired'])[1 + mod(n, 4)]
               ELSE 'ready' END,
           CASE WHEN mod(n, 50) = 7 THEN date '2026-03-20' END, CASE WHEN mod(n, 3) = 0 THEN date '2026-12-01' END,
           timestamptz '2022-11-01'
       FROM config_clinic c CROSS JOIN generate_series(1, 10000) n
       JOIN devices_devicemodel m ON m.part_number = '7103' || CASE
           WHEN mod(n, 20) = 11 THEN 5 WHEN mod(n, 50) = 13 THEN 4 WHEN mod(n, 4) = 3 THEN 3 ELSE 1 + mod(n, 2) END
       WHERE c.name = 'Bench'""",
    """INSERT INTO devices_allowance (device_id, number, cause, began_at, nominal_treatments, carried_over,
           counter_at_start, provisional)
       SELECT d.id, 1, 'first', d.created_at, m.nominal_treatments, 0, 0, false
       FROM devices_device d JOIN devices_devicemodel m ON m.id = d.model_id""",
    """INSERT INTO devices_transfer (device_id, from_clinic_id, to_clinic_id, away, at, by_id)
       SELECT d.id, f.id, d.clinic_id, CASE WHEN mod(d.id, 10) = 7 THEN daterange('2026-03-01', '2026-03-12')
           ELSE daterange('2024-03-01', '2024-03-04') END, timestamptz '2024-03-01', u.id
       FROM devices_device d, config_clinic f, config_user u WHERE f.name = 'Elsewhere' AND mod(d.id, 100) IN (7, 8)""",
    """INSERT INTO patients_patient (clinic_id, given_name, family_name, date_of_birth, email, phone, email_reminders,
           wants_advice, language, state, external_key, created_at)
       SELECT c.id, 'Ada', 'Example ' || n, date '1950-01-01' + n, 'a' || n || '@patients.example', n, true, true, 'en',
           'active', '', timestamptz '2022-11-01'
       FROM config_clinic c, generate_series(1, 20000) n WHERE c.name = 'Bench'""",
    """CREATE TEMPORARY TABLE course AS
       SELECT row_number() OVER (ORDER BY k, c.id) AS n, c.id AS device_id, c.clinic_id, live, out, treatments, planned,
           starts_on, starts_on + days AS due_on, coalesce(m.turnaround_days, 1) AS turnaround,
           sum(CASE WHEN live THEN 0 ELSE treatments END) OVER (PARTITION BY c.id ORDER BY k) AS used_after
       FROM (
           SELECT d.id, d.model_id, d.clinic_id, k, last.live, NOT (last.live AND mod(d.id, 10) = 2) AS out,
               10 + mod(d.id * 7 + k * 11, 15)::int AS treatments,
               20 + mod(d.id * 3 + k * 5, 20)::int AS planned, 21 + mod(d.id + k, 14)::int AS days,
               CASE WHEN last.live
                   THEN date '2026-02-04' + mod(d.id * 13, 25)::int + CASE mod(d.id, 10) WHEN 2 THEN 46 ELSE 0 END
                   ELSE date '2022-12-01' + k * 113 + mod(d.id * 13, 40)::int END AS starts_on
           FROM devices_device d CROSS JOIN generate_series(0, 9) k
           CROSS JOIN LATERAL (SELECT k = 9 AND d.condition = 'ready' AND mod(d.id, 10) < 3 AS live) last
       ) c JOIN devices_devicemodel m ON m.id = c.model_id""",
    """INSERT INTO rentals_rental
           (reference, external_reference, clinic_id, patient_id, terms_id, state, starts_on, due_on, priority,
            planned_treatments, prescribed_per_day, pinned, accepts_unknown_capacity, capacity_override,
            pathological_override, healed_imaging, created_at, recorded_from_history, handed_over_at, ended_at)
       SELECT 'R' || c.n, '', c.clinic_id, p.first + mod(c.n * 31, 20000), t.id,
           CASE WHEN NOT c.live THEN 'closed' WHEN c.out THEN 'active' ELSE 'reserved' END, c.starts_on, c.due_on, 3,
           c.planned, 1, false, true, '', '', '', c.starts_on - 3, false,
           CASE WHEN c.out THEN c.starts_on + interval '1 hour' END, CASE WHEN NOT c.live THEN c.due_on + 1 END
       FROM course c JOIN config_terms t ON t.clinic_id = c.clinic_id
       CROSS JOIN (SELECT min(id) AS first FROM patients_patient) p""",
    """INSERT INTO rentals_holding (rental_id, device_id, live, blocked, out, counter_out, counter_back, used_out,
           used_back, parts_out, parts_back, delivery, tracking, notes)
       SELECT r.id, c.device_id, c.live, daterange(c.starts_on, c.due_on + c.turnaround + 1),
           CASE WHEN NOT c.live THEN tstzrange(r.handed_over_at, c.due_on + interval '1 hour')
               WHEN c.out THEN tstzrange(r.handed_over_at, NULL) END,
           CASE WHEN NOT c.live THEN used_after - treatments WHEN c.out THEN used_after END,
           CASE WHEN NOT c.live THEN used_after END,
           CASE WHEN NOT c.live THEN used_after - treatments WHEN c.out THEN used_after END,
           CASE WHEN NOT c.live THEN used_after END, '{}', '{}', 'desk', '', ''
       FROM course c JOIN rentals_rental r ON r.reference = 'R' || c.n""",
    """INSERT INTO devices_reading (device_id, allowance_id, counter, read_at, source, trusted, flag, recorded_at)
       SELECT h.device_id, a.id, seen.counter, seen.at, seen.source, true, '', seen.at
       FROM rentals_holding h JOIN devices_allowance a ON a.device_id = h.device_id
       CROSS JOIN LATERAL (VALUES (h.counter_out, lower(h.out), 'hand_over'), (h.counter_back, upper(h.out), 'return'),
           (CASE WHEN h.live THEN h.counter_out + 5 END, lower(h.out) + interval '6 days', 'desk'))
           seen (counter, at, source)
       WHERE seen.counter IS NOT NULL""",
]

RAW = """
WITH here AS (
    SELECT d.id, m.nominal_treatments AS nominal
    FROM devices_device d JOIN devices_devicemodel m ON m.id = d.model_id
    CROSS JOIN LATERAL (SELECT coalesce(m.turnaround_days, %(turnaround)s) AS days) turnaround
    WHERE d.clinic_id = %(clinic)s
        AND (d.condition = 'ready' OR d.condition = 'quarantine' AND %(first)s > %(today)s + turnaround.days)
        AND (d.shelf_until IS NULL OR d.shelf_until >= %(last)s)
        AND (d.service_due_on IS NULL OR d.service_due_on > %(last)s)
        AND NOT EXISTS (SELECT FROM rentals_rental r JOIN rentals_holding h ON h.rental_id = r.id
            WHERE r.clinic_id = %(clinic)s AND r.state = 'active' AND r.due_on < %(today)s
                AND h.live AND h.out IS NOT NULL AND h.device_id = d.id)
        AND NOT EXISTS (SELECT FROM rentals_holding h WHERE h.live AND h.device_id = d.id
            AND h.blocked && daterange(%(first)s, %(last)s + 1 + turnaround.days))
        AND NOT EXISTS (SELECT FROM devices_transfer t WHERE t.device_id = d.id
            AND t.away && daterange(%(first)s, %(last)s + 1 + turnaround.days))
        AND (m.reuse_signed_off_at IS NOT NULL OR NOT EXISTS (SELECT FROM rentals_holding h
            JOIN devices_device one ON one.id = h.device_id JOIN devices_devicemodel single ON single.id = one.model_id
            WHERE single.reuse_signed_off_at IS NULL AND h.device_id = d.id AND (h.live OR h.out IS NOT NULL)))
), remaining AS (
    SELECT here.*, a.nominal_treatments - used.treatments AS treatments, used.treatments AS used
    FROM here
    JOIN LATERAL (SELECT * FROM devices_allowance a WHERE a.device_id = here.id
        ORDER BY a.number DESC LIMIT 1) a ON true
    LEFT JOIN LATERAL (SELECT r.counter FROM devices_reading r WHERE r.allowance_id = a.id AND r.trusted
        ORDER BY r.read_at DESC, r.id DESC LIMIT 1) r ON true
    CROSS JOIN LATERAL (
        SELECT a.carried_over + coalesce(r.counter, a.counter_at_start) - a.counter_at_start AS treatments) used
)
SELECT d.id, d.treatments - coalesce(promised.treatments, 0) AS free
FROM remaining d
LEFT JOIN LATERAL (SELECT sum(greatest(0, r.planned_treatments - coalesce((
            SELECT sum(e.used_back - e.used_out) FROM rentals_holding e
            WHERE e.rental_id = h.rental_id AND NOT e.live AND e.used_back IS NOT NULL), 0)
        - CASE WHEN h.out IS NULL THEN 0 ELSE d.used - h.used_out END))::int AS treatments
    FROM rentals_holding h JOIN rentals_rental r ON r.id = h.rental_id
    WHERE h.device_id = d.id AND h.live) promised ON true
LEFT JOIN LATERAL (SELECT upper(h.out) AS since FROM rentals_holding h
    WHERE h.device_id = d.id AND h.out IS NOT NULL ORDER BY lower(h.out) DESC LIMIT 1) idle ON true
WHERE d.treatments - coalesce(promised.treatments, 0) >= %(treatments)s
ORDER BY free, d.nominal, idle.since NULLS FIRST, d.id"""


def measure() -> list[Measurement]:
    clinic, actor = build()
    need = Need(clinic, date(2026, 3, 9), date(2026, 4, 7), 28)
    found = find_devices(need, at=AT, actor=actor)
    assert list(found.fitting.items()) == raw_sql(need), "both find the same devices in the same order"
    print(f"    {len(found.fitting):,} fit; the others: {found.why_not}", flush=True)
    ways = {
        "raw": lambda: raw_sql(need),
        "found": lambda: find_devices(need, at=AT, actor=actor),
        "shown": lambda: shown(need, actor),
    }
    seconds = timed_in_turn(ways)
    what = "finding a device among 10,000"
    yardstick = "raw SQL that finds the same devices"
    return [
        Measurement(what, seconds["found"], yardstick, seconds["raw"]),
        Measurement(f"{what}, the best {MOST_SHOWN} shown", seconds["shown"], yardstick, seconds["raw"]),
    ]


def build() -> tuple[Clinic, User]:
    clinic = open_clinic("Bench", time_zone="Australia/Sydney", at=AT)
    open_clinic("Elsewhere", time_zone="Australia/Sydney", at=AT)
    actor, _ = add_user("bench", role=User.Role.MANAGER, clinics=[])
    with connection.cursor() as cursor, pgtrigger.ignore():
        for statement in BUILD:
            cursor.execute(statement)
        cursor.execute("DROP TABLE course")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return clinic, actor


def raw_sql(need: Need) -> list[tuple[int, int]]:
    """Ids and free treatments, best first."""
    values = {
        "clinic": need.clinic.pk,
        "turnaround": need.clinic.turnaround_days,
        "first": need.starts_on,
        "last": need.due_on,
        "today": need.clinic.day_of(AT),
        "treatments": need.treatments,
    }
    with connection.cursor() as cursor:
        cursor.execute(RAW, values)
        return cursor.fetchall()


def shown(need: Need, actor: User) -> object:
    """What the API and the desk do: find, then load the best and say why each."""
    found = find_devices(need, at=AT, actor=actor)
    return with_sentences(load_devices(list(found.fitting)[:MOST_SHOWN], need, AT), need, AT)


def timed_in_turn(ways: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The median seconds of each of `ways`, run by turns, so that whatever else the machine does hits them alike."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(RUNS):
        for name, action in ways.items():
            taken[name].append(timed(action))
    return {name: median(seconds) for name, seconds in taken.items()}


def timed(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
