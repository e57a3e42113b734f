"""Where the devices' records and the desk disagree: opened once, closed by a person or by later data."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal, invalid
from config.roles import MATRIX
from patients.access import record_access
from patients.models import Access
from rentals.deciding import deciding
from rentals.models import Discrepancy
from rentals.reconciliation.findings import FINDINGS, GAP, HAD_BY, SILENT_DEVICE
from rentals.reconciliation.sql import execute, scratch_table

EXPLAINED = "Later data explains it."
# What a sentence says beside its wording: its numbers and dates. Not the times of day, which a better knowledge of the
# device's clock moves by minutes.
FACTS = """(
    SELECT array_agg(fact[1]) FROM regexp_matches(
        regexp_replace({sentence}, ', \\d\\d:\\d\\d', '', 'g'),
        '\\d+|January|February|March|April|May|June|July|August|September|October|November|December', 'g'
    ) fact
)"""


def detect(devices: Sequence[int], at: datetime) -> None:
    """Open what is found about the devices (ids), close what is found no longer, unless a person closed it."""
    execute("DROP TABLE IF EXISTS pg_temp.gap")
    execute(f"CREATE TEMPORARY TABLE gap ON COMMIT DROP AS {GAP}", {"devices": list(devices)})
    find(FINDINGS, devices, at)
    open_found(at)
    # What is about a rental can be explained by any of its devices, not only by the one it is named with.
    close_explained(
        FINDINGS,
        f"d.device_id = ANY(%(devices)s) OR (d.kind = 'over_prescribed' AND d.rental_id IN ({HAD_BY}))",
        devices,
        at,
    )
    find(SILENCE, devices, at)
    close_explained(SILENCE, "d.device_id = ANY(%(devices)s)", devices, at)


def sweep_silence(at: datetime) -> None:
    """Open what is silent at the moment `at`, of every clinic, and close what is so no longer."""
    with deciding():
        find(SILENCE, None, at)
        open_found(at)
        close_explained(SILENCE, "true", None, at)


SILENCE = {"silent_device": SILENT_DEVICE}


def find(queries: Mapping[str, str], devices: Sequence[int] | None, at: datetime) -> None:
    """Fill the scratch table `finding` with what the queries, by kind, find about the devices (ids; None: all)."""
    about = {"devices": None if devices is None else list(devices), "at": at}
    scratch_table(
        "finding",
        "kind text, subject text, device_id bigint, clinic_id bigint, rental_id bigint, why text, action text",
    )
    for kind, query in queries.items():
        execute(
            f"""
            INSERT INTO finding
            SELECT '{kind}', f.subject, f.device_id, d.clinic_id, f.rental_id, f.why, f.action
            FROM ({query}) f JOIN devices_device d ON d.id = f.device_id
            """,
            about,
        )
    execute("ANALYZE finding")


def close_explained(kinds: Iterable[str], which: str, devices: Sequence[int] | None, at: datetime) -> None:
    """Close the open ones of the kinds that the condition `which` names and that are found no longer."""
    execute(
        f"""
        UPDATE rentals_discrepancy d SET state = 'closed', closed_at = %(at)s, closed_as = 'explained', note = %(note)s
        WHERE d.state = 'open' AND d.kind = ANY(%(kinds)s) AND ({which})
            AND NOT EXISTS (SELECT FROM finding f WHERE (f.kind, f.subject) = (d.kind, d.subject))
        """,
        {"at": at, "note": EXPLAINED, "devices": None if devices is None else list(devices), "kinds": list(kinds)},
    )


def open_found(at: datetime) -> None:
    """Open each finding once; an open one is kept up to date, one that later data had closed comes back.

    What a person has closed stays closed while it is what that person saw. Where its numbers or its days are others
    by now (used outside a rental five times, not twice), it comes back with whoever had taken it on; the note of then
    stays in the history.
    """
    execute(
        f"""
        INSERT INTO rentals_discrepancy AS d (
            kind, subject, state, device_id, clinic_id, rental_id, why, action, opened_at, note, closed_as
        )
        SELECT kind, subject, 'open', device_id, clinic_id, rental_id, why, action, %(at)s, '', '' FROM finding
        ON CONFLICT (kind, subject) DO UPDATE
            SET state = 'open', closed_at = NULL, closed_as = '', closed_by_id = NULL, note = '',
                device_id = excluded.device_id, clinic_id = excluded.clinic_id, rental_id = excluded.rental_id,
                why = excluded.why, action = excluded.action
            WHERE (d.state, d.device_id, d.clinic_id, d.rental_id, d.why, d.action) IS DISTINCT FROM
                    ('open', excluded.device_id, excluded.clinic_id, excluded.rental_id, excluded.why, excluded.action)
                AND (d.closed_by_id IS NULL
                    OR {FACTS.format(sentence="d.why")} IS DISTINCT FROM {FACTS.format(sentence="excluded.why")})
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
        WHERE l.standing IN ('new', 'conflict')
            AND (l.seconds <> t.seconds OR abs(extract(epoch FROM l.started - t.started_device)) > 2)
        ON CONFLICT DO NOTHING
        """,
        {"at": at},
    )


def take_on(discrepancy: Discrepancy, *, owner: User | None, at: datetime, actor: User) -> Discrepancy:
    """Put an open discrepancy into the hands of `owner`, oneself or a colleague of the clinic; None gives it back.

    `discrepancy` is as the actor saw it. Raises `wrong_state` when it is closed, `taken` when it is in other hands by
    now, and `invalid` for somebody who could not resolve it.
    """
    if owner and owner not in possible_owners(discrepancy):
        raise invalid("owner", _("Choose a colleague of this clinic who may resolve discrepancies."))
    with deciding():
        now = Discrepancy.objects.select_for_update(no_key=True, of=("self",)).select_related("owner", "rental")
        found = now.get(pk=discrepancy.pk)
        if found.state != Discrepancy.State.OPEN:
            raise closed_already()
        if found.owner_id != discrepancy.owner_id:
            raise Refusal("taken", words_of_owner(found))
        found.owner = owner
        found.save(update_fields=["owner"])
        if found.rental:
            record_access(actor, [found.rental.patient_id], Access.Action.CHANGED, at)
    return found


def words_of_owner(discrepancy: Discrepancy) -> str:
    if discrepancy.owner is None:
        return _("Meanwhile it was given back; look at it again.")
    return _("Meanwhile %(owner)s has taken it on; look at it again.") % {"owner": discrepancy.owner}


def possible_owners(discrepancy: Discrepancy) -> list[User]:
    """Who may resolve it: the active staff of its clinic, of any clinic where it belongs to none."""
    resolvers = User.objects.filter(is_active=True, role__in=MATRIX["usage.resolve"]).prefetch_related("clinics")
    return [user for user in resolvers.order_by("username") if works_at(user, discrepancy.clinic_id)]


def works_at(user: User, clinic: int | None) -> bool:
    """Whether the user (clinics loaded) sees the clinic with that id; without named clinics one sees all."""
    named = {each.pk for each in user.clinics.all()}
    return not named or clinic is None or clinic in named


def resolve(
    discrepancy: Discrepancy,
    *,
    note: str,
    at: datetime,
    actor: User,
    closed_as: str = Discrepancy.ClosedAs.ACCEPTED,
) -> Discrepancy:
    """Close an open discrepancy with a note and a reason: corrected, accepted or mistaken.

    What it is about stays as it is. One about a rental is a change of its patient's record (I10). Raises `invalid`
    without a note or for another reason, `wrong_state` when it is closed already.
    """
    if not note.strip():
        raise invalid("note", _("Write what was found; it stays with the discrepancy."))
    if closed_as not in REASONS:
        raise invalid("closed_as", _("Say whether it was corrected, is accepted as it is, or was a mistake."))
    with deciding():
        closed = Discrepancy.objects.filter(pk=discrepancy.pk, state=Discrepancy.State.OPEN).update(
            state=Discrepancy.State.CLOSED, closed_as=closed_as, note=note, closed_at=at, closed_by=actor
        )
        if not closed:
            raise closed_already()
        discrepancy.refresh_from_db()
        if discrepancy.rental:
            record_access(actor, [discrepancy.rental.patient_id], Access.Action.CHANGED, at)
    return discrepancy


def close_as_corrected(kind: str, subjects: Sequence[str], *, note: str, at: datetime, actor: User) -> int:
    """Write down how `actor` put right what these are about, closed before or not; returns how many there are.

    The caller holds the transaction, and calls this before what is right now is looked at again.
    """
    found = Discrepancy.objects.filter(kind=kind, subject__in=subjects)
    patients = set(found.filter(rental__isnull=False).values_list("rental__patient", flat=True))
    record_access(actor, patients, Access.Action.CHANGED, at)
    return found.update(
        state=Discrepancy.State.CLOSED,
        closed_as=Discrepancy.ClosedAs.CORRECTED,
        note=note,
        closed_at=at,
        closed_by=actor,
    )


REASONS = (Discrepancy.ClosedAs.CORRECTED, Discrepancy.ClosedAs.ACCEPTED, Discrepancy.ClosedAs.MISTAKEN)


def closed_already() -> Refusal:
    return Refusal("wrong_state", _("This discrepancy is closed already; look at its note."))
