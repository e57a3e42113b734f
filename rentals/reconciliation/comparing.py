"""How the treatments of a file stand to each other and to what is known: new, known already, in conflict, impossible.

Most devices only go on from what is known; theirs need one look each. The sessions of the others are put in order.
"""

from rentals.reconciliation import clock
from rentals.reconciliation.formats import MOST_REJECTED, Rejected
from rentals.reconciliation.sql import execute, rows, scratch_table

# Two records of one number are the same session when they start this close together.
SAME_SESSION = "interval '2 seconds'"
SAME_SESSION_CORRECTED = "interval '60 seconds'"
# The clock of the device and the true time are read one after the other, by a person perhaps to the minute.
CLOCKS_SEEN_WITHIN = "interval '60 seconds'"


def gather_fresh() -> None:
    """Fill `fresh`: the staged treatments in the order of the file, with the times of the corrected clock.

    `begins`: the first of its device. `in_order`: with a higher number and a later start than the one before it,
    its device standing in one piece. `to_come`: later than its own read-out by the clock seen there.
    """
    execute("DROP TABLE IF EXISTS pg_temp.fresh")
    execute(
        f"""
        CREATE TEMPORARY TABLE fresh ON COMMIT DROP AS
        SELECT line, device_id, read_out_id, counter, n, started, seconds, outcome, code, offset_seconds, clock_unseen,
            corrected AT TIME ZONE 'UTC' AS corrected, to_come, device_before IS DISTINCT FROM first_block AS begins,
            CASE WHEN device_before = first_block THEN n > n_before AND corrected > corrected_before
                ELSE coalesce(first_block > furthest_before, true) END AS in_order
        FROM (
            SELECT *, lag(first_block) OVER () AS device_before, lag(n) OVER () AS n_before,
                lag(corrected) OVER () AS corrected_before,
                max(first_block) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS furthest_before
            FROM (
                SELECT *, started + offset_seconds * interval '1 second' AS corrected
                FROM (
                    SELECT s.line, b.device_id, b.read_out_id, b.counter, b.first_block, s.n, s.started, s.seconds,
                        s.outcome, coalesce(s.code, '') AS code, b.offset_seconds IS NULL AS clock_unseen,
                        coalesce(s.started > b.device_clock + {CLOCKS_SEEN_WITHIN}, false) AS to_come,
                        {clock.offset("b", "s.started")} AS offset_seconds
                    FROM staged s JOIN block b USING (block)
                    WHERE s.n IS NOT NULL AND b.device_id IS NOT NULL
                    OFFSET 0  -- so that each is worked out once
                ) told
                OFFSET 0
            ) told
        ) told
        """
    )
    execute("ANALYZE fresh (device_id, seconds)")


def drop_what_had_not_come() -> list[Rejected]:
    """Take out and name what starts after its own read-out, unless the clock was set back in between.

    That shows in a later number with a start in time, or in an earlier read-out by whose clock it fits.
    """
    dropped = rows(
        f"""
        WITH dropped AS (
            DELETE FROM fresh f USING devices_readout o
            WHERE f.to_come AND o.id = f.read_out_id
                AND f.n > coalesce((
                    SELECT max(l.n) FROM fresh l WHERE l.read_out_id = f.read_out_id AND NOT l.to_come AND l.seconds > 0
                ), 0)
                AND NOT EXISTS (
                    SELECT FROM devices_readout e WHERE e.device_id = f.device_id AND e.read_out_at < o.read_out_at
                        AND f.started - e.device_clock <= o.read_out_at - e.read_out_at + {CLOCKS_SEEN_WITHIN}
                )
            RETURNING f.line, f.n, f.started, o.device_clock
        )
        SELECT * FROM dropped ORDER BY line, n LIMIT %s
        """,
        [MOST_REJECTED + 1],
    )
    return [
        Rejected(
            line,
            f"started {started} of treatment {n} lies after the read-out, where the device showed {device_clock}; "
            "one of the two is wrong.",
        )
        for line, n, started, device_clock in dropped
    ]


def find_tangled() -> None:
    """Fill `tangled`: the devices whose treatments must be compared with each other and with what is known.

    The others only go on: each number is higher and each start later than all before it, known ones included.
    What holds of each neighbour in the file holds of all, whatever the order in which the file was read.
    """
    scratch_table("tangled", "device_id bigint PRIMARY KEY")
    execute(
        """
        INSERT INTO tangled
        SELECT device_id FROM fresh WHERE NOT in_order
        UNION
        SELECT f.device_id FROM fresh f
        WHERE f.begins AND (
            EXISTS (
                SELECT FROM rentals_treatment t
                WHERE t.device_id = f.device_id AND t.seconds > 0 AND t.started_corrected >= f.corrected
            )
            OR EXISTS (
                SELECT FROM devices_allowance a
                WHERE a.device_id = f.device_id AND (a.provisional OR EXISTS (
                    SELECT FROM rentals_treatment t WHERE t.allowance_id = a.id AND t.seconds > 0 AND t.n >= f.n
                ))
            )
        )
        """
    )


def compare_with_known() -> None:
    """Fill `log`: the sessions of the tangled devices, known and new, in order, and how each new one stands.

    `standing`: known, new, duplicate (starts with another of its number), conflict (so too, but of
    another length). `restarts`: the numbers start again here with later starts (I5): the number falls,
    the next one goes on from there, and either the read-out's counter is below the earlier number or
    this number was used before. A device whose clock was set back gives later starts to lower numbers
    too, but neither of these.
    """
    execute("DROP TABLE IF EXISTS pg_temp.log")
    execute(
        f"""
        CREATE TEMPORARY TABLE log ON COMMIT DROP AS
        WITH sessions AS (
            SELECT true AS fresh, line, device_id, read_out_id, counter, n, started, seconds, outcome, code,
                offset_seconds, clock_unseen, corrected
            FROM fresh WHERE seconds > 0 AND device_id IN (SELECT device_id FROM tangled)
            UNION ALL
            SELECT false, NULL, t.device_id, t.read_out_id, r.counter, t.n, t.started_device, t.seconds,
                NULL, NULL, NULL, NULL, t.started_corrected
            FROM rentals_treatment t JOIN devices_readout r ON r.id = t.read_out_id
            WHERE t.seconds > 0 AND t.device_id IN (SELECT device_id FROM tangled)
        ), twins AS (
            SELECT *,
                lag(corrected) OVER twin IS NOT NULL AS number_used_before,
                {starts_with("lag")} AND (fresh OR lag(fresh) OVER twin) AS follows_twin,
                {starts_with("lead")} AND NOT lead(fresh) OVER twin AS precedes_known_twin,
                seconds = lag(seconds) OVER twin AS long_as_before,
                seconds = lead(seconds) OVER twin AS long_as_after
            FROM sessions
            WINDOW twin AS (PARTITION BY device_id, n ORDER BY corrected, fresh, line)
        ), standings AS (
            SELECT *, CASE
                WHEN NOT fresh THEN 'known'
                WHEN follows_twin THEN CASE WHEN long_as_before THEN 'duplicate' ELSE 'conflict' END
                WHEN precedes_known_twin THEN CASE WHEN long_as_after THEN 'duplicate' ELSE 'conflict' END
                ELSE 'new' END AS standing
            FROM twins
        ), neighbours AS (
            SELECT *, lag(n) OVER course AS n_before, lead(n) OVER course AS n_after,
                lag(corrected) OVER course AS corrected_before
            FROM standings
            WINDOW course AS (
                PARTITION BY device_id, standing IN ('duplicate', 'conflict') ORDER BY corrected, n
            )
        )
        SELECT standing, number_used_before, line, device_id, read_out_id, n, started, seconds, outcome, code,
            offset_seconds, clock_unseen, corrected, n_before, corrected_before,
            standing IN ('known', 'new') AND n < n_before AND coalesce(n_after <= n_before, true)
                AND (coalesce(counter < n_before, true) OR number_used_before) AS restarts
        FROM neighbours
        """
    )


def starts_with(neighbour: str) -> str:
    """SQL for "starts together with the lag or lead of its number"."""
    device, corrected = (f"{time} - {neighbour}({time}) OVER twin" for time in ("started", "corrected"))
    return f"""
        coalesce(
            {device} BETWEEN -{SAME_SESSION} AND {SAME_SESSION}
            OR {corrected} BETWEEN -{SAME_SESSION_CORRECTED} AND {SAME_SESSION_CORRECTED}, false
        )
    """
