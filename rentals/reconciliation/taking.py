"""Taking staged usage data: each good record once, each bad one named (I5, I6, I7).

Set-based SQL in one transaction, after the devices' rows are locked. The steps share temporary tables:
`staged` (the file's records), `block` (its read-outs), `log` (all sessions of the devices, known and
new) and `span` (which allowance counted when).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from config.models import User
from rentals.deciding import lock_devices
from rentals.models import UsageImport
from rentals.reconciliation import allowances, clock, discrepancies, readings
from rentals.reconciliation.attribution import HELD_BY
from rentals.reconciliation.formats import STAGED, Rejected
from rentals.reconciliation.reconcile import correct_taken
from rentals.reconciliation.sql import execute, rows, scratch_table

MOST_REJECTED = 10_000
# Two records of one number are the same session when they start this close together.
SAME_SESSION = "interval '2 seconds'"
SAME_SESSION_CORRECTED = "interval '60 seconds'"


@dataclass(frozen=True)
class Taken:
    """What became of the records of one import; treatments and pauses are counted, read-outs are not."""

    accepted: int
    duplicate: int


def stage(lines: Iterable[str]) -> None:
    """Bring the records into the scratch table `staged`; the lines are streamed, not collected."""
    scratch_table("staged", ", ".join(f"{name} {kind}" for name, kind in STAGED.items()))
    with connection.cursor() as cursor, cursor.copy(f"COPY staged ({', '.join(STAGED)}) FROM STDIN") as copy:
        batch: list[str] = []
        for line in lines:
            batch.append(line)
            if len(batch) == 1000:
                copy.write("".join(batch))
                batch.clear()
        copy.write("".join(batch))
    execute("ANALYZE staged")


def take_staged(usage_import: UsageImport, *, at: datetime, rejected: list[Rejected]) -> Taken:
    """Take all that is staged; adds the records of unknown devices to `rejected`. Locks the devices."""
    actor = usage_import.uploaded_by
    find_devices(actor)
    rejected.extend(records_without_device())
    discrepancies.open_unknown_devices(actor, at)
    devices = [device for (device,) in rows("SELECT DISTINCT device_id FROM block WHERE device_id IS NOT NULL")]
    lock_devices(devices)
    new_read_outs = keep_read_outs()
    compare_with_known()
    allowances.settle(devices)
    new_sessions = insert_sessions()
    keep_empty_records()
    [[duplicates, others]] = rows(
        """
        SELECT count(*) FILTER (WHERE standing = 'duplicate'), count(*) FILTER (WHERE standing IN ('new', 'conflict'))
        FROM log
        """
    )
    if others > new_sessions:
        discrepancies.open_conflicting_duplicates(at)
    new_pauses, all_pauses = insert_pauses()
    correct_taken(devices)
    allowances.attach_readings(devices)
    new_readings = readings.keep_from_read_outs(at, actor)
    if new_read_outs or new_sessions or new_pauses or new_readings:
        allowances.attach_readings(devices)
        allowances.recount(devices)
        discrepancies.detect(devices, at)
    return Taken(new_sessions + new_pauses, duplicates + all_pauses - new_pauses)


def find_devices(actor: User | None) -> None:
    """Fill `block`: each read-out with its device, if the uploader's clinics have exactly one that fits."""
    clinics = list(actor.visible_clinics().values_list("pk", flat=True)) if actor else None
    scratch_table(
        "block",
        """
        block integer, line integer, serial text, part_number text, read_out_at timestamptz,
        device_clock timestamp, counter integer, matches integer, device_id bigint, time_zone text,
        offset_seconds integer, read_out_id bigint
        """,
    )
    execute(
        f"""
        INSERT INTO block
        SELECT s.block, s.line, s.serial, s.part_number, s.read_out_at, s.device_clock, s.counter,
            found.matches, CASE WHEN found.matches = 1 THEN found.device_id END, c.time_zone,
            {clock.READ_OUT_OFFSET}
        FROM staged s
        CROSS JOIN LATERAL (
            SELECT count(*) AS matches, min(d.id) AS device_id
            FROM devices_device d JOIN devices_devicemodel m ON m.id = d.model_id
            WHERE d.serial = s.serial AND (s.part_number = '' OR m.part_number = s.part_number)
                AND (%(clinics)s::bigint[] IS NULL OR d.clinic_id = ANY(%(clinics)s))
        ) found
        LEFT JOIN devices_device d ON d.id = found.device_id
        LEFT JOIN config_clinic c ON c.id = d.clinic_id
        WHERE s.serial IS NOT NULL
        """,
        {"clinics": clinics},
    )
    execute("ANALYZE block")


def records_without_device() -> list[Rejected]:
    """Each treatment and pause, or bare reading, whose device could not be told."""
    found = rows(
        """
        SELECT coalesce(s.line, b.line), b.serial, b.part_number, b.matches
        FROM block b LEFT JOIN staged s ON s.block = b.block AND s.serial IS NULL
        WHERE b.device_id IS NULL ORDER BY 1 LIMIT %s
        """,
        [MOST_REJECTED + 1],
    )
    return [Rejected(line, unknown(serial, part_number, matches)) for line, serial, part_number, matches in found]


def unknown(serial: str, part_number: str, matches: int) -> str:
    if matches:
        return f"Several devices have the serial {serial}; add the part_number."
    part = f" and the part_number {part_number}" if part_number else ""
    return f"No device here has the serial {serial}{part}; correct it, or add the device first."


def keep_read_outs() -> int:
    """Each transfer once, however often and by whatever route it arrives (I7); returns how many were new."""
    new = execute(
        """
        INSERT INTO devices_readout (device_id, read_out_at, device_clock, counter)
        SELECT DISTINCT device_id, read_out_at, device_clock, counter FROM block WHERE device_id IS NOT NULL
        ON CONFLICT DO NOTHING
        """
    )
    execute(
        """
        UPDATE block b SET read_out_id = r.id FROM devices_readout r
        WHERE r.device_id = b.device_id AND r.read_out_at = b.read_out_at
            AND r.device_clock IS NOT DISTINCT FROM b.device_clock AND r.counter IS NOT DISTINCT FROM b.counter
        """
    )
    return new


def compare_with_known() -> None:
    """Fill `log`: the sessions of the devices, known and new, in order, and how each new one stands.

    `standing`: known, new, duplicate (starts with another of its number), conflict (so too, but of
    another length). `restarts`: the numbers start again here with later starts (I5): the number falls,
    the next one goes on from there, and either the read-out's counter is below the earlier number or
    this number was used before. A device whose clock was set back gives later starts to lower numbers
    too, but neither of these.
    """
    execute("DROP TABLE IF EXISTS log")
    execute(
        f"""
        CREATE TEMPORARY TABLE log ON COMMIT DROP AS
        WITH sessions AS (
            SELECT true AS fresh, s.line, b.device_id, b.read_out_id, b.counter, s.n, s.started, s.seconds,
                s.outcome, s.code, shift.offset_seconds, b.offset_seconds IS NULL AS clock_unseen,
                s.started + shift.offset_seconds * interval '1 second' AS corrected
            FROM staged s JOIN block b USING (block)
            CROSS JOIN LATERAL (SELECT {clock.offset("b", "s.started")} AS offset_seconds) shift
            WHERE s.seconds > 0 AND b.device_id IS NOT NULL
            UNION ALL
            SELECT false, NULL, t.device_id, t.read_out_id, r.counter, t.n, t.started_device, t.seconds,
                NULL, NULL, NULL, NULL, t.started_corrected AT TIME ZONE 'UTC'
            FROM rentals_treatment t JOIN devices_readout r ON r.id = t.read_out_id
            WHERE t.seconds > 0 AND t.device_id IN (SELECT device_id FROM block)
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
            offset_seconds, clock_unseen, corrected AT TIME ZONE 'UTC' AS corrected,
            n_before, corrected_before AT TIME ZONE 'UTC' AS corrected_before,
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


def insert_sessions() -> int:
    """The new sessions, each with its allowance and rental; of one number only the first stays."""
    [[repeated]] = rows("SELECT EXISTS (SELECT FROM log WHERE standing = 'new' AND number_used_before)")
    return execute(
        f"""
        INSERT INTO rentals_treatment (
            device_id, read_out_id, n, started_device, seconds, outcome, code,
            allowance_id, started_corrected, offset_seconds, method, rental_id
        )
        SELECT l.device_id, l.read_out_id, l.n, l.started, l.seconds, l.outcome, l.code,
            p.allowance_id, l.corrected, l.offset_seconds,
            CASE WHEN l.clock_unseen THEN 'none' ELSE 'constant' END, h.rental_id
        FROM log l
        JOIN span p ON p.device_id = l.device_id AND l.corrected >= p.since AND l.corrected < p.until
        LEFT JOIN rentals_holding h ON {HELD_BY.format(device="l.device_id", moment="l.corrected")}
        WHERE l.standing = 'new'
        {"ORDER BY l.corrected, l.line" if repeated else ""}
        ON CONFLICT (allowance_id, n) WHERE seconds > 0 DO NOTHING
        """
    )


def keep_empty_records() -> None:
    """Records of 0 seconds: kept beside the real one of their number, never counted."""
    execute(
        f"""
        INSERT INTO rentals_treatment (
            device_id, read_out_id, n, started_device, seconds, outcome, code,
            allowance_id, started_corrected, offset_seconds, method, rental_id
        )
        SELECT b.device_id, b.read_out_id, s.n, s.started, 0, s.outcome, s.code,
            p.allowance_id, shift.corrected, shift.offset_seconds,
            CASE WHEN b.offset_seconds IS NULL THEN 'none' ELSE 'constant' END, h.rental_id
        FROM staged s JOIN block b USING (block)
        CROSS JOIN LATERAL (
            SELECT offset_seconds, (s.started + offset_seconds * interval '1 second') AT TIME ZONE 'UTC' AS corrected
            FROM (SELECT {clock.offset("b", "s.started")} AS offset_seconds) o
        ) shift
        JOIN span p ON p.device_id = b.device_id AND shift.corrected >= p.since AND shift.corrected < p.until
        LEFT JOIN rentals_holding h ON {HELD_BY.format(device="b.device_id", moment="shift.corrected")}
        WHERE s.seconds = 0
        ON CONFLICT DO NOTHING
        """
    )


def insert_pauses() -> tuple[int, int]:
    """The pauses, by the device's calendar and by the corrected clock: how many were new, how many there are."""
    noon = "(s.{day} + time '12:00')"
    corrected = "(({noon} + {offset} * interval '1 second') AT TIME ZONE 'UTC' AT TIME ZONE b.time_zone)::date"
    first, last = (
        corrected.format(noon=noon.format(day=name), offset=clock.offset("b", noon.format(day=name)))
        for name in ("paused_from", "paused_to")
    )
    new = execute(
        f"""
        INSERT INTO rentals_pause (device_id, read_out_id, device_days, days)
        SELECT b.device_id, b.read_out_id, daterange(s.paused_from, s.paused_to, '[]'),
            daterange({first}, {last}, '[]')
        FROM staged s JOIN block b USING (block)
        WHERE s.paused_from IS NOT NULL AND b.device_id IS NOT NULL
        ORDER BY s.line
        ON CONFLICT DO NOTHING
        """
    )
    [[total]] = rows(
        """
        SELECT count(*) FROM staged s JOIN block b USING (block)
        WHERE s.paused_from IS NOT NULL AND b.device_id IS NOT NULL
        """
    )
    return new, total
