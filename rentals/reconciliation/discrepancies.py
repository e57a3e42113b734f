"""Where the devices' records and the desk disagree: opened once, closed by a person or by later data."""

from collections.abc import Sequence
from datetime import datetime

from config.models import User
from config.refusals import Refusal, invalid
from patients.access import record_access
from patients.models import Access
from rentals.deciding import deciding
from rentals.models import Discrepancy
from rentals.reconciliation.findings import FINDINGS, GAP, HAD_BY
from rentals.reconciliation.sql import execute, scratch_table

EXPLAINED = "Later data explains it."


def detect(devices: Sequence[int], at: datetime) -> None:
    """Open what is found about the devices (ids), close what is found no longer, unless a person closed it."""
    scratch_table(
        "finding",
        "kind text, subject text, device_id bigint, clinic_id bigint, rental_id bigint, why text, action text",
    )
    execute("DROP TABLE IF EXISTS pg_temp.gap")
    execute(f"CREATE TEMPORARY TABLE gap ON COMMIT DROP AS {GAP}", {"devices": list(devices)})
    for kind, query in FINDINGS.items():
        execute(
            f"""
            INSERT INTO finding
            SELECT '{kind}', f.subject, f.device_id, d.clinic_id, f.rental_id, f.why, f.action
            FROM ({query}) f JOIN devices_device d ON d.id = f.device_id
            """,
            {"devices": list(devices), "kind": kind},
        )
    execute("ANALYZE finding")
    open_found(at)
    # What is about a rental can be explained by any of its devices, not only by the one it is named with.
    execute(
        f"""
        UPDATE rentals_discrepancy d SET state = 'closed', closed_at = %(at)s, closed_as = 'explained', note = %(note)s
        WHERE d.state = 'open' AND d.kind = ANY(%(kinds)s)
            AND (d.device_id = ANY(%(devices)s) OR (d.kind = 'over_prescribed' AND d.rental_id IN ({HAD_BY})))
            AND NOT EXISTS (SELECT FROM finding f WHERE (f.kind, f.subject) = (d.kind, d.subject))
        """,
        {"at": at, "note": EXPLAINED, "devices": list(devices), "kinds": list(FINDINGS)},
    )


def open_found(at: datetime) -> None:
    """Open each finding once; an open one is kept up to date, one that later data had closed comes back."""
    execute(
        """
        INSERT INTO rentals_discrepancy AS d (
            kind, subject, state, device_id, clinic_id, rental_id, why, action, opened_at, note, closed_as
        )
        SELECT kind, subject, 'open', device_id, clinic_id, rental_id, why, action, %(at)s, '', '' FROM finding
        ON CONFLICT (kind, subject) DO UPDATE
            SET state = 'open', closed_at = NULL, closed_as = '', note = '', device_id = excluded.device_id,
                rental_id = excluded.rental_id, why = excluded.why, action = excluded.action
            WHERE d.closed_by_id IS NULL AND (d.state, d.device_id, d.rental_id, d.why, d.action)
                IS DISTINCT FROM ('open', excluded.device_id, excluded.rental_id, excluded.why, excluded.action)
        """,
        {"at": at},
    )


def open_unknown_devices(actor: User | None, at: datetime) -> None:
    """One discrepancy for each staged serial that nobody here owns."""
    clinics = list(actor.clinics.values_list("pk", flat=True)[:2]) if actor else []
    execute(
        """
        INSERT INTO rentals_discrepancy (kind, subject, state, clinic_id, why, action, opened_at, note, closed_as)
        SELECT 'unknown_device', 'serial ' || serial, 'open', %(clinic)s,
            format('Usage data of a device with the serial %%s arrived, but no such device is known here.', serial),
            'Correct the serial in the file, or add the device, and import the file again.', %(at)s, '', ''
        FROM block WHERE matches = 0 GROUP BY serial ORDER BY min(line)
        ON CONFLICT DO NOTHING
        """,
        {"clinic": clinics[0] if len(clinics) == 1 else None, "at": at},
    )


def open_conflicting_duplicates(at: datetime) -> None:
    """One discrepancy for each treatment number that arrived twice with different contents; the first stays."""
    execute(
        """
        INSERT INTO rentals_discrepancy (
            kind, subject, state, device_id, clinic_id, rental_id, why, action, opened_at, note, closed_as
        )
        SELECT 'conflicting_duplicate',
            format('allowance %%s n %%s: %%s, %%s s', t.allowance_id, l.n, l.started, l.seconds),
            'open', d.id, d.clinic_id, t.rental_id,
            format(
                'Treatment %%s of device %%s arrived twice: started %%s for %%s s (kept), and started %%s for %%s s.',
                l.n, d.serial, t.started_device, t.seconds, l.started, l.seconds
            ),
            'Compare with the device''s own history and note which one is right; the second is not counted.',
            %(at)s, '', ''
        FROM log l
        JOIN span p ON p.device_id = l.device_id AND l.corrected >= p.since AND l.corrected < p.until
        JOIN rentals_treatment t ON t.allowance_id = p.allowance_id AND t.n = l.n AND t.seconds > 0
        JOIN devices_device d ON d.id = l.device_id
        WHERE l.standing IN ('new', 'conflict') AND (l.started, l.seconds) <> (t.started_device, t.seconds)
        ON CONFLICT DO NOTHING
        """,
        {"at": at},
    )


def resolve(discrepancy: Discrepancy, *, note: str, at: datetime, actor: User) -> Discrepancy:
    """Close an open discrepancy with a note; what it is about stays as it is.

    One about a rental is a change of its patient's record (I10). Raises `invalid` without a note,
    `wrong_state` when it is closed already.
    """
    if not note.strip():
        raise invalid("note", "Write what was found; it stays with the discrepancy.")
    with deciding():
        closed = Discrepancy.objects.filter(pk=discrepancy.pk, state=Discrepancy.State.OPEN).update(
            state=Discrepancy.State.CLOSED,
            closed_as=Discrepancy.ClosedAs.ACCEPTED,
            note=note,
            closed_at=at,
            closed_by=actor,
        )
        if not closed:
            raise Refusal("wrong_state", "This discrepancy is closed already; look at its note.")
        discrepancy.refresh_from_db()
        if discrepancy.rental:
            record_access(actor, [discrepancy.rental.patient_id], Access.Action.CHANGED, at)
    return discrepancy
