"""Taking staged usage data: each good record once, each bad one named (I5, I6, I7).

Set-based SQL in one transaction, after the devices' rows are locked. The steps share temporary tables:
`staged` (the file's records), `block` (its read-outs), `fresh` (its treatments with corrected times),
`tangled` and `log` (what must be compared, `comparing.py`), `span` (which allowance counted when) and
`course` (that, and which rental).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from config.models import User
from rentals.deciding import lock_devices
from rentals.models import UsageImport
from rentals.reconciliation import allowances, clock, comparing, discrepancies, readings
from rentals.reconciliation.attribution import HELD_BY
from rentals.reconciliation.formats import COPY_OPTIONS, MOST_REJECTED, STAGED, Rejected
from rentals.reconciliation.reconcile import correct_taken
from rentals.reconciliation.sql import execute, rows, scratch_table


@dataclass(frozen=True)
class Taken:
    """What became of the records of one import; treatments and pauses are counted, read-outs are not."""

    accepted: int
    duplicate: int


def stage(parts: Iterable[str]) -> None:
    """Bring the records into the scratch table `staged`; what the parts hold is streamed, not collected."""
    scratch_table("staged", ", ".join(f"{name} {kind}" for name, kind in STAGED.items()))
    with connection.cursor() as cursor, cursor.copy(f"COPY staged FROM STDIN WITH ({COPY_OPTIONS})") as copy:
        for part in parts:
            copy.write(part)
    execute("ANALYZE staged (block, n, seconds, serial, paused_from)")


def take_staged(usage_import: UsageImport, *, at: datetime, rejected: list[Rejected]) -> Taken:
    """Take all that is staged; adds the records of unknown devices and impossible ones to `rejected`.

    Locks the devices.
    """
    actor = usage_import.uploaded_by
    find_devices(actor)
    rejected.extend(records_without_device(actor))
    discrepancies.open_unknown_devices(actor, at)
    devices = [device for (device,) in rows("SELECT DISTINCT device_id FROM block WHERE device_id IS NOT NULL")]
    lock_devices(devices)
    last_known = last_treatment()
    new_read_outs = keep_read_outs()
    comparing.gather_fresh()
    rejected.extend(comparing.drop_what_had_not_come())
    comparing.find_tangled()
    comparing.compare_with_known()
    allowances.settle(devices)
    fill_course()
    plain_sessions, compared_sessions = insert_plain_sessions(), insert_compared_sessions()
    new_sessions = plain_sessions + compared_sessions
    keep_empty_records()
    duplicates, conflicts = already_known(compared_sessions)
    if conflicts:
        discrepancies.open_conflicting_duplicates(at)
    new_pauses, all_pauses = insert_pauses()
    correct_taken(devices)
    allowances.attach_readings(devices)
    new_readings = readings.keep_from_read_outs(at, actor)
    if new_read_outs or new_sessions or new_pauses or new_readings:
        allowances.attach_readings(devices)
        allowances.recount(devices)
        discrepancies.detect(devices, at)
    note_late_for(usage_import, devices, last_known, at)
    return Taken(new_sessions + new_pauses, duplicates + all_pauses - new_pauses)


def find_devices(actor: User | None) -> None:
    """Fill `block`: each read-out with its device, if the uploader's clinics have exactly one that fits."""
    scratch_table(
        "block",
        """
        block integer, line integer, serial text, part_number text, read_out_at timestamptz,
        device_clock timestamp, counter integer, matches integer, device_id bigint, time_zone text,
        offset_seconds integer, read_out_id bigint, first_block integer
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
            WHERE d.serial = s.serial AND (s.part_number IS NULL OR m.part_number = s.part_number)
                AND (%(clinics)s::bigint[] IS NULL OR d.clinic_id = ANY(%(clinics)s))
        ) found
        LEFT JOIN devices_device d ON d.id = found.device_id
        LEFT JOIN config_clinic c ON c.id = d.clinic_id
        WHERE s.serial IS NOT NULL
        """,
        {"clinics": clinics_of(actor)},
    )
    execute(
        """
        UPDATE block b SET first_block = first.block
        FROM (SELECT device_id, min(block) AS block FROM block GROUP BY device_id) first
        WHERE first.device_id = b.device_id
        """
    )
    execute("ANALYZE block")


def clinics_of(actor: User | None) -> list[int] | None:
    """The clinics whose devices the uploader may name; None is every one."""
    return list(actor.visible_clinics().values_list("pk", flat=True)) if actor else None


def records_without_device(actor: User | None) -> list[Rejected]:
    """Each treatment and pause, or bare reading, whose device could not be told."""
    found = rows(
        """
        SELECT coalesce(s.line, b.line), b.serial, b.part_number, b.matches, d.serial
        FROM block b LEFT JOIN staged s ON s.block = b.block AND s.serial IS NULL
        LEFT JOIN (
            SELECT ltrim(serial, '0') AS bare, min(serial) AS serial FROM devices_device
            WHERE serial LIKE '0%%' AND (%(clinics)s::bigint[] IS NULL OR clinic_id = ANY(%(clinics)s)) GROUP BY 1
        ) d ON d.bare = ltrim(b.serial, '0') AND length(d.serial) > length(b.serial)
        WHERE b.device_id IS NULL ORDER BY 1 LIMIT %(most)s
        """,
        {"clinics": clinics_of(actor), "most": MOST_REJECTED + 1},
    )
    return [Rejected(line, unknown(*about)) for line, *about in found]


def unknown(serial: str, part_number: str | None, matches: int, with_zeros: str | None) -> str:
    """Why the device of a read-out cannot be told, and what to do."""
    if matches:
        return f"Several devices have the serial {serial}; add the part_number."
    if with_zeros:
        return (
            f"No device here has the serial {serial}, but one has {with_zeros}: a spreadsheet has eaten the zero it "
            "begins with. Send the file as it was exported, unopened."
        )
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


def last_treatment() -> int:
    """The highest id given out to a treatment: those of this import will have higher ones."""
    [[last]] = rows("SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('rentals_treatment', 'id')), 0)")
    return int(last)


def fill_course() -> None:
    """Fill `course`: from when until when the devices counted for which allowance and which rental, without a gap."""
    scratch_table(
        "course", "device_id bigint, allowance_id bigint, rental_id bigint, since timestamptz, until timestamptz"
    )
    execute(
        f"""
        INSERT INTO course
        SELECT piece.device_id, p.allowance_id, h.rental_id, piece.since, piece.until
        FROM (
            SELECT device_id, since,
                coalesce(lead(since) OVER (PARTITION BY device_id ORDER BY since), 'infinity') AS until
            FROM (
                SELECT device_id, since FROM span
                UNION SELECT device_id, lower(out) FROM rentals_holding
                    WHERE device_id IN (SELECT device_id FROM span) AND out IS NOT NULL
                UNION SELECT device_id, upper(out) FROM rentals_holding
                    WHERE device_id IN (SELECT device_id FROM span) AND upper(out) IS NOT NULL
            ) turning
        ) piece
        JOIN span p ON p.device_id = piece.device_id AND piece.since >= p.since AND piece.since < p.until
        LEFT JOIN rentals_holding h ON {HELD_BY.format(device="piece.device_id", moment="piece.since")}
        """
    )
    execute("ANALYZE course")


# A treatment of the scratch table {source} with its allowance and rental.
INSERT_TREATMENTS = """
    INSERT INTO rentals_treatment (
        device_id, read_out_id, n, started_device, seconds, outcome, code,
        allowance_id, started_corrected, offset_seconds, method, rental_id
    )
    SELECT f.device_id, f.read_out_id, f.n, f.started, f.seconds, f.outcome, f.code,
        c.allowance_id, f.corrected, f.offset_seconds, CASE WHEN f.clock_unseen THEN 'none' ELSE 'constant' END,
        c.rental_id
    FROM {source} f JOIN course c ON c.device_id = f.device_id AND f.corrected >= c.since AND f.corrected < c.until
"""


def insert_plain_sessions() -> int:
    """The sessions of devices that only go on. None of their numbers was used before, so none is looked up."""
    return execute(
        f"""
        {INSERT_TREATMENTS.format(source="fresh")}
        WHERE f.seconds > 0 AND f.device_id NOT IN (SELECT device_id FROM tangled)
        """
    )


def insert_compared_sessions() -> int:
    """The new sessions of tangled devices; of one number only the first stays."""
    return execute(
        f"""
        {INSERT_TREATMENTS.format(source="log")}
        WHERE f.standing = 'new'
        ORDER BY f.corrected, f.line
        ON CONFLICT (allowance_id, n) WHERE seconds > 0 DO NOTHING
        """
    )


def already_known(inserted: int) -> tuple[int, bool]:
    """How many sessions were duplicates, and whether some number came with another content."""
    [[duplicates, others]] = rows(
        """
        SELECT count(*) FILTER (WHERE standing = 'duplicate'), count(*) FILTER (WHERE standing IN ('new', 'conflict'))
        FROM log
        """
    )
    return duplicates, others > inserted


def keep_empty_records() -> None:
    """Records of 0 seconds: kept beside the real one of their number, never counted."""
    execute(f"{INSERT_TREATMENTS.format(source='fresh')} WHERE f.seconds = 0 ON CONFLICT DO NOTHING")


def note_late_for(usage_import: UsageImport, devices: Sequence[int], last_known: int, at: datetime) -> None:
    """Remember the rentals that had ended and got treatments now (of ids beyond `last_known`)."""
    execute(
        """
        INSERT INTO rentals_usageimport_late_for (usageimport_id, rental_id)
        SELECT %(import)s, r.id FROM rentals_rental r
        WHERE r.ended_at <= %(at)s
            AND r.id IN (SELECT rental_id FROM rentals_holding WHERE device_id = ANY(%(devices)s))
            AND EXISTS (
                SELECT FROM rentals_treatment t
                WHERE t.rental_id = r.id AND t.id > %(last)s AND t.seconds > 0 AND t.device_id = ANY(%(devices)s)
            )
        """,
        {"import": usage_import.pk, "at": at, "devices": list(devices), "last": last_known},
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
