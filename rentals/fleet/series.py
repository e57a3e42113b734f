"""How the figures went: by week (or several, in a long period) and by month of the period."""

from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from rentals.fleet.figures import percent
from rentals.fleet.money import PARAMETERS
from rentals.fleet.money import ROWS as MONEY
from rentals.fleet.scope import SCOPE, Scope
from rentals.reconciliation.sql import rows

MOST_STEPS = 53
MOST_MONTHS = 24


class Step(NamedTuple):
    """One or several weeks from the local day `first`: treatments, and utilisation in percent."""

    first: date
    treatments: int
    utilisation: float | None


def by_week(scope: Scope) -> tuple[int, list[Step]]:
    """For how many weeks a step stands, and the steps, from the first day of the period (or the first on which there
    was a device) to the last that has begun."""
    last = min(scope.last, scope.today)
    [[oldest]] = rows(f"{SCOPE} SELECT min(created_at) FROM unit", scope.parameters())
    first = max(scope.first, oldest.date()) if oldest else scope.first
    if first > last:
        return 1, []
    weeks = -(-((last - first).days + 1) // (7 * MOST_STEPS))
    span = timedelta(weeks=weeks)
    starts = [first + number * span for number in range(-(-((last - first).days + 1) // span.days))]
    stops = [min(start + span, last + timedelta(days=1)) for start in starts]
    found = rows(SCOPE + STEPS, {**scope.parameters(), "starts": starts, "stops": stops})
    return weeks, [Step(start, sessions, percent(out, owned)) for start, sessions, out, owned in found]


def income_by_month(scope: Scope) -> list[tuple[date, Decimal]]:
    """The income of the period by the month (its first day) of the entries; the last two years of it at most."""
    found: dict[date, Decimal] = dict(rows(SCOPE + BY_MONTH, {**scope.parameters(), **PARAMETERS}))
    if not found:
        return []
    month, last, months = min(found), max(found), []
    while month <= last:
        months.append((month, found.get(month, Decimal())))
        month = (month + timedelta(days=32)).replace(day=1)
    return months[-MOST_MONTHS:]


STEPS = """
    SELECT step.since, coalesce(sum(delivered.sessions), 0), coalesce(sum(used.seconds_out), 0),
        coalesce(sum(used.seconds_owned), 0)
    FROM unnest(%(starts)s::date[], %(stops)s::date[]) AS step (since, until)
    LEFT JOIN LATERAL (
        SELECT u.id, u.condition, u.created_at, step.since::timestamp AT TIME ZONE u.time_zone AS begins,
            step.until::timestamp AT TIME ZONE u.time_zone AS ends
        FROM unit u
    ) device ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS sessions FROM rentals_treatment t
        WHERE t.device_id = device.id AND t.seconds > 0
            AND t.started_corrected >= device.begins AND t.started_corrected < device.ends
    ) delivered ON true
    LEFT JOIN LATERAL (
        SELECT extract(epoch FROM until - since) AS seconds_owned, (
            SELECT coalesce(sum(extract(epoch FROM least(upper(h.out), until) - greatest(lower(h.out), since))), 0)
            FROM rentals_holding h
            WHERE h.device_id = device.id AND lower(h.out) < until AND (upper(h.out) IS NULL OR upper(h.out) > since)
        ) AS seconds_out
        FROM (SELECT greatest(device.created_at, device.begins) AS since, least(device.ends, %(at)s) AS until) owned
        WHERE since < until AND device.condition = ANY(%(fleet)s)
    ) used ON true
    GROUP BY step.since ORDER BY step.since
"""
BY_MONTH = f"SELECT date_trunc('month', day)::date, sum(number) FROM ({MONEY['income']}) income GROUP BY 1"
