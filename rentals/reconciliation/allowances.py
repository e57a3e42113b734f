"""Which allowance counted when: a counter that starts again opens a provisional one (I5).

Provisional allowances follow from the log and are worked out again with each import, so that late data
may move where one begins; what a person has confirmed, or entered (a new card), stands.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from django.db.models import F

from config.refusals import Refusal
from devices.models import Allowance
from rentals.reconciliation.sql import execute, rows, scratch_table

MOST_RESTARTS = 20
OUT_OF_THE_WAY = 10_000


@dataclass(frozen=True)
class Restart:
    """The numbers of a device start again: its last session before, its first after."""

    device: int
    last_before: datetime
    first_after: datetime

    def holds(self, moment: datetime) -> bool:
        return self.last_before < moment <= self.first_after


def settle_known(devices: Sequence[int]) -> None:
    """Open, move or drop provisional allowances as the known treatments of the devices show, and fill `span`."""
    execute("DROP TABLE IF EXISTS pg_temp.known")
    execute(KNOWN, [list(devices)])
    settle(devices, log="known")


# The rule of the restarts is that of `taking.compare_with_known`.
KNOWN = """
    CREATE TEMPORARY TABLE known ON COMMIT DROP AS
    SELECT device_id, corrected, corrected_before,
        n < n_before AND coalesce(n_after <= n_before, true)
            AND (coalesce(counter < n_before, true) OR number_used_before) AS restarts
    FROM (
        SELECT t.device_id, t.n, o.counter, t.started_corrected AS corrected,
            row_number() OVER (PARTITION BY t.device_id, t.n ORDER BY t.started_corrected) > 1 AS number_used_before,
            lag(t.n) OVER course AS n_before, lead(t.n) OVER course AS n_after,
            lag(t.started_corrected) OVER course AS corrected_before
        FROM rentals_treatment t JOIN devices_readout o ON o.id = t.read_out_id
        WHERE t.seconds > 0 AND t.device_id = ANY(%s)
        WINDOW course AS (PARTITION BY t.device_id ORDER BY t.started_corrected, t.n)
    ) course
"""


def settle(devices: Sequence[int], log: str = "log") -> None:
    """Open, move or drop provisional allowances as the scratch table `log` shows, and fill `span`."""
    restarts = restarts_by_device(log)
    provisional = Allowance.objects.filter(device__in=devices, provisional=True)
    unsettled = sorted({*restarts, *provisional.values_list("device", flat=True)})
    surplus = [allowance for device in unsettled for allowance in arrange(device, restarts[device])]
    fill_span(devices, without=surplus)
    move_known_treatments(unsettled)
    drop(surplus)


def restarts_by_device(log: str) -> defaultdict[int, list[Restart]]:
    """What the log shows. Raises `not_usage_data` for numbers that start again as no counter does."""
    found: defaultdict[int, list[Restart]] = defaultdict(list)
    for device, serial, before, after in rows(
        f"""
        SELECT l.device_id, d.serial, l.corrected_before, l.corrected
        FROM {log} l JOIN devices_device d ON d.id = l.device_id WHERE restarts ORDER BY 1, 4
        """
    ):
        found[device].append(Restart(device, before, after))
        if len(found[device]) > MOST_RESTARTS:
            raise Refusal(
                "not_usage_data",
                f"The treatment numbers of device {serial} start again more than {MOST_RESTARTS} times; "
                "no counter does that. Export the file again.",
                status=400,
            )
    return found


def arrange(device: int, restarts: Iterable[Restart]) -> list[Allowance]:
    """Make the provisional allowances of `device` begin at its restarts; returns those left over."""
    allowances = list(Allowance.objects.filter(device=device).order_by("number"))
    standing = [allowance for allowance in allowances if not allowance.provisional]
    loose = [allowance for allowance in allowances if allowance.provisional]
    unexplained = [r for r in restarts if not any(r.holds(a.began_at) for a in standing)]
    begun: dict[Restart, Allowance] = {}
    for restart in unexplained:
        known = next((allowance for allowance in loose if restart.holds(allowance.began_at)), None)
        if known:
            loose.remove(known)
            begun[restart] = known
    for restart in unexplained:
        if restart not in begun:
            begun[restart] = loose.pop(0) if loose else Allowance(device_id=device)
            begun[restart].began_at = restart.first_after
    save_in_order(standing[0], [*standing[1:], *begun.values()], loose)
    return loose


def save_in_order(first: Allowance, others: list[Allowance], surplus: list[Allowance]) -> None:
    """Number the allowances of one device as they follow each other; the first one has counted from ever."""
    known = [allowance.pk for allowance in (*others, *surplus) if allowance.pk]
    Allowance.objects.filter(pk__in=known).update(number=F("number") + OUT_OF_THE_WAY)
    before = first
    for allowance in sorted(others, key=lambda allowance: allowance.began_at):
        allowance.number = before.number + 1
        if not allowance.pk:
            allowance.cause, allowance.provisional = Allowance.Cause.RESET, True
            allowance.nominal_treatments = before.nominal_treatments
        allowance.save()
        before = allowance


def fill_span(devices: Sequence[int], *, without: Iterable[Allowance]) -> None:
    """From when until when each allowance of the devices counted."""
    scratch_table("span", "device_id bigint, allowance_id bigint, since timestamptz, until timestamptz")
    execute(
        """
        INSERT INTO span
        SELECT device_id, id,
            CASE WHEN lag(id) OVER course IS NULL THEN '-infinity' ELSE began_at END,
            coalesce(lead(began_at) OVER course, 'infinity')
        FROM devices_allowance WHERE device_id = ANY(%s) AND id <> ALL(%s)
        WINDOW course AS (PARTITION BY device_id ORDER BY number)
        """,
        [list(devices), [allowance.pk for allowance in without]],
    )
    execute("ANALYZE span")


def move_known_treatments(devices: Sequence[int]) -> None:
    """Give the known treatments of the devices the allowance that counted when they began.

    Where another treatment of its number is in the way, that one moves first; one that never gives way keeps both
    where they are.
    """
    while execute(
        """
        UPDATE rentals_treatment t SET allowance_id = moving.allowance_id
        FROM (
            SELECT t.id, p.allowance_id, t.n, t.seconds,
                row_number() OVER (PARTITION BY p.allowance_id, t.n, t.seconds > 0 ORDER BY t.id) AS turn
            FROM rentals_treatment t
            JOIN span p ON p.device_id = t.device_id AND p.allowance_id <> t.allowance_id
                AND t.started_corrected >= p.since AND t.started_corrected < p.until
            WHERE t.device_id = ANY(%s)
        ) moving
        WHERE moving.id = t.id AND (moving.seconds = 0 OR (moving.turn = 1 AND NOT EXISTS (
            SELECT FROM rentals_treatment held
            WHERE held.allowance_id = moving.allowance_id AND held.n = moving.n AND held.seconds > 0
        )))
        """,
        [list(devices)],
    ):
        pass


def drop(surplus: Sequence[Allowance]) -> None:
    """Forget provisional allowances that late data has explained away; one that could not be emptied stays."""
    full = {
        id
        for (id,) in rows(
            "SELECT DISTINCT allowance_id FROM rentals_treatment WHERE allowance_id = ANY(%s)",
            [[allowance.pk for allowance in surplus]],
        )
    }
    ids = [allowance.pk for allowance in surplus if allowance.pk not in full]
    # What was trusted there went down from what came before.
    execute(
        """
        UPDATE devices_reading r SET allowance_id = p.allowance_id, trusted = r.trusted AND r.flag = '' FROM span p
        WHERE r.allowance_id = ANY(%s) AND p.device_id = r.device_id AND r.read_at >= p.since AND r.read_at < p.until
        """,
        [ids],
    )
    Allowance.objects.filter(pk__in=ids).delete()
    for device in {allowance.device_id for allowance in surplus if allowance.pk in full}:
        first, *others = Allowance.objects.filter(device=device).order_by("number")
        save_in_order(first, others, [])


def attach_readings(devices: Sequence[int]) -> None:
    """Let provisional allowances begin with the reading that went down first, and trust what fits in them (I5)."""
    if not Allowance.objects.filter(device__in=devices, provisional=True).exists():
        return
    begin_with_reading(devices)
    execute(
        """
        UPDATE devices_reading r SET allowance_id = p.id
        FROM (
            SELECT id, device_id, number, CASE WHEN number = 1 THEN '-infinity' ELSE began_at END AS since,
                coalesce(lead(began_at) OVER (PARTITION BY device_id ORDER BY number), 'infinity') AS until
            FROM devices_allowance WHERE device_id = ANY(%s)
        ) p
        WHERE r.device_id = p.device_id AND r.read_at >= p.since AND r.read_at < p.until AND r.allowance_id <> p.id
        """,
        [list(devices)],
    )
    execute(
        """
        WITH plausible AS (
            SELECT r.id, r.counter, r.trusted, r.flag, a.counter_at_start,
                max(r.counter) OVER (
                    PARTITION BY r.allowance_id ORDER BY r.read_at, r.id
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ) AS most_before
            FROM devices_reading r
            JOIN devices_allowance a ON a.id = r.allowance_id
            CROSS JOIN LATERAL (
                SELECT max(n) FILTER (WHERE started_corrected <= r.read_at) AS logged_before,
                    min(n) FILTER (WHERE started_corrected > r.read_at) AS logged_after
                FROM rentals_treatment t WHERE t.allowance_id = r.allowance_id AND t.seconds > 0
            ) log
            WHERE a.provisional AND r.device_id = ANY(%s)
                AND r.counter >= coalesce(logged_before, 0) AND r.counter < coalesce(logged_after, r.counter + 1)
        )
        UPDATE devices_reading r SET trusted = true FROM plausible p
        WHERE p.id = r.id AND NOT p.trusted AND p.flag = 'counter_down'
            AND p.counter >= greatest(p.counter_at_start, p.most_before)
        """,
        [list(devices)],
    )


def begin_with_reading(devices: Sequence[int]) -> None:
    """A reading that went down between the last sign of the old counting and the first session tells the start."""
    execute(
        """
        UPDATE devices_allowance a SET began_at = begun.began_at
        FROM (
            SELECT a.id, coalesce(min(down.read_at), first.started_corrected) AS began_at
            FROM devices_allowance a
            JOIN LATERAL (
                SELECT started_corrected FROM rentals_treatment
                WHERE allowance_id = a.id AND seconds > 0 ORDER BY started_corrected LIMIT 1
            ) first ON true
            JOIN LATERAL (
                SELECT n, started_corrected FROM rentals_treatment
                WHERE device_id = a.device_id AND seconds > 0 AND started_corrected < first.started_corrected
                ORDER BY started_corrected DESC LIMIT 1
            ) last ON true
            LEFT JOIN devices_reading down ON down.device_id = a.device_id AND down.flag = 'counter_down'
                AND down.read_at > last.started_corrected AND down.read_at < first.started_corrected
                AND down.counter < last.n
                AND down.read_at > coalesce((
                    SELECT max(o.read_at) FROM devices_reading o
                    WHERE o.device_id = a.device_id AND o.trusted AND o.counter >= last.n
                        AND o.read_at < first.started_corrected
                ), '-infinity')
            WHERE a.provisional AND a.device_id = ANY(%s)
            GROUP BY a.id, first.started_corrected
        ) begun
        WHERE begun.id = a.id AND a.began_at <> begun.began_at
        """,
        [list(devices)],
    )


def recount(devices: Sequence[int]) -> None:
    """Carry the used number on over restarts of the counter, and into the holdings that were handed over since."""
    found = Allowance.objects.filter(device__in=devices, number__gt=1).values_list("device", flat=True)
    recounted = sorted(set(found))
    for device in recounted:
        carry_over(list(Allowance.objects.filter(device=device).order_by("number")))
    if recounted:
        recount_holdings(recounted)


def carry_over(allowances: list[Allowance]) -> None:
    for before, allowance in pairwise(allowances):
        if allowance.cause == Allowance.Cause.RESET:
            used = before.carried_over + last_counter(before) - before.counter_at_start
            Allowance.objects.filter(pk=allowance.pk).exclude(carried_over=used).update(carried_over=used)
            allowance.carried_over = used


def last_counter(allowance: Allowance) -> int:
    """The highest number that the screen or the log has shown in `allowance`."""
    [[counter]] = rows(
        """
        SELECT greatest(
            (SELECT max(counter) FROM devices_reading WHERE allowance_id = %(allowance)s AND trusted),
            (SELECT max(n) FROM rentals_treatment WHERE allowance_id = %(allowance)s AND seconds > 0),
            %(start)s
        )
        """,
        {"allowance": allowance.pk, "start": allowance.counter_at_start},
    )
    return int(counter)


# How many treatments the renewals between both ends of the holding `h` took off the used number.
RENEWED_MEANWHILE = """(
    SELECT coalesce(sum(before.carried_over - before.counter_at_start - a.carried_over + greatest(
        (SELECT max(counter) FROM devices_reading WHERE allowance_id = before.id AND trusted),
        (SELECT max(n) FROM rentals_treatment WHERE allowance_id = before.id AND seconds > 0),
        before.counter_at_start
    )), 0)
    FROM devices_allowance a
    JOIN devices_allowance before ON before.device_id = a.device_id AND before.number = a.number - 1
    WHERE a.device_id = h.device_id AND a.cause IN ('card', 'replaced_unit') AND a.began_at > lower(h.out)
        AND (upper(h.out) IS NULL OR a.began_at <= upper(h.out))
)"""


def recount_holdings(devices: Sequence[int]) -> None:
    """The used treatments at both ends of each holding, by the trusted readings up to then.

    Where the capacity was renewed in between, the first is told as the allowance of the end would count it: what was
    used of the one before, up to the renewal, is taken off. So their difference is always what was delivered.
    """
    used = """(
        SELECT a.carried_over + r.counter - a.counter_at_start
        FROM devices_reading r JOIN devices_allowance a ON a.id = r.allowance_id
        WHERE r.device_id = h.device_id AND r.trusted AND r.read_at <= {end}(h.out)
        ORDER BY r.read_at DESC, r.id DESC LIMIT 1
    )"""
    execute(
        f"""
        UPDATE rentals_holding h SET used_out = counted.used_out, used_back = counted.used_back
        FROM (
            SELECT h.id, coalesce({used.format(end="lower")} - {RENEWED_MEANWHILE}, h.used_out) AS used_out,
                CASE WHEN h.used_back IS NOT NULL THEN coalesce({used.format(end="upper")}, h.used_back) END
                    AS used_back
            FROM rentals_holding h WHERE h.device_id = ANY(%s) AND h.out IS NOT NULL
        ) counted
        WHERE counted.id = h.id AND (counted.used_out, counted.used_back) IS DISTINCT FROM (h.used_out, h.used_back)
        """,
        [list(devices)],
    )
