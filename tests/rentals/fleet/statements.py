"""Each figure of the fleet as one plain SQL statement over the tables: the second opinion of the tests.

Written from the definitions and not from our code. The database turns moments into local days here, where the
code under test reckons with the midnights of the clinics. Parameters: `clinics` (ids), `first`, `last`, `at`.
"""

from typing import Any

from django.db import connection

FLEET = "('ready', 'quarantine', 'repair', 'recalled')"

# Of each device of the fleet: what is left (null: unknown) and what live rentals still need of it.
LEFT = f"""
    WITH used AS (
        SELECT DISTINCT ON (a.device_id) a.device_id, a.nominal_treatments,
            a.carried_over - a.counter_at_start + coalesce((
                SELECT r.counter FROM devices_reading r WHERE r.allowance_id = a.id AND r.trusted
                ORDER BY r.read_at DESC, r.id DESC LIMIT 1
            ), a.counter_at_start) AS used
        FROM devices_allowance a ORDER BY a.device_id, a.number DESC
    ),
    needed AS (
        SELECT h.device_id, greatest(r.planned_treatments - coalesce((
            SELECT sum(coalesce(had.used_back, used.used) - had.used_out)
            FROM rentals_holding had JOIN used ON used.device_id = had.device_id
            WHERE had.rental_id = h.rental_id AND had.out IS NOT NULL AND (had.live OR had.used_back IS NOT NULL)
        ), 0), 0) AS treatments
        FROM rentals_holding h JOIN rentals_rental r ON r.id = h.rental_id WHERE h.live
    ),
    fleet AS (
        SELECT d.id, used.nominal_treatments - used.used AS left,
            coalesce((SELECT sum(treatments) FROM needed WHERE needed.device_id = d.id), 0) AS promised
        FROM devices_device d JOIN used ON used.device_id = d.id
        WHERE d.clinic_id = ANY(%(clinics)s) AND d.condition IN {FLEET}
    )
"""

# Every local day of every rental between hand-over and return, with its status.
DAYS = """
    WITH numbers AS (
        SELECT allowance_id, device_id, n, at, logged FROM (
            SELECT allowance_id, device_id, n, started_corrected AS at, true AS logged FROM rentals_treatment
            UNION ALL
            SELECT allowance_id, device_id, counter, read_at, false FROM devices_reading WHERE trusted
        ) seen
    ),
    gaps AS (
        SELECT device_id, at_before, at FROM (
            SELECT *, lag(n) OVER w AS n_before, lag(at) OVER w AS at_before FROM numbers
            WINDOW w AS (PARTITION BY allowance_id ORDER BY n, at)
        ) pairs
        WHERE n - n_before > CASE WHEN logged THEN 1 ELSE 0 END
    ),
    held AS (
        SELECT r.id, r.prescribed_per_day, c.time_zone, c.countable_minutes, h.device_id, h.live,
            lower(h.out) AS since, coalesce(upper(h.out), %(at)s) AS until,
            greatest(lower(h.out), (
                SELECT max(o.read_out_at) FROM devices_readout o WHERE o.device_id = h.device_id
            )) AS known_until
        FROM rentals_rental r
        JOIN config_clinic c ON c.id = r.clinic_id
        JOIN rentals_holding h ON h.rental_id = r.id AND h.out IS NOT NULL
        WHERE r.clinic_id = ANY(%(clinics)s)
    ),
    days AS (
        SELECT rental.*, day::date AS day
        FROM (
            SELECT id, prescribed_per_day, time_zone, countable_minutes, bool_or(live) AS running,
                (min(since) AT TIME ZONE time_zone)::date AS out_on,
                (max(until) AT TIME ZONE time_zone)::date AS back_on
            FROM held GROUP BY 1, 2, 3, 4
        ) rental
        CROSS JOIN LATERAL generate_series(out_on, back_on, interval '1 day') AS day
    ),
    statuses AS (
        SELECT days.*, CASE
            WHEN (
                SELECT count(*) FROM rentals_treatment t
                WHERE t.rental_id = days.id AND (t.started_corrected AT TIME ZONE time_zone)::date = day
                    AND t.seconds > 0 AND t.seconds >= countable_minutes * 60
            ) >= prescribed_per_day THEN 'done'
            WHEN EXISTS (
                SELECT FROM rentals_pause p JOIN held ON held.device_id = p.device_id
                WHERE held.id = days.id AND p.days @> day
                    AND day >= (held.since AT TIME ZONE days.time_zone)::date
                    AND day <= (held.until AT TIME ZONE days.time_zone)::date
            ) THEN 'paused'
            WHEN EXISTS (
                SELECT FROM rentals_treatment t
                WHERE t.rental_id = days.id AND (t.started_corrected AT TIME ZONE time_zone)::date = day
                    AND t.seconds > 0
            ) THEN 'short'
            WHEN day = out_on OR (day = back_on AND NOT running) THEN 'unknown'
            WHEN EXISTS (
                SELECT FROM held
                WHERE held.id = days.id AND held.known_until < held.until
                    AND day >= (held.known_until AT TIME ZONE days.time_zone)::date
                    AND day <= (held.until AT TIME ZONE days.time_zone)::date
            ) THEN 'unknown'
            WHEN EXISTS (
                SELECT FROM gaps JOIN held ON held.device_id = gaps.device_id
                WHERE held.id = days.id AND gaps.at_before < held.until AND gaps.at > held.since
                    AND day >= (gaps.at_before AT TIME ZONE days.time_zone)::date
                    AND day <= (gaps.at AT TIME ZONE days.time_zone)::date
            ) THEN 'unknown'
            ELSE 'none' END AS status
        FROM days
    )
"""

DELIVERED = """
    SELECT count(*) FROM rentals_treatment t
    JOIN devices_device d ON d.id = t.device_id JOIN config_clinic c ON c.id = d.clinic_id
    WHERE c.id = ANY(%(clinics)s) AND t.seconds > 0
        AND (t.started_corrected AT TIME ZONE c.time_zone)::date BETWEEN %(first)s AND %(last)s
"""

# What each device of the fleet was owned and out of the period, as ranges of moments.
SPANS = f"""
    WITH spans AS (
        SELECT d.id, tstzrange(d.created_at, 'infinity')
            * tstzrange(
                %(first)s::timestamp AT TIME ZONE c.time_zone,
                (%(last)s + 1)::timestamp AT TIME ZONE c.time_zone
            )
            * tstzrange('-infinity', %(at)s) AS owned
        FROM devices_device d JOIN config_clinic c ON c.id = d.clinic_id
        WHERE c.id = ANY(%(clinics)s) AND d.condition IN {FLEET}
    )
"""
OWNED = "SELECT extract(epoch FROM sum(upper(owned) - lower(owned))) FROM spans"
OUT = "SELECT extract(epoch FROM sum(upper(h.out * owned) - lower(h.out * owned))) FROM spans JOIN rentals_holding h"

MONEY = """
    SELECT coalesce(sum(e.amount), 0.00) FROM rentals_ledgerentry e
    JOIN rentals_rental r ON r.id = e.rental_id JOIN config_clinic c ON c.id = r.clinic_id
    WHERE c.id = ANY(%(clinics)s)
"""


def count_devices(condition: str) -> str:
    return f"SELECT count(*) FROM devices_device d WHERE clinic_id = ANY(%(clinics)s) AND {condition}"


STATEMENTS = {
    "devices": count_devices(f"condition IN {FLEET}"),
    "out": count_devices(
        f"""condition IN {FLEET} AND EXISTS (
            SELECT FROM rentals_holding h WHERE h.device_id = d.id AND lower(h.out) <= %(at)s AND upper(h.out) IS NULL
        )"""
    ),
    "unknown_capacity": f"{LEFT} SELECT count(*) FROM fleet WHERE fleet.left IS NULL",
    "past_nominal": f"{LEFT} SELECT count(*) FROM fleet WHERE fleet.left < 0",
    "remaining": f"{LEFT} SELECT coalesce(sum(fleet.left) FILTER (WHERE fleet.left > 0), 0) FROM fleet",
    "promised": f"{LEFT} SELECT coalesce(sum(promised) FILTER (WHERE fleet.left IS NOT NULL), 0) FROM fleet",
    "free": f"""
        {LEFT} SELECT coalesce(sum(fleet.left - promised) FILTER (WHERE fleet.left > promised), 0) FROM fleet
    """,
    "overpromised": f"""
        {LEFT} SELECT coalesce(sum(promised - CASE WHEN fleet.left > 0 THEN fleet.left ELSE 0 END)
            FILTER (WHERE promised > fleet.left AND promised > 0), 0) FROM fleet
    """,
    "treatments_delivered": DELIVERED,
    "utilisation_percent": f"""
        {SPANS} SELECT round(100 * coalesce(({OUT} ON h.device_id = spans.id), 0) / nullif(({OWNED}), 0), 1)
    """,
    "adherence_percent": f"""
        {DAYS} SELECT round(100.0 * count(*) FILTER (WHERE status = 'done')
            / nullif(count(*) FILTER (WHERE status IN ('done', 'short', 'none')), 0), 1)
        FROM statuses WHERE day BETWEEN %(first)s AND %(last)s
    """,
    "overdue": """
        SELECT count(*) FROM rentals_rental r JOIN config_clinic c ON c.id = r.clinic_id
        WHERE c.id = ANY(%(clinics)s) AND r.state = 'active' AND r.due_on < (%(at)s AT TIME ZONE c.time_zone)::date
    """,
    "income": f"""
        {MONEY} AND (e.at AT TIME ZONE c.time_zone)::date BETWEEN %(first)s AND %(last)s AND (
            e.kind IN ('hire', 'late_fee', 'fee', 'purchase', 'hire_credit')
            OR e.reverses_id IN (
                SELECT id FROM rentals_ledgerentry
                WHERE kind IN ('hire', 'late_fee', 'fee', 'purchase', 'hire_credit')
            )
        )
    """,
    "bonds_held": f"""
        {MONEY} AND (
            e.kind IN ('bond_held', 'bond_applied', 'refund_due')
            OR e.reverses_id IN (
                SELECT id FROM rentals_ledgerentry WHERE kind IN ('bond_held', 'bond_applied', 'refund_due')
            )
        )
    """,
    "runway_weeks": f"""
        {LEFT} SELECT round(
            CASE WHEN count(fleet.left) > 0
                THEN coalesce(sum(fleet.left - promised) FILTER (WHERE fleet.left > promised), 0)
            END::numeric
            / nullif(({DELIVERED}), 0)
            * (
                SELECT max(least(%(last)s, (%(at)s AT TIME ZONE time_zone)::date)) - %(first)s + 1
                FROM config_clinic WHERE id = ANY(%(clinics)s)
            ) / 7, 1)
        FROM fleet
    """,
}


COUNTS = {
    "by_condition": "SELECT condition, count(*) FROM devices_device WHERE clinic_id = ANY(%(clinics)s) GROUP BY 1",
    "by_availability": f"""
        SELECT CASE
            WHEN d.condition <> 'ready' THEN 'unavailable'
            WHEN h.out IS NOT NULL AND r.due_on < (%(at)s AT TIME ZONE c.time_zone)::date THEN 'overdue'
            WHEN h.out IS NOT NULL THEN 'out'
            WHEN waiting.device_id IS NOT NULL THEN 'reserved'
            ELSE 'available' END, count(*)
        FROM devices_device d JOIN config_clinic c ON c.id = d.clinic_id
        LEFT JOIN rentals_holding h ON h.device_id = d.id AND h.live AND h.out IS NOT NULL
        LEFT JOIN rentals_rental r ON r.id = h.rental_id
        LEFT JOIN (
            SELECT DISTINCT device_id FROM rentals_holding WHERE live AND out IS NULL
        ) waiting ON waiting.device_id = d.id
        WHERE c.id = ANY(%(clinics)s) AND d.condition IN {FLEET} GROUP BY 1
    """,
}


def stated(figure: str, **parameters: Any) -> Any:
    """The one value that the statement of `figure` finds."""
    [[value]] = found(STATEMENTS[figure], parameters)
    return value


def counted(figure: str, **parameters: Any) -> dict[str, int]:
    """How often the statement of `figure` finds each name."""
    return dict(found(COUNTS[figure], parameters))


def found(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()
