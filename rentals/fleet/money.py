"""What the fleet earns and costs, AUD."""

from rentals.ledger import HELD_KINDS
from rentals.models import LedgerEntry

Kind = LedgerEntry.Kind
INCOME_KINDS = (Kind.HIRE, Kind.LATE_FEE, Kind.FEE, Kind.PURCHASE, Kind.HIRE_CREDIT)
PARAMETERS = {"income": list(INCOME_KINDS), "held": list(HELD_KINDS), "hire": [Kind.HIRE, Kind.HIRE_CREDIT]}

# What was spent on each device and stands: neither a reversal nor reversed. Of the purchase, and of everything.
SPENT_ON = """
    SELECT e.device_id, min(e.spent_on) AS since, sum(e.amount) AS cost,
        sum(e.amount) FILTER (WHERE e.kind = 'purchase') AS price
    FROM devices_expense e
    WHERE e.reverses_id IS NULL AND NOT EXISTS (SELECT FROM devices_expense back WHERE back.reverses_id = e.id)
    GROUP BY e.device_id
"""

# A reversal counts as its entry's kind, on the day it was made: what was reported once stays as it was.
ROWS = {
    "income": """
        SELECT r.clinic_id, NULL::bigint AS device_id, r.id AS rental_id,
            CASE WHEN wrong.id IS NULL THEN e.kind ELSE wrong.kind || ', reversed' END AS detail,
            (e.at AT TIME ZONE time_zone)::date AS day, e.amount AS number, NULL::numeric AS whole
        FROM hired r JOIN rentals_ledgerentry e ON e.rental_id = r.id
        LEFT JOIN rentals_ledgerentry wrong ON wrong.id = e.reverses_id
        WHERE e.at >= begins AND e.at < ends AND coalesce(wrong.kind, e.kind) = ANY(%(income)s)
    """,
    "bonds_held": """
        SELECT r.clinic_id, NULL::bigint AS device_id, r.id AS rental_id, r.state AS detail, NULL::date AS day,
            sum(e.amount) AS number, NULL::numeric AS whole
        FROM hired r JOIN rentals_ledgerentry e ON e.rental_id = r.id
        LEFT JOIN rentals_ledgerentry wrong ON wrong.id = e.reverses_id
        WHERE coalesce(wrong.kind, e.kind) = ANY(%(held)s)
        GROUP BY r.clinic_id, r.id, r.state HAVING sum(e.amount) <> 0
    """,
    "spent": """
        SELECT u.clinic_id, u.id AS device_id, NULL::bigint AS rental_id,
            e.kind || CASE WHEN e.reverses_id IS NULL THEN '' ELSE ', reversed' END AS detail,
            e.spent_on AS day, e.amount AS number, NULL::numeric AS whole
        FROM unit u JOIN devices_expense e ON e.device_id = u.id
        WHERE e.spent_on BETWEEN %(first)s AND %(last)s
    """,
    "cost_per_treatment": f"""
        SELECT u.clinic_id, u.id AS device_id, NULL::bigint AS rental_id, '' AS detail, spent.since AS day,
            spent.cost AS number, delivered.treatments AS whole
        FROM unit u JOIN ({SPENT_ON}) spent ON spent.device_id = u.id
        CROSS JOIN LATERAL (
            SELECT count(*) AS treatments FROM rentals_treatment t
            WHERE t.device_id = u.id AND t.seconds > 0 AND t.started_corrected <= %(at)s
                AND t.started_corrected >= spent.since::timestamp AT TIME ZONE u.time_zone
        ) delivered
        WHERE u.condition = ANY(%(fleet)s)
    """,
    "hire_against_purchase_percent": f"""
        SELECT u.clinic_id, u.id AS device_id, NULL::bigint AS rental_id, '' AS detail, spent.since AS day,
            earned.hire AS number, spent.price AS whole
        FROM unit u JOIN ({SPENT_ON}) spent ON spent.device_id = u.id AND spent.price > 0
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(e.amount), 0) AS hire
            FROM rentals_holding h JOIN rentals_ledgerentry e ON e.rental_id = h.rental_id
            LEFT JOIN rentals_ledgerentry wrong ON wrong.id = e.reverses_id
            WHERE h.device_id = u.id AND coalesce(wrong.kind, e.kind) = ANY(%(hire)s) AND NOT EXISTS (
                SELECT FROM rentals_holding later
                WHERE later.rental_id = h.rental_id AND later.device_id IS NOT NULL AND later.id > h.id
            )
        ) earned
        WHERE u.condition = ANY(%(fleet)s)
    """,
}
