"""The corrected time of each session and pause, worked out from all read-outs of its device (I6).

The read-outs whose clock was seen make a course, in the order of their true moments. Where the clock was off by about
the same at two that follow each other, it drifted in between, and the offset of a time in between lies in between.
Where it was off by more than a clock drifts, somebody set it: a new *era* of the course begins. Inside an era the
device's clock only goes forward, so a device time stands for one moment; which era a session belongs to is told by
its read-out and, where its log shows at which session the clock was set, by that.

Raw records only: read-outs, sessions, pauses, and what a person ruled about a read-out. The work is skipped for
devices whose clock was always off by the same: what their sessions got when they were taken is right.
"""

from collections.abc import Sequence

from rentals.reconciliation import clock
from rentals.reconciliation.sql import execute, rows

# A quartz clock is off by 20 to 60 parts in a million, 2 to 5 seconds a day.
MOST_DRIFT_A_DAY = 5
# Clock and true time are read off one after the other, each perhaps to the minute only.
SEEN_WITHIN = 60
# What home devices are known to drift between two settings; more was set.
MOST_DRIFT = 900

LIMIT = f"least({MOST_DRIFT}, {SEEN_WITHIN} + {MOST_DRIFT_A_DAY} * extract(epoch FROM {{elapsed}}) / 86400)"


def restless(devices: Sequence[int]) -> list[int]:
    """Those of the devices (ids) whose clock was not always off by the same, or about which a person has ruled."""
    found = rows(
        f"""
        SELECT device_id FROM (SELECT device_id, read_out_at, device_clock FROM devices_readout) o
        WHERE device_id = ANY(%(devices)s) AND device_clock IS NOT NULL
        GROUP BY device_id HAVING count(DISTINCT {clock.READ_OUT_OFFSET}) > 1
        UNION
        SELECT o.device_id FROM rentals_clockruling r JOIN devices_readout o ON o.id = r.read_out_id
        WHERE o.device_id = ANY(%(devices)s)
        """,
        {"devices": list(devices)},
    )
    return sorted(device for (device,) in found)


def correct(devices: Sequence[int]) -> list[int]:
    """Write the offsets and corrected times that the read-outs of the devices (ids) tell; returns whose changed.

    The caller holds the transaction and the devices' locks, and lets follow what hangs on a corrected time.
    """
    if not devices:
        return []
    fill_seen(devices)
    fill_placed(devices)
    fill_settings()
    [[last_era]] = rows("SELECT coalesce(max(era), 0) FROM setting")
    for era in range(last_era, 0, -1):
        find_where_set(era)
        move_before(era)
    fill_due()
    return sorted({*write_sessions(), *write_pauses()})


def fill_seen(devices: Sequence[int]) -> None:
    """`seen`: the read-outs of the devices; those that make the course have an era, counted from 0."""
    execute("DROP TABLE IF EXISTS pg_temp.seen")
    execute(
        f"""
        CREATE TEMPORARY TABLE seen ON COMMIT DROP AS
        WITH told AS (
            SELECT o.id, o.device_id, o.read_out_at, o.device_clock, o.counter, c.time_zone,
                ruling.offset_seconds AS ruled,
                {clock.READ_OUT_OFFSET} AS offset_seconds,
                o.device_clock IS NOT NULL AND ruling.offset_seconds IS NULL AS good
            FROM devices_readout o
            JOIN devices_device d ON d.id = o.device_id JOIN config_clinic c ON c.id = d.clinic_id
            LEFT JOIN LATERAL ({clock.LATEST_RULING.format(read_out="o.id")}) ruling ON true
            WHERE o.device_id = ANY(%s)
        ), course AS (
            SELECT *,
                abs(offset_seconds - lag(offset_seconds) OVER course)
                    > {LIMIT.format(elapsed="(read_out_at - lag(read_out_at) OVER course)")} AS was_set
            FROM told WINDOW course AS (PARTITION BY device_id, good ORDER BY read_out_at, id)
        )
        SELECT *, CASE WHEN good THEN
            count(*) FILTER (WHERE was_set) OVER (PARTITION BY device_id, good ORDER BY read_out_at, id) END AS era
        FROM course
        """,
        [list(devices)],
    )
    execute("ANALYZE seen")


# A pause counts from the noon of its first day to the noon of its last.
NOON = "+ time '12:00'"


def fill_placed(devices: Sequence[int]) -> None:
    """`placed`: each device time (a session, the first or the last day of a pause), at first in its read-out's era.

    `own` is what the clock showed at its read-out; `n` is NULL but for sessions that count.
    """
    execute("DROP TABLE IF EXISTS pg_temp.placed")
    execute(
        f"""
        CREATE TEMPORARY TABLE placed ON COMMIT DROP AS
        SELECT s.*, o.era, o.device_clock AS own FROM (
            SELECT 'session' AS kind, id, device_id, read_out_id, CASE WHEN seconds > 0 THEN n END AS n,
                started_device AS shown
            FROM rentals_treatment WHERE device_id = ANY(%(devices)s)
            UNION ALL
            SELECT 'first day', id, device_id, read_out_id, NULL, lower(device_days) {NOON}
            FROM rentals_pause WHERE device_id = ANY(%(devices)s)
            UNION ALL
            SELECT 'last day', id, device_id, read_out_id, NULL, upper(device_days) - 1 {NOON}
            FROM rentals_pause WHERE device_id = ANY(%(devices)s)
        ) s JOIN seen o ON o.id = s.read_out_id
        """,
        {"devices": list(devices)},
    )
    execute("ANALYZE placed")


def fill_settings() -> None:
    """`setting`: each time between two read-outs in which the clock was set, by the era that begins there.

    `ahead` is by how many seconds it was set forward; `at` and `at_n` will be the device time and the number of the
    first session afterwards, where the log shows them.
    """
    execute("DROP TABLE IF EXISTS pg_temp.setting")
    execute(
        """
        CREATE TEMPORARY TABLE setting ON COMMIT DROP AS
        SELECT after.device_id, after.era, after.time_zone,
            before.read_out_at AS since, before.device_clock AS shown_since, before.offset_seconds AS offset_before,
            coalesce(before.counter, 0) AS n_since,
            after.read_out_at AS until, after.device_clock AS shown_until, after.offset_seconds AS offset_after,
            coalesce(after.counter, 2147483646) AS n_until,
            before.offset_seconds - after.offset_seconds AS ahead,
            NULL::timestamp AS at, NULL::integer AS at_n
        FROM seen after
        JOIN LATERAL (
            SELECT * FROM seen b
            WHERE b.device_id = after.device_id AND b.era = after.era - 1 ORDER BY b.read_out_at DESC, b.id DESC LIMIT 1
        ) before ON true
        WHERE after.was_set
        """
    )


def find_where_set(era: int) -> None:
    """Between which two sessions the clock was set, where the log leaves one place only.

    Ahead: only where the device time leaps by that much can it have been, for no session begins before the one
    before it. Back: where a later number has an earlier time. The numbers tell the order, so a counter that was
    reset in the same time hides the place. A step of an hour to or from the clinic's summer time, if nothing better
    is known, was made when the clinic's clocks changed.
    """
    execute(
        """
        UPDATE setting s SET at = found.at, at_n = found.at_n
        FROM (
            SELECT device_id, min(shown) AS at, min(n) AS at_n FROM (
                SELECT s.device_id, s.ahead, t.n + t.rank / 2 AS n, t.shown,
                    extract(epoch FROM t.shown - lag(t.shown) OVER (PARTITION BY s.device_id ORDER BY t.n, t.rank))
                        AS leap
                FROM setting s
                JOIN LATERAL (
                    SELECT n, shown, 1 AS rank FROM placed p
                    WHERE p.device_id = s.device_id AND p.era = s.era AND p.n > s.n_since AND p.n <= s.n_until
                    UNION ALL SELECT s.n_since, s.shown_since, 0
                    UNION ALL SELECT s.n_until, s.shown_until, 2
                ) t ON true
                WHERE s.era = %(era)s AND s.n_since <= s.n_until
            ) log
            WHERE CASE WHEN ahead > 0 THEN leap >= ahead - %(slack)s ELSE leap < 0 END
            GROUP BY device_id HAVING count(*) = 1
        ) found
        WHERE s.device_id = found.device_id AND s.era = %(era)s
        """,
        {"era": era, "slack": SEEN_WITHIN},
    )
    execute(
        f"""
        UPDATE setting s SET at = (
            SELECT min(hour) AT TIME ZONE 'UTC' - s.offset_before * interval '1 second'
            FROM generate_series(date_trunc('hour', s.since), s.until, interval '1 hour') hour
            WHERE (hour AT TIME ZONE s.time_zone) - (hour AT TIME ZONE 'UTC')
                <> (s.since AT TIME ZONE s.time_zone) - (s.since AT TIME ZONE 'UTC')
        )
        WHERE s.era = %(era)s AND s.at IS NULL AND abs(abs(s.ahead) - 3600) <= {LIMIT.format(elapsed="(until - since)")}
            AND sign(s.ahead) = sign(extract(epoch FROM
                (s.until AT TIME ZONE s.time_zone) - (s.until AT TIME ZONE 'UTC')
                - ((s.since AT TIME ZONE s.time_zone) - (s.since AT TIME ZONE 'UTC'))))
        """,
        {"era": era},
    )


# Whether the device time `p` was shown before the clock was set as `s` says. It was not shown after that if it would
# then lie before the read-out before, or after its own; it was not shown before if it would then lie after the
# read-out that saw the clock set. Where both may be, the place in the log decides, and without one the read-out that
# brought it.
SHOWN_BEFORE = f"""
    CASE
        WHEN p.shown + s.offset_after * interval '1 second' <= s.since AT TIME ZONE 'UTC' THEN true
        WHEN p.kind = 'session' AND p.shown > p.own + {SEEN_WITHIN} * interval '1 second' THEN true
        WHEN p.shown > s.shown_since AND p.shown + s.offset_before * interval '1 second' > s.until AT TIME ZONE 'UTC'
            THEN false
        WHEN s.ahead > 0 AND p.shown <= s.shown_since THEN true
        WHEN s.at IS NULL THEN p.shown <= s.shown_since AND p.n <= s.n_since
        WHEN s.ahead > 0 THEN p.shown < s.at
        WHEN s.at_n IS NULL THEN p.shown < s.at
        ELSE p.n < s.at_n
    END
"""


def move_before(era: int) -> None:
    """Move what was shown before the clock was set into the era before."""
    execute(
        f"""
        UPDATE placed p SET era = p.era - 1 FROM setting s
        WHERE s.device_id = p.device_id AND s.era = %s AND p.era = s.era AND {SHOWN_BEFORE}
        """,
        [era],
    )


def fill_due() -> None:
    """`due`: the offset and the method of each device time, by the stretch of its era in which it lies."""
    execute("DROP TABLE IF EXISTS pg_temp.stretch")
    execute(
        """
        CREATE TEMPORARY TABLE stretch ON COMMIT DROP AS
        SELECT o.device_id, o.era, lag(device_clock) OVER era AS shown_since, device_clock AS shown_until,
            coalesce(lag(offset_seconds) OVER era, offset_seconds) AS offset_since, offset_seconds AS offset_until,
            lag(device_clock) OVER era IS NULL AND s.at IS NOT NULL AS set_before
        FROM seen o LEFT JOIN setting s ON s.device_id = o.device_id AND s.era = o.era
        WHERE o.good WINDOW era AS (PARTITION BY o.device_id, o.era ORDER BY o.read_out_at, o.id)
        UNION ALL
        SELECT device_id, era, max(device_clock), NULL,
            (array_agg(offset_seconds ORDER BY read_out_at DESC, id DESC))[1],
            (array_agg(offset_seconds ORDER BY read_out_at DESC, id DESC))[1],
            era < max(max(era)) OVER (PARTITION BY device_id)
        FROM seen WHERE good GROUP BY device_id, era
        """
    )
    execute("ANALYZE stretch")
    execute("DROP TABLE IF EXISTS pg_temp.due")
    execute(
        """
        CREATE TEMPORARY TABLE due ON COMMIT DROP AS
        SELECT DISTINCT ON (p.kind, p.id) p.kind, p.id, p.shown, CASE
                WHEN b.offset_since = b.offset_until THEN b.offset_until
                ELSE round(b.offset_since + (b.offset_until - b.offset_since)
                    * extract(epoch FROM p.shown - b.shown_since) / extract(epoch FROM b.shown_until - b.shown_since))
            END::integer AS offset_seconds,
            CASE WHEN b.offset_since <> b.offset_until THEN 'drift' WHEN b.set_before THEN 'step' ELSE 'constant' END
                AS method
        FROM placed p
        JOIN stretch b ON b.device_id = p.device_id AND b.era = p.era
            AND p.shown > coalesce(b.shown_since, '-infinity') AND p.shown <= coalesce(b.shown_until, 'infinity')
        ORDER BY p.kind, p.id, b.shown_until
        """
    )
    execute(
        f"""
        INSERT INTO due
        SELECT p.kind, p.id, p.shown, coalesce(o.ruled, {clock.offset("o", "p.shown")}),
            CASE WHEN o.ruled IS NULL THEN 'none' ELSE 'ruled' END
        FROM placed p JOIN seen o ON o.id = p.read_out_id WHERE NOT o.good
        """
    )
    execute("ANALYZE due")


def write_sessions() -> list[int]:
    """Write what is due to the sessions; returns the devices of those that changed."""
    changed = rows(
        """
        WITH changed AS (
            UPDATE rentals_treatment t SET offset_seconds = due.offset_seconds, method = due.method,
                started_corrected = (due.shown + due.offset_seconds * interval '1 second') AT TIME ZONE 'UTC'
            FROM due
            WHERE due.kind = 'session' AND due.id = t.id AND (t.offset_seconds, t.method, t.started_corrected)
                IS DISTINCT FROM (due.offset_seconds, due.method,
                    (due.shown + due.offset_seconds * interval '1 second') AT TIME ZONE 'UTC')
            RETURNING t.device_id
        ) SELECT DISTINCT device_id FROM changed
        """
    )
    return [device for (device,) in changed]


def write_pauses() -> list[int]:
    """Write what is due to the pauses; returns the devices of those that changed."""
    day = "((d.shown + d.offset_seconds * interval '1 second') AT TIME ZONE 'UTC' AT TIME ZONE o.time_zone)::date"
    changed = rows(
        f"""
        WITH moved AS (
            SELECT p.id, daterange(min({day}), max({day}), '[]') AS days
            FROM due d JOIN rentals_pause p ON p.id = d.id JOIN seen o ON o.id = p.read_out_id
            WHERE d.kind <> 'session' GROUP BY p.id
        ), changed AS (
            UPDATE rentals_pause p SET days = moved.days FROM moved
            WHERE moved.id = p.id AND p.days <> moved.days RETURNING p.device_id
        ) SELECT DISTINCT device_id FROM changed
        """
    )
    return [device for (device,) in changed]
