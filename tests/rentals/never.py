"""The invariants as plain SQL, reckoned apart from the code they judge.

Each question of `NEVER` asks for what must not be; `FREE` is what each device has left, less what is promised;
`KEPT` are the records that only ever grow.
"""

from typing import Any

from django.db import connection

NEVER = {
    "I1: two live holdings block one device on one day": """
        SELECT a.device_id FROM rentals_holding a JOIN rentals_holding b ON a.device_id = b.device_id AND a.id < b.id
        WHERE a.live AND b.live AND a.blocked && b.blocked""",
    "I1: a device is in two places at one moment": """
        SELECT a.device_id FROM rentals_holding a JOIN rentals_holding b ON a.device_id = b.device_id AND a.id < b.id
        WHERE a.out && b.out""",
    "I1: a live rental without exactly one live holding, or an ended one with it": """
        SELECT r.id FROM rentals_rental r LEFT JOIN rentals_holding h ON h.rental_id = r.id AND h.live
        GROUP BY r.id HAVING count(h.id) <> CASE WHEN r.state IN ('reserved', 'active') THEN 1 ELSE 0 END""",
    "I1: what is out does not fit the state of the rental": """
        SELECT r.id FROM rentals_rental r JOIN rentals_holding h ON h.rental_id = r.id AND h.live
        WHERE (r.state = 'active') <> coalesce(upper_inf(h.out), false)""",
    "I3: a unit for one patient went to two": """
        SELECT h.device_id FROM rentals_holding h JOIN rentals_rental r ON r.id = h.rental_id
        JOIN devices_device d ON d.id = h.device_id JOIN devices_devicemodel m ON m.id = d.model_id
        WHERE m.reuse_signed_off_at IS NULL AND h.out IS NOT NULL
        GROUP BY h.device_id HAVING count(DISTINCT r.patient_id) > 1""",
    "I3: a device went out again before it had passed an inspection": """
        SELECT h.id FROM rentals_holding h CROSS JOIN LATERAL (
            SELECT upper(out) AS back FROM rentals_holding WHERE device_id = h.device_id AND lower(out) < lower(h.out)
            ORDER BY lower(out) DESC LIMIT 1) before
        -- What a manager has recorded anew went out as it went out; before it was recorded, the device had passed.
        WHERE NOT EXISTS (
            SELECT FROM devices_inspection i WHERE i.device_id = h.device_id AND i.passed
                AND i.at BETWEEN before.back AND greatest(lower(h.out), (
                    SELECT max(m.at) FROM rentals_move m
                    WHERE m.rental_id = h.rental_id AND m.verb = 'correct_device')))""",
    "I4: the moves of a rental do not join up, or end elsewhere than it stands": """
        SELECT rental_id FROM (
            SELECT m.rental_id, m.old_state, m.new_state, r.state,
                lag(m.new_state, 1, '') OVER life AS before, lead(m.id) OVER life IS NULL AS is_last
            FROM rentals_move m JOIN rentals_rental r ON r.id = m.rental_id
            WINDOW life AS (PARTITION BY m.rental_id ORDER BY m.id)) moves
        WHERE old_state <> before OR is_last AND new_state <> state""",
    "I5: a trusted counter went down": """
        SELECT device_id FROM (
            SELECT device_id, counter, lag(counter) OVER (PARTITION BY allowance_id ORDER BY read_at, id) AS before
            FROM devices_reading WHERE trusted) readings
        WHERE counter < before""",
    "I9: a bond is held after the settlement, or less than nothing": """
        SELECT r.id FROM rentals_rental r JOIN rentals_ledgerentry e ON e.rental_id = r.id
        WHERE e.kind IN ('bond_held', 'bond_applied', 'refund_due')
        GROUP BY r.id HAVING sum(e.amount) < 0 OR r.state IN ('closed', 'cancelled') AND sum(e.amount) <> 0""",
    "I9: a bond is held that was not paid": """
        SELECT rental_id FROM rentals_ledgerentry WHERE kind IN ('bond_held', 'bond_payment')
        GROUP BY rental_id HAVING sum(amount) <> 0""",
    "I9: the clinic was paid less than it charged, and owes all the same": """
        SELECT rental_id FROM rentals_ledgerentry GROUP BY rental_id HAVING
            sum(amount) < 0 AND coalesce(sum(amount) FILTER (WHERE kind IN ('hire', 'late_fee', 'fee', 'refund')), 0)
            > -sum(amount) FILTER (WHERE kind IN ('hire_payment', 'fee_payment', 'bond_payment'))""",
}

# Remaining less promised, reckoned apart from rentals.booking.capacity (I2).
FREE = """
    WITH used AS (
        SELECT d.id, coalesce((SELECT r.counter FROM devices_reading r WHERE r.device_id = d.id AND r.trusted
                               ORDER BY r.read_at DESC, r.id DESC LIMIT 1), 0) AS used
        FROM devices_device d
    ), delivered AS (
        SELECT h.rental_id, sum(coalesce(h.used_back, u.used) - h.used_out) AS delivered
        FROM rentals_holding h JOIN used u ON u.id = h.device_id WHERE h.out IS NOT NULL GROUP BY h.rental_id
    ), promised AS (
        SELECT h.device_id, sum(greatest(r.planned_treatments - coalesce(x.delivered, 0), 0)) AS promised
        FROM rentals_holding h JOIN rentals_rental r ON r.id = h.rental_id
        LEFT JOIN delivered x ON x.rental_id = r.id WHERE h.live GROUP BY h.device_id
    )
    SELECT a.device_id, a.nominal_treatments - u.used - coalesce(p.promised, 0)
    FROM devices_allowance a JOIN used u ON u.id = a.device_id LEFT JOIN promised p ON p.device_id = a.device_id"""

KEPT = {
    # That it was read off another device may be found out later, and nothing else.
    "readings": """SELECT id, device_id, counter, read_at, source, replace(flag, 'wrong_device', ''), recorded_at
        FROM devices_reading""",
    "moves": "SELECT id, rental_id, verb, old_state, new_state, at, recorded_at, actor_id FROM rentals_move",
    "entries": "SELECT id, rental_id, kind, amount, method, at FROM rentals_ledgerentry",
}


def rows(question: str, **given: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(question, given or None)
        return cursor.fetchall()


def broken() -> list[str]:
    """The names of the invariants that do not hold now."""
    return [name for name, question in NEVER.items() if rows(question)]
