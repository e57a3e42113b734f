"""Counter readings, in bulk and at the desk, and what follows when one cannot be (I5)."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal, invalid
from devices.models import Device, Reading
from devices.readings import doubt, record_reading, trust_what_fits
from rentals.booking.offers import poke_offers
from rentals.deciding import deciding, lock_devices
from rentals.reconciliation.allowances import recount_holdings
from rentals.reconciliation.discrepancies import close_as_corrected
from rentals.reconciliation.reconcile import reconcile
from rentals.reconciliation.sql import execute, scratch_table

BATCH = 2000
CANDIDATE = "device_id bigint, counter integer, read_at timestamptz, source text"


def take_reading(device: Device, counter: int, *, read_at: datetime, at: datetime, actor: User | None) -> Reading:
    """Keep what the screen of `device` showed at `read_at`, also what cannot be, and open a discrepancy for that.

    Raises `in_the_future` (400) for a moment after `at`.
    """
    if read_at > at:
        raise Refusal(
            "in_the_future", _("This moment has not come yet; correct the time."), status=400, field="read_at"
        )
    with deciding():
        reading = record_reading(device, counter, read_at=read_at, now=at, actor=actor)
        reconcile([device.pk], at)
    reading.refresh_from_db()
    return reading


def trust_reading(reading: Reading, *, note: str, at: datetime, actor: User) -> Reading:
    """Trust a reading that was in doubt and that a person has found right; all that follows from it is counted anew.

    Later ones that seemed impossible only beside it are trusted too. Raises `invalid` without a note, `wrong_state`
    for a reading that is in no doubt, and `contradicted` where a later one that is trusted shows less.
    """
    if not note.strip():
        raise invalid("note", _("Write how it was found to be right; it stays with the discrepancy."))
    with deciding():
        device = lock_devices([reading.device_id])[reading.device_id]
        reading.refresh_from_db()
        refuse_to_trust(reading)
        Reading.objects.filter(pk=reading.pk).update(trusted=True)
        trust_what_fits(device, since=reading.read_at)
        close_as_corrected(reading.flag, [f"reading {reading.pk}"], note=note, at=at, actor=actor)
        reconcile([device.pk], at)
        recount_holdings([device.pk])
        poke_offers(device.clinic_id)
    reading.refresh_from_db()
    return reading


def refuse_to_trust(reading: Reading) -> None:
    if reading.trusted or reading.flag == Reading.Flag.WRONG_DEVICE:
        raise Refusal("wrong_state", _("This reading is in no doubt any more; look at the device again."))
    later = Reading.objects.filter(allowance=reading.allowance_id, trusted=True, read_at__gt=reading.read_at)
    if lower := later.filter(counter__lt=reading.counter).order_by("read_at").first():
        raise Refusal(
            "contradicted",
            _(
                "A later reading shows %(counter)s, so %(doubted)s cannot be right as well. Resolve the "
                "discrepancy as a mistake; if the counter started again in between, say so on the page of the "
                "device."
            )
            % {"counter": lower.counter, "doubted": reading.counter},
        )


def keep_from_read_outs(at: datetime, actor: User | None) -> int:
    """Keep the counters of the staged read-outs; where none was given, the number of the last session tells it.

    Returns how many were new.
    """
    candidates()
    execute(
        """
        INSERT INTO candidate
        SELECT DISTINCT b.device_id, coalesce(b.counter, last.n), b.read_out_at, 'read_out'
        FROM block b LEFT JOIN (
            SELECT DISTINCT ON (read_out_id) read_out_id, n
            FROM (
                SELECT read_out_id, n, corrected FROM fresh WHERE counter IS NULL AND seconds > 0
                UNION ALL
                SELECT t.read_out_id, t.n, t.started_corrected FROM rentals_treatment t
                WHERE t.seconds > 0 AND (t.device_id, t.read_out_id) IN (
                    SELECT device_id, read_out_id FROM block WHERE counter IS NULL
                )
            ) logged
            ORDER BY read_out_id, corrected DESC, n DESC
        ) last USING (read_out_id)
        WHERE b.device_id IS NOT NULL
        """
    )
    return keep_candidates(at, actor)


def keep(readings: Iterable[tuple[int, int, datetime, str]], *, at: datetime, actor: User | None) -> None:
    """Keep many readings (device id, counter, moment, source), flagged where they cannot be (I5).

    The caller holds the transaction and the devices' locks.
    """
    candidates()
    with connection.cursor() as cursor, cursor.copy("COPY candidate FROM STDIN") as copy:
        for reading in readings:
            copy.write_row(reading)
    keep_candidates(at, actor)


def candidates() -> None:
    """An empty scratch table for readings to be kept."""
    scratch_table("candidate", CANDIDATE)


def keep_candidates(at: datetime, actor: User | None) -> int:
    """Keep each reading of the scratch table `candidate` that is not known, flagged where it cannot be."""
    scratch_table("judged", f"{CANDIDATE}, allowance_id bigint, flag text")
    for batch in judged():
        with connection.cursor() as cursor, cursor.copy("COPY judged FROM STDIN") as copy:
            for reading in batch:
                copy.write_row(reading)
    return execute(
        """
        INSERT INTO devices_reading
            (device_id, counter, read_at, source, allowance_id, flag, trusted, recorded_at, recorded_by_id)
        SELECT device_id, counter, read_at, source, allowance_id, flag, flag = '', %s, %s FROM judged
        """,
        [at, actor and actor.pk],
    )


def judged() -> Iterator[list[tuple[Any, ...]]]:
    """The candidates in order with allowance and flag, a batch at a time.

    Each is compared with the trusted ones on both sides, those of the candidates before it included;
    readings already trusted stay so.
    """
    allowance: int | None = None
    before: tuple[int, datetime] | None = None
    with connection.chunked_cursor() as cursor:
        cursor.execute(IN_ORDER)
        while batch := cursor.fetchmany(BATCH):
            found = []
            for device, now_in, start, minutes, counter, read_at, source, known, counter_after in batch:
                if now_in != allowance:
                    allowance, before = now_in, None
                flag = (
                    ""
                    if known
                    else doubt(
                        counter, read_at, start=start, before=before, counter_after=counter_after, minutes=minutes
                    )
                )
                if not flag:
                    before = counter, read_at
                if not known:
                    found.append((device, counter, read_at, source, allowance, flag))
            yield found


IN_ORDER = """
    SELECT s.device_id, a.id, a.counter_at_start, m.minutes_per_treatment, s.counter, s.read_at, s.source, s.known,
        min(s.counter) FILTER (WHERE s.known) OVER (
            PARTITION BY a.id ORDER BY s.read_at, s.counter ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        )
    FROM (
        SELECT device_id, counter, read_at, source, true AS known FROM devices_reading
        WHERE trusted AND device_id IN (SELECT device_id FROM candidate)
        UNION ALL
        SELECT device_id, counter, read_at, source, false FROM candidate c
        WHERE counter IS NOT NULL AND NOT EXISTS (
            SELECT FROM devices_reading r
            WHERE (r.device_id, r.read_at, r.counter, r.source) = (c.device_id, c.read_at, c.counter, c.source)
        )
    ) s
    JOIN LATERAL (
        SELECT id, counter_at_start FROM devices_allowance a
        WHERE a.device_id = s.device_id AND (a.began_at <= s.read_at OR a.number = 1)
        ORDER BY a.number DESC LIMIT 1
    ) a ON true
    JOIN devices_device d ON d.id = s.device_id
    JOIN devices_devicemodel m ON m.id = d.model_id
    ORDER BY a.id, s.read_at, s.counter
"""
