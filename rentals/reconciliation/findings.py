"""What there is to find about devices: one query a kind of discrepancy.

Each takes `%(devices)s` and gives subject (which names it among its kind), device_id, rental_id, why (what
happened) and action (what to do), both one sentence. All are worked out from the whole history of the devices,
so that a finding that is not there any more has been explained by later data.
"""

from rentals.reconciliation.attribution import HELD_BY
from rentals.reconciliation.clock import LATEST_RULING, WHAT_IS_WRONG

# What counts as a number seen: a logged session, or a trusted reading of the counter. `missing` numbers lie
# between one and the next; for a reading the number it shows is not logged by that.
NUMBERS = """
    SELECT allowance_id, device_id, n, at, logged, read_out,
        lag(n) OVER course AS n_before, lag(at) OVER course AS at_before,
        n - lag(n) OVER course - CASE WHEN logged THEN 1 ELSE 0 END AS missing,
        max(n) FILTER (WHERE logged) OVER (PARTITION BY allowance_id) AS last_logged
    FROM (
        SELECT allowance_id, device_id, n, started_corrected AS at, true AS logged, false AS read_out
        FROM rentals_treatment WHERE device_id = ANY(%(devices)s)
        UNION ALL
        SELECT allowance_id, device_id, counter, read_at, false, source = 'read_out'
        FROM devices_reading WHERE trusted AND device_id = ANY(%(devices)s)
    ) seen
    WINDOW course AS (PARTITION BY allowance_id ORDER BY n, at)
"""

# Where numbers are missing, or the log ends before the counter. `detect` makes it a scratch table.
GAP = f"SELECT * FROM ({NUMBERS}) numbers WHERE missing > 0 OR (read_out AND n > last_logged)"


def local(moment: str) -> str:
    """SQL for a moment as people at the clinic `c` read it."""
    return f"to_char({moment} AT TIME ZONE c.time_zone, 'FMDD FMMonth YYYY, HH24:MI')"


def held(device: str, moment: str) -> str:
    """SQL for the rental that held the device at the moment."""
    return f"(SELECT h.rental_id FROM rentals_holding h WHERE {HELD_BY.format(device=device, moment=moment)})"


def held_last(device: str, moment: str) -> str:
    """SQL for the rental that held the device at the moment, or last before it."""
    return f"""(
        SELECT h.rental_id FROM rentals_holding h WHERE h.device_id = {device} AND lower(h.out) <= {moment}
        ORDER BY lower(h.out) DESC LIMIT 1
    )"""


NAMED = "JOIN devices_device d ON d.id = {device} JOIN config_clinic c ON c.id = d.clinic_id"

ASK_ABOUT_RESTART = (
    "Its treatments count on from where they were; find out whether the counter was reset, or the card or the unit "
    "replaced, and say so on the page of the device."
)
READ_AGAIN = "Look at the screen again and record what it shows; or trust this value, if it is found to be right."

# A reading that went down, seen from the one just before it; one that began a provisional allowance too.
WENT_DOWN = """
    SELECT r.id, r.device_id, r.allowance_id, r.counter, r.read_at, r.counter_before, a.provisional
    FROM (
        SELECT *, lag(counter) OVER (PARTITION BY device_id ORDER BY read_at, id) AS counter_before
        FROM devices_reading WHERE device_id = ANY(%(devices)s)
    ) r
    JOIN devices_allowance a ON a.id = r.allowance_id
    WHERE r.flag = 'counter_down' AND r.counter < r.counter_before AND (NOT r.trusted OR a.provisional)
        AND NOT (a.provisional AND EXISTS (
            SELECT FROM rentals_discrepancy known
            WHERE known.kind = 'counter_down' AND known.subject = 'allowance ' || r.allowance_id
        ))
"""

COUNTER_DOWN = f"""
    SELECT 'reading ' || r.id AS subject, r.device_id, {held("r.device_id", "r.read_at")} AS rental_id,
        format('The counter of device %%s showed %%s on %%s, after %%s before.',
            d.serial, r.counter, {local("r.read_at")}, r.counter_before) AS why,
        CASE WHEN r.provisional
            THEN '{ASK_ABOUT_RESTART}'
            ELSE '{READ_AGAIN}'
        END AS action
    FROM ({WENT_DOWN}) r {NAMED.format(device="r.device_id")}
    UNION ALL
    SELECT 'allowance ' || a.id, a.device_id, {held("a.device_id", "a.began_at")},
        format('The treatment numbers of device %%s start again on %%s.', d.serial, {local("a.began_at")}),
        '{ASK_ABOUT_RESTART}'
    FROM devices_allowance a {NAMED.format(device="a.device_id")}
    WHERE a.provisional AND a.device_id = ANY(%(devices)s)
        AND NOT EXISTS (SELECT FROM ({WENT_DOWN}) r WHERE r.allowance_id = a.id)
"""

COUNTER_JUMP = f"""
    SELECT 'reading ' || r.id AS subject, r.device_id, {held("r.device_id", "r.read_at")} AS rental_id,
        format('The counter of device %%s showed %%s on %%s, more than it can have delivered by then.',
            d.serial, r.counter, {local("r.read_at")}) AS why,
        '{READ_AGAIN}' AS action
    FROM devices_reading r {NAMED.format(device="r.device_id")}
    WHERE r.flag = 'counter_jump' AND NOT r.trusted AND r.device_id = ANY(%(devices)s)
"""

# Together for each time between two rentals, named by the rental before.
USAGE_OUTSIDE_RENTAL = f"""
    SELECT format('device %%s after rental %%s', t.device_id, coalesce(t.last_rental::text, '-')) AS subject,
        t.device_id, NULL::bigint AS rental_id,
        format('Device %%s was used %%s time%%s while nobody had it, first on %%s%%s.', d.serial, t.sessions,
            CASE WHEN t.sessions > 1 THEN 's' ELSE '' END, {local("t.first_start")},
            coalesce(', after rental ' || r.reference || ' had ended', '')) AS why,
        'Find out who used it; if it was out, correct the time of the hand-over or the return.' AS action
    FROM (
        SELECT t.device_id, {held_last("t.device_id", "t.started_corrected")} AS last_rental,
            count(*) AS sessions, min(t.started_corrected) AS first_start
        FROM rentals_treatment t
        WHERE t.rental_id IS NULL AND t.seconds > 0 AND t.device_id = ANY(%(devices)s)
        GROUP BY 1, 2
    ) t
    {NAMED.format(device="t.device_id")}
    LEFT JOIN rentals_rental r ON r.id = t.last_rental
"""

# Rentals whose treatments can come from the devices, now or before the last change of a hand-over or a return.
HAD_BY = "SELECT rental_id FROM rentals_holding WHERE device_id = ANY(%(devices)s) AND out IS NOT NULL"

# About the rental, so over all its devices; named with the device of the first such day.
OVER_PRESCRIBED = f"""
    SELECT 'rental ' || r.id AS subject, (array_agg(t.device_id ORDER BY t.day))[1] AS device_id, r.id AS rental_id,
        format('On %%s day%%s of rental %%s there were more treatments than the %%s prescribed a day, first on %%s.',
            count(*), CASE WHEN count(*) > 1 THEN 's' ELSE '' END, r.reference, r.prescribed_per_day,
            to_char(min(t.day), 'FMDD FMMonth YYYY')) AS why,
        'Ask the patient; the days count once, but the treatments are used up sooner.' AS action
    FROM (
        SELECT t.rental_id, (array_agg(t.device_id ORDER BY t.started_corrected, t.id))[1] AS device_id,
            count(*) AS sessions, (t.started_corrected AT TIME ZONE c.time_zone)::date AS day
        FROM rentals_treatment t
        JOIN rentals_rental r ON r.id = t.rental_id JOIN config_clinic c ON c.id = r.clinic_id
        WHERE t.seconds > 0 AND t.rental_id IN ({HAD_BY})
        GROUP BY t.rental_id, day
    ) t
    JOIN rentals_rental r ON r.id = t.rental_id
    WHERE t.sessions > r.prescribed_per_day
    GROUP BY r.id
"""

LOG_MISSING = f"""
    SELECT format('allowance %%s after %%s', g.allowance_id, g.n_before) AS subject, g.device_id,
        coalesce({held("g.device_id", "g.at")}, {held_last("g.device_id", "g.at")}) AS rental_id,
        format('The log of device %%s lacks %%s treatment%%s, numbers %%s to %%s, of the time from %%s to %%s.',
            d.serial, g.missing, CASE WHEN g.missing > 1 THEN 's' ELSE '' END, g.n_before + 1, g.n_before + g.missing,
            {local("g.at_before")}, {local("g.at")}) AS why,
        'Read the device out again; until then the days without a record are unknown.' AS action
    FROM gap g {NAMED.format(device="g.device_id")}
    WHERE g.missing > 0 AND g.n_before < g.last_logged
"""

# At the end of the log: no later number shows the gap.
COUNTER_LOG_MISMATCH = f"""
    SELECT format('allowance %%s at %%s', g.allowance_id, g.last_logged) AS subject, g.device_id,
        {held_last("g.device_id", "g.at")} AS rental_id,
        format('Device %%s showed %%s treatments at its read-out on %%s, but its log ends with number %%s.',
            d.serial, g.n, {local("g.at")}, g.last_logged) AS why,
        'Read the device out again; if the log stays short, note the counter as right or wrong.' AS action
    FROM (
        SELECT DISTINCT ON (allowance_id) * FROM gap
        WHERE read_out AND n > last_logged
        ORDER BY allowance_id, n DESC, at
    ) g
    {NAMED.format(device="g.device_id")}
"""

# The session that went past the nominal number; where none is logged, the reading that did.
PAST_NOMINAL = f"""
    SELECT 'allowance ' || a.id AS subject, a.device_id, s.rental_id,
        format('Device %%s has delivered more than its nominal %%s treatments, the first beyond on %%s.',
            d.serial, a.nominal_treatments, {local("s.at")}) AS why,
        'Plan its replacement; what it delivers from here on is not assured.' AS action
    FROM devices_allowance a
    {NAMED.format(device="a.device_id")}
    JOIN LATERAL (
        SELECT at, rental_id FROM (
            SELECT t.started_corrected AS at, t.rental_id, 1 AS rank, t.n FROM rentals_treatment t
            WHERE t.allowance_id = a.id AND t.seconds > 0
                AND a.carried_over + t.n - a.counter_at_start > a.nominal_treatments
            UNION ALL
            SELECT r.read_at, {held_last("r.device_id", "r.read_at")}, 2, r.counter FROM devices_reading r
            WHERE r.allowance_id = a.id AND r.trusted
                AND a.carried_over + r.counter - a.counter_at_start > a.nominal_treatments
        ) beyond
        ORDER BY rank, n, at LIMIT 1
    ) s ON true
    WHERE a.nominal_treatments IS NOT NULL AND a.device_id = ANY(%(devices)s)
"""

CLOCK_IN_DOUBT = f"""
    SELECT 'read-out ' || o.id AS subject, o.device_id, {held_last("o.device_id", "o.read_out_at")} AS rental_id,
        format('The clock of device %%s showed %%s at its read-out on %%s: %%s.', d.serial,
            to_char(o.device_clock, 'FMDD FMMonth YYYY, HH24:MI'), {local("o.read_out_at")}, told.wrong) AS why,
        'Set the clock of the device; its times are corrected by the difference seen at this read-out.' AS action
    FROM devices_readout o {NAMED.format(device="o.device_id")}
    CROSS JOIN LATERAL ({WHAT_IS_WRONG}) told
    LEFT JOIN LATERAL ({LATEST_RULING.format(read_out="o.id")}) ruling ON true
    WHERE o.device_id = ANY(%(devices)s) AND ruling.offset_seconds IS NULL
"""

# About time that has passed, so it is looked for by the clock too: nothing was heard of a device that is out since the
# hand-over, the last reading or the last read-out. `%(devices)s` may be NULL here, for all.
SILENT_DEVICE = f"""
    SELECT 'holding ' || h.id AS subject, h.device_id, h.rental_id,
        format('Device %%s is out with rental %%s, and nothing has been heard of it since %%s.',
            d.serial, r.reference, {local("heard.at")}) AS why,
        'Have it read out, or ask the patient what its screen shows and record that.' AS action
    FROM rentals_holding h
    JOIN rentals_rental r ON r.id = h.rental_id
    {NAMED.format(device="h.device_id")}
    CROSS JOIN LATERAL (
        SELECT greatest(
            lower(h.out),
            (SELECT max(read_at) FROM devices_reading WHERE device_id = h.device_id AND flag <> 'wrong_device'),
            (SELECT max(read_out_at) FROM devices_readout WHERE device_id = h.device_id)
        ) AS at
    ) heard
    WHERE h.live AND upper_inf(h.out) AND r.state = 'active'
        AND heard.at <= %(at)s - c.silent_after_days * interval '1 day'
        AND (%(devices)s::bigint[] IS NULL OR h.device_id = ANY(%(devices)s))
"""

FINDINGS = {
    "counter_down": COUNTER_DOWN,
    "counter_jump": COUNTER_JUMP,
    "usage_outside_rental": USAGE_OUTSIDE_RENTAL,
    "over_prescribed": OVER_PRESCRIBED,
    "log_missing": LOG_MISSING,
    "counter_log_mismatch": COUNTER_LOG_MISMATCH,
    "past_nominal": PAST_NOMINAL,
    "clock_in_doubt": CLOCK_IN_DOUBT,
}
