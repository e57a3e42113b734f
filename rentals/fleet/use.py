"""What the fleet does: treatments, time with patients, adherence, what comes back late, goes wrong or is lost."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from rentals.fleet.scope import SCOPE, Row, Scope
from rentals.models import Holding, Rental
from rentals.reconciliation.days import days_of
from rentals.reconciliation.sql import rows

JUDGED = ("done", "short", "none")
ONE_DAY = timedelta(days=1)
DAYS_LATE = {
    "overdue_1_to_3": (1, 3),
    "overdue_4_to_7": (4, 7),
    "overdue_8_to_14": (8, 14),
    "overdue_15_on": (15, 99999),
}
# Percent of the days that could be judged, from the first up to below the second.
BANDS = {
    "adherence_under_50": (0, 50),
    "adherence_50_to_79": (50, 80),
    "adherence_80_to_89": (80, 90),
    "adherence_from_90": (90, 101),
}


def adherence_rows(scope: Scope) -> list[Row]:
    """Each rental with days in the period that could be judged: `number` of them done, of the `whole`."""
    rentals = list(rentals_out(scope).select_related("clinic"))
    days = days_of(rentals, scope.at)
    found = []
    for rental in rentals:
        statuses = [day.status for day in days[rental.pk] if scope.first <= day.date <= scope.last]
        judged = sum(status in JUDGED for status in statuses)
        if judged:
            found.append(Row(rental.clinic_id, None, rental.pk, "", None, statuses.count("done"), judged))
    return found


def in_band(found: Iterable[Row], band: str) -> list[Row]:
    """The rentals of which so much was done; each counts for one."""
    low, high = BANDS[band]
    return [
        row._replace(detail=f"{row.number} of {row.whole} days done", number=1, whole=None)
        for row in found
        if low * row.whole <= 100 * row.number < high * row.whole
    ]


def rentals_out(scope: Scope) -> QuerySet[Rental]:
    """Rentals that were out at some time of the period, or on the day before or after it."""
    # A day more on each side holds the period of every time zone; each day found is then looked at.
    begins = datetime.combine(scope.first - ONE_DAY, time.min, tzinfo=UTC)
    ends = datetime.combine(scope.last + 2 * ONE_DAY, time.min, tzinfo=UTC)
    out = Holding.objects.filter(rental=OuterRef("pk"), out__startswith__lt=ends)
    touching = out.filter(Q(out__endswith__isnull=True) | Q(out__endswith__gt=begins))
    rentals = Rental.objects.filter(Exists(touching), clinic__in=scope.ids)
    if not scope.model:
        return rentals
    held = Holding.objects.filter(rental=OuterRef("pk"), device__isnull=False).order_by("-pk")
    return rentals.alias(model=Subquery(held.values("device__model")[:1])).filter(model=scope.model.pk)


def overdue(days: Sequence[int] = (1, 99999)) -> str:
    """Active rentals that are late by so many days."""
    return f"""
        SELECT clinic_id, NULL::bigint AS device_id, id AS rental_id, (today - due_on) || ' days late' AS detail,
            due_on AS day, 1 AS number, NULL::numeric AS whole
        FROM hired WHERE state = 'active' AND today - due_on BETWEEN {days[0]} AND {days[1]}
    """


ROWS = {
    "treatments_delivered": """
        SELECT u.clinic_id, u.id AS device_id, NULL::bigint AS rental_id, '' AS detail, NULL::date AS day,
            count(*) AS number, NULL::numeric AS whole
        FROM unit u JOIN rentals_treatment t ON t.device_id = u.id
        WHERE t.seconds > 0 AND t.started_corrected >= u.begins AND t.started_corrected < u.ends
        GROUP BY u.clinic_id, u.id
    """,
    # Of the time for which the clinic had the device, in seconds, the part with patients.
    "utilisation_percent": """
        SELECT clinic_id, id AS device_id, NULL::bigint AS rental_id, condition AS detail, NULL::date AS day,
            coalesce(seconds_out, 0) AS number, extract(epoch FROM until - since) AS whole
        FROM (
            SELECT u.*, greatest(created_at, begins) AS since, least(ends, %(at)s) AS until
            FROM unit u WHERE condition = ANY(%(fleet)s)
        ) device
        CROSS JOIN LATERAL (
            SELECT sum(extract(epoch FROM least(upper(h.out), until) - greatest(lower(h.out), since))) AS seconds_out
            FROM rentals_holding h
            WHERE h.device_id = device.id AND lower(h.out) < until AND (upper(h.out) IS NULL OR upper(h.out) > since)
        ) held
        WHERE since < until
    """,
    "overdue": overdue(),
    **{name: overdue(days) for name, days in DAYS_LATE.items()},
    # From the return until the first inspection passed; nothing where it went out again without one.
    "turnaround": """
        SELECT u.clinic_id, u.id AS device_id, h.rental_id, '' AS detail,
            (ready.at AT TIME ZONE u.time_zone)::date AS day,
            extract(epoch FROM ready.at - upper(h.out)) / 86400 AS number, NULL::numeric AS whole
        FROM unit u JOIN rentals_holding h ON h.device_id = u.id AND upper(h.out) IS NOT NULL
        CROSS JOIN LATERAL (
            SELECT min(i.at) AS at FROM devices_inspection i
            WHERE i.device_id = u.id AND i.passed AND i.at >= upper(h.out)
        ) ready
        WHERE ready.at >= u.begins AND ready.at < u.ends AND NOT EXISTS (
            SELECT FROM rentals_holding later
            WHERE later.device_id = u.id AND lower(later.out) >= upper(h.out) AND lower(later.out) < ready.at
        )
    """,
    **{
        f"discrepancies_{state}": f"""
            SELECT x.clinic_id, x.device_id, x.rental_id, x.kind AS detail,
                (x.{state}_at AT TIME ZONE time_zone)::date AS day, 1 AS number, NULL::numeric AS whole
            FROM rentals_discrepancy x JOIN period USING (clinic_id)
            WHERE x.{state}_at >= begins AND x.{state}_at < ends
                AND (%(model)s::bigint IS NULL OR x.device_id IN (SELECT id FROM unit))
        """
        for state in ("opened", "closed")
    },
    **{
        state: f"""
            SELECT r.clinic_id, NULL::bigint AS device_id, r.id AS rental_id, 'with a patient' AS detail,
                (m.at AT TIME ZONE time_zone)::date AS day, 1 AS number, NULL::numeric AS whole
            FROM hired r JOIN rentals_move m ON m.rental_id = r.id
            WHERE m.new_state = '{state}' AND m.old_state <> '{state}' AND m.at >= begins AND m.at < ends
            UNION ALL
            SELECT u.clinic_id, u.id, NULL, 'was ' || c.before, (c.at AT TIME ZONE time_zone)::date, 1, NULL
            FROM unit u JOIN devices_conditionchange c ON c.device_id = u.id
            WHERE c.after = '{state}' AND c.at >= begins AND c.at < ends
        """
        for state in ("lost", "kept", "retired")
    },
}


def discrepancies_by_kind(scope: Scope) -> list[tuple[str, int, int]]:
    """Each kind that was opened or closed in the period, with how many were opened and closed."""
    found: list[tuple[str, int, int]] = rows(SCOPE + BY_KIND, scope.parameters())
    return found


BY_KIND = f"""
    SELECT detail, sum(opened), sum(closed) FROM (
        SELECT detail, 1 AS opened, 0 AS closed FROM ({ROWS["discrepancies_opened"]}) opened
        UNION ALL SELECT detail, 0, 1 FROM ({ROWS["discrepancies_closed"]}) closed
    ) either GROUP BY detail ORDER BY detail
"""
