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


def in_the_period(moment: str) -> str:
    """Whether its local day at the clinic `c` lies in the period."""
    return f"({moment} AT TIME ZONE c.time_zone)::date BETWEEN %(first)s AND %(last)s"


# What was booked in the period up to now and not cancelled since.
BOOKED = f"""
    WITH booked AS (
        SELECT r.planned_treatments, r.due_on - r.starts_on + 1 + c.turnaround_days AS days
        FROM rentals_rental r JOIN config_clinic c ON c.id = r.clinic_id
        WHERE c.id = ANY(%(clinics)s) AND r.state <> 'cancelled' AND r.created_at <= %(at)s
            AND {in_the_period("r.created_at")}
    )
"""

# For how many weeks treatments and devices suffice at that pace, and what half a year takes beside them.
RUNWAY = f"""
    {LEFT}, {BOOKED.strip().removeprefix("WITH ")},
    serving AS (
        SELECT fleet.*, d.condition, m.nominal_treatments AS nominal, m.capacity_holder = 'card' AS by_card
        FROM fleet JOIN devices_device d USING (id) JOIN devices_devicemodel m ON m.id = d.model_id
        WHERE d.condition IN ('ready', 'quarantine')
    ),
    pace AS (
        SELECT nullif(count(booked.days), 0)::numeric / nullif(weeks, 0) AS rentals,
            sum(planned_treatments)::numeric / nullif(weeks, 0) AS treatments, avg(days) / 7 AS weeks_each
        FROM (
            SELECT greatest(max(least(%(last)s, (%(at)s AT TIME ZONE time_zone)::date)) - %(first)s + 1, 0)
                / 7::numeric AS weeks
            FROM config_clinic WHERE id = ANY(%(clinics)s)
        ) period LEFT JOIN booked ON true GROUP BY weeks
    ),
    held AS (
        SELECT lower(h.blocked) - (%(at)s AT TIME ZONE c.time_zone)::date AS since,
            CASE WHEN h.out IS NOT NULL THEN greatest(upper(h.blocked) - (%(at)s AT TIME ZONE c.time_zone)::date, 1)
                ELSE upper(h.blocked) - (%(at)s AT TIME ZONE c.time_zone)::date END AS until
        FROM rentals_holding h JOIN rentals_rental r ON r.id = h.rental_id JOIN config_clinic c ON c.id = r.clinic_id
        WHERE c.id = ANY(%(clinics)s) AND h.live
            AND (h.device_id IS NULL OR h.device_id IN (
                SELECT id FROM devices_device WHERE condition IN ('ready', 'quarantine')
            ))
    ),
    wanted AS (
        SELECT week, (SELECT count(*) FROM held WHERE since <= 7 * week AND until > 7 * week)
            + rentals * least(week, weeks_each) AS devices
        FROM pace, generate_series(0, 52) AS week
    ),
    runway AS (
        SELECT (SELECT sum(greatest(serving.left, 0, promised) - promised)
                FROM serving WHERE serving.left IS NOT NULL)::numeric / nullif(treatments, 0) AS treatments,
            (SELECT min(week) FROM wanted WHERE devices > (SELECT count(*) FROM serving)) AS devices
        FROM pace
    ),
    units AS (
        SELECT ceil(greatest(max(devices) - (SELECT count(*) FROM serving), 0)) AS units
        FROM wanted WHERE week <= 26
    ),
    to_buy AS (
        SELECT units, coalesce(
                ceil(
                    greatest(pace.treatments * 26 - free.treatments - units * each.one, 0)
                    / coalesce(each.card, each.one)
                ), 0
            ) AS more, each.card IS NOT NULL AS cards
        FROM pace, units, (SELECT avg(nominal) AS one, avg(nominal) FILTER (WHERE by_card) AS card FROM serving) each,
            (SELECT sum(greatest(serving.left, 0, promised) - promised) FILTER (WHERE serving.left IS NOT NULL)
                AS treatments FROM serving) free
        WHERE pace.rentals > 0
    )
"""

# From the return to the first inspection passed, unless it was handed over before that; by the day of the inspection.
READY = f"""
    SELECT days FROM (
        SELECT h.id, extract(epoch FROM min(i.at) - upper(h.out)) / 86400 AS days, min(i.at) AS at, d.clinic_id
        FROM rentals_holding h JOIN devices_device d ON d.id = h.device_id
        JOIN devices_inspection i ON i.device_id = d.id AND i.passed AND i.at >= upper(h.out)
        GROUP BY h.id, h.out, d.clinic_id, d.id
        HAVING min(i.at) <= coalesce((
            SELECT min(lower(next.out)) FROM rentals_holding next
            WHERE next.device_id = d.id AND lower(next.out) >= upper(h.out)
        ), 'infinity')
    ) ready JOIN config_clinic c ON c.id = ready.clinic_id
    WHERE c.id = ANY(%(clinics)s) AND {in_the_period("ready.at")}
"""

LEFT_THE_FLEET = f"""
    SELECT (
        SELECT count(*) FROM rentals_move m JOIN rentals_rental r ON r.id = m.rental_id
        JOIN config_clinic c ON c.id = r.clinic_id
        WHERE c.id = ANY(%(clinics)s) AND m.new_state = '{{state}}' AND m.old_state = 'active'
            AND {in_the_period("m.at")}
    ) + (
        SELECT count(*) FROM devices_conditionchange x JOIN devices_device d ON d.id = x.device_id
        JOIN config_clinic c ON c.id = d.clinic_id
        WHERE c.id = ANY(%(clinics)s) AND x.after = '{{state}}' AND {in_the_period("x.at")}
    )
"""

# Expenses that were neither reversed nor reverse one.
STANDS = """
    WITH stands AS (
        SELECT * FROM devices_expense WHERE reverses_id IS NULL AND id NOT IN (
            SELECT reverses_id FROM devices_expense WHERE reverses_id IS NOT NULL
        )
    )
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
    "stranded": f"""
        {LEFT}, usual AS (
            SELECT clinic_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY planned_treatments) AS treatments
            FROM rentals_rental
            WHERE state NOT IN ('cancelled') AND created_at <= %(at)s AND created_at > %(at)s - interval '365 days'
            GROUP BY 1
        ),
        seen AS (
            SELECT id AS device_id, created_at AS at FROM devices_device
            UNION ALL SELECT device_id, at FROM devices_inspection
            UNION ALL SELECT device_id, at FROM devices_conditionchange
            UNION ALL SELECT device_id, lower(out) FROM rentals_holding WHERE out IS NOT NULL
            UNION ALL SELECT device_id, upper(out) FROM rentals_holding WHERE out IS NOT NULL
            UNION ALL
            SELECT device_id, at FROM devices_recall JOIN devices_recall_devices ON recall_id = devices_recall.id
        )
        SELECT coalesce(sum(fleet.left - promised), 0)
        FROM fleet JOIN devices_device d USING (id) LEFT JOIN usual USING (clinic_id)
        WHERE fleet.left > promised AND (
            fleet.left - promised < usual.treatments OR d.condition <> 'ready' AND %(at)s - interval '30 days' >= (
                SELECT max(at) FROM seen WHERE device_id = d.id
            )
        )
    """,
    "bookings": f"{BOOKED} SELECT count(*) FROM booked",
    "treatments_booked": f"{BOOKED} SELECT coalesce(sum(planned_treatments), 0) FROM booked",
    "runway_treatments_weeks": f"{RUNWAY} SELECT round(treatments, 1) FROM runway",
    "runway_devices_weeks": f"{RUNWAY} SELECT devices::numeric FROM runway",
    "runway_weeks": f"{RUNWAY} SELECT round(least(treatments, devices), 1) FROM runway",
    "units_to_buy": f"{RUNWAY} SELECT max(units + CASE WHEN cards THEN 0 ELSE more END) FROM to_buy",
    "cards_to_order": f"{RUNWAY} SELECT max(CASE WHEN cards THEN more ELSE 0 END) FROM to_buy",
    "buy_by": f"""
        {RUNWAY} SELECT max(floor(7 * least(treatments, devices)))::int + (
                SELECT max((%(at)s AT TIME ZONE time_zone)::date) FROM config_clinic WHERE id = ANY(%(clinics)s)
            )
        FROM runway, to_buy WHERE units + more > 0
    """,
    **{
        name: f"""
            SELECT count(*) FROM rentals_rental r JOIN config_clinic c ON c.id = r.clinic_id
            WHERE c.id = ANY(%(clinics)s) AND r.state = 'active'
                AND (%(at)s AT TIME ZONE c.time_zone)::date BETWEEN r.due_on + {low} AND r.due_on + {high}
        """
        for name, low, high in (
            ("overdue_1_to_3", 1, 3),
            ("overdue_4_to_7", 4, 7),
            ("overdue_8_to_14", 8, 14),
            ("overdue_15_on", 15, 10000),
        )
    },
    **{
        name: f"SELECT round(percentile_cont({part}) WITHIN GROUP (ORDER BY days)::numeric, 1) FROM ({READY}) x"
        for name, part in (("turnaround_median", 0.5), ("turnaround_ninetieth", 0.9))
    },
    "discrepancies_opened": f"""
        SELECT count(*) FROM rentals_discrepancy x JOIN config_clinic c ON c.id = x.clinic_id
        WHERE c.id = ANY(%(clinics)s) AND {in_the_period("x.opened_at")}
    """,
    "discrepancies_closed": f"""
        SELECT count(*) FROM rentals_discrepancy x JOIN config_clinic c ON c.id = x.clinic_id
        WHERE c.id = ANY(%(clinics)s) AND {in_the_period("x.closed_at")}
    """,
    **{name: LEFT_THE_FLEET.format(state=name) for name in ("lost", "kept", "retired")},
    "spent": """
        SELECT coalesce(sum(amount), 0.00) FROM devices_expense e JOIN devices_device d ON d.id = e.device_id
        WHERE d.clinic_id = ANY(%(clinics)s) AND e.spent_on BETWEEN %(first)s AND %(last)s
    """,
    "cost_per_treatment": f"""
        {STANDS} SELECT round(sum(e.amount) / nullif((
            SELECT count(*) FROM rentals_treatment t JOIN (
                SELECT device_id, min(spent_on) AS since FROM stands GROUP BY 1
            ) first USING (device_id)
            JOIN devices_device d ON d.id = t.device_id JOIN config_clinic c ON c.id = d.clinic_id
            WHERE d.clinic_id = ANY(%(clinics)s) AND d.condition IN {FLEET} AND t.seconds > 0
                AND t.started_corrected <= %(at)s
                AND (t.started_corrected AT TIME ZONE c.time_zone)::date >= first.since
        ), 0), 2)
        FROM stands e JOIN devices_device d ON d.id = e.device_id
        WHERE d.clinic_id = ANY(%(clinics)s) AND d.condition IN {FLEET}
    """,
    "hire_against_purchase_percent": f"""
        {STANDS}, bought AS (
            SELECT e.device_id, sum(e.amount) AS price FROM stands e JOIN devices_device d ON d.id = e.device_id
            WHERE e.kind = 'purchase' AND d.clinic_id = ANY(%(clinics)s) AND d.condition IN {FLEET} GROUP BY 1
        )
        SELECT round(100 * (
            SELECT coalesce(sum(e.amount), 0) FROM rentals_ledgerentry e
            WHERE (
                e.kind IN ('hire', 'hire_credit')
                OR e.reverses_id IN (SELECT id FROM rentals_ledgerentry WHERE kind IN ('hire', 'hire_credit'))
            ) AND (
                SELECT h.device_id FROM rentals_holding h
                WHERE h.rental_id = e.rental_id AND h.device_id IS NOT NULL ORDER BY h.id DESC LIMIT 1
            ) IN (SELECT device_id FROM bought)
        ) / (SELECT sum(price) FROM bought), 1)
    """,
}


COUNTS = {
    "adherence_bands": f"""
        {DAYS} SELECT CASE WHEN part < 0.5 THEN 'adherence_under_50' WHEN part < 0.8 THEN 'adherence_50_to_79'
            WHEN part < 0.9 THEN 'adherence_80_to_89' ELSE 'adherence_from_90' END, count(*)
        FROM (
            SELECT count(*) FILTER (WHERE status = 'done')::numeric / count(*) AS part FROM statuses
            WHERE day BETWEEN %(first)s AND %(last)s AND status IN ('done', 'short', 'none') GROUP BY id
        ) rental GROUP BY 1
    """,
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
