"""What is told because of how things stand: days without treatment, treatments or gel running low (I8).

Each is found in a constant number of queries for all rentals of a clinic, and asked again before it is sent.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, NamedTuple

from django.db.models import OuterRef, Subquery

from config.models import Clinic
from devices.models import Allowance, remaining_treatments
from rentals.booking.capacity import needed_treatments
from rentals.models import Holding, Reminder, Rental
from rentals.models.states import State
from rentals.reconciliation.days import Day, days_of
from rentals.reconciliation.sql import rows
from rentals.reminders.rules import Kind, Rule
from rentals.reminders.schedule import DAY

TREATMENTS_PER_LITRE = 700  # of gel: about 140 in a bottle of 200 ml
FRESH = 2 * DAY  # how old a read-out may be whose days without treatment are told
ONCE_IN = timedelta(days=7)  # days without treatment are told no more often


class Condition(NamedTuple):
    """That something is so for a rental (its id), and the name of the occasion: what has to be told once."""

    rental: int
    occasion: str


def conditions(
    kind: str, clinic: Clinic, rule: Rule, at: datetime, rentals: Collection[int] | None = None
) -> set[Condition]:
    """What stands so at `at` for the rentals of `clinic` (those with the ids `rentals`) that are being treated."""
    return FINDERS[kind](clinic, rule, at, None if rentals is None else list(rentals))


def treatments_low(clinic: Clinic, rule: Rule, at: datetime, rentals: list[int] | None) -> set[Condition]:
    """Rentals whose device has fewer treatments left than they need, or than the rule's threshold."""
    newest = Allowance.objects.filter(device=OuterRef("device")).order_by("-number")
    holdings = Holding.objects.filter(
        live=True, out__isnull=False, rental__clinic=clinic, rental__state=State.ACTIVE, rental__healed_on=None
    )
    judged = (holdings if rentals is None else holdings.filter(rental__in=rentals)).annotate(
        left=remaining_treatments("device"), needed=needed_treatments(), allowance=Subquery(newest.values("pk")[:1])
    )
    few = judged.values_list("rental", "allowance", "left", "needed")
    return {
        Condition(rental, f"allowance-{allowance}")
        for rental, allowance, left, needed in few
        if left is not None and left < max(needed, rule.threshold or 0)
    }


def gel_low(clinic: Clinic, rule: Rule, at: datetime, rentals: list[int] | None) -> set[Condition]:
    """Rentals whose newest gel is enough for fewer treatments than the threshold, or has expired."""
    asked = {
        "clinic": clinic.pk,
        "rentals": rentals,
        "at": at,
        "today": clinic.day_of(at),
        "threshold": rule.threshold or 0,
        "per_litre": TREATMENTS_PER_LITRE,
    }
    return {Condition(rental, f"supply-{supply}") for rental, supply in rows(GEL_LOW, asked)}


def days_missed(clinic: Clinic, rule: Rule, at: datetime, rentals: list[int] | None) -> set[Condition]:
    """Rentals whose device has just told of at least so many days in a row without treatment, and which were not told
    so within the last week. Nothing is said of days of which nothing is known, nor of paused ones."""
    threshold = rule.threshold or 1
    asked = {
        "clinic": clinic.pk,
        "zone": clinic.time_zone,
        "fresh": clinic.start_of(clinic.day_of(at)) - FRESH,
        "at": at,
        "threshold": threshold,
        "told": at - ONCE_IN,
    }
    found = [rental for (rental,) in rows(NOT_TREATED, asked)]
    today = clinic.day_of(at).isoformat()
    return {
        Condition(rental, today) for rental, missed in missed_days(found, clinic, at).items() if missed >= threshold
    }


def standing(kind: str, clinic: Clinic, rule: Rule, at: datetime, reminders: Sequence[Reminder]) -> list[Reminder]:
    """Those of `reminders`, all of `kind`, of which the same can still be said."""
    rentals = {reminder.rental_id for reminder in reminders}
    if kind == Kind.DAYS_MISSED:
        missed = missed_days(rentals, clinic, at)
        return [reminder for reminder in reminders if missed[reminder.rental_id] >= (rule.threshold or 1)]
    found = conditions(kind, clinic, rule, at, rentals)
    return [reminder for reminder in reminders if (reminder.rental_id, reminder.occasion) in found]


def missed_days(rentals: Collection[int], clinic: Clinic, at: datetime) -> dict[int, int]:
    """How many days in a row, up to the last one of which anything is known, the patients of these rentals (ids) have
    not treated; in a fixed number of queries."""
    found: Sequence[Rental] = list(Rental.objects.filter(pk__in=rentals))
    for rental in found:
        rental.clinic = clinic
    return {rental: in_a_row(days, "none") for rental, days in days_of(found, at).items()} if found else {}


def in_a_row(days: Sequence[Day], status: str) -> int:
    """The length of the run of days of `status` with which what is known of `days` ends."""
    statuses = [day.status for day in days]
    while statuses and statuses[-1] == "unknown":
        statuses.pop()
    return len(list(takewhile(lambda known: known == status, reversed(statuses))))


FINDERS: dict[str, Any] = {
    Kind.DAYS_MISSED: days_missed,
    Kind.TREATMENTS_LOW: treatments_low,
    Kind.GEL_LOW: gel_low,
}

GEL_LOW = """
    SELECT r.id, gel.id
    FROM rentals_rental r
    CROSS JOIN LATERAL (
        SELECT * FROM rentals_gelsupply WHERE rental_id = r.id AND given_at <= %(at)s
        ORDER BY given_at DESC, id DESC LIMIT 1
    ) gel
    WHERE r.clinic_id = %(clinic)s AND r.state = 'active' AND r.healed_on IS NULL
        AND (%(rentals)s::bigint[] IS NULL OR r.id = ANY(%(rentals)s::bigint[]))
        AND (gel.expires_on < %(today)s OR gel.millilitres * %(per_litre)s / 1000 - (
            SELECT count(*) FROM rentals_treatment t
            WHERE t.rental_id = r.id AND t.seconds > 0 AND t.started_corrected >= gel.given_at
        ) < %(threshold)s)
"""
# Rentals whose device was read out lately and knows of no session in so many days before that one. Few are left, whose
# days are then looked at: some may have been paused, or lie in a gap of the numbers.
NOT_TREATED = """
    SELECT r.id
    FROM rentals_rental r
    JOIN patients_patient p ON p.id = r.patient_id
    JOIN rentals_holding h ON h.rental_id = r.id AND h.live AND h.out IS NOT NULL
    CROSS JOIN LATERAL (
        SELECT max(read_out_at) AS at FROM devices_readout WHERE device_id = h.device_id AND read_out_at <= %(at)s
    ) seen
    CROSS JOIN LATERAL (
        SELECT ((seen.at AT TIME ZONE %(zone)s)::date - %(threshold)s)::timestamp AT TIME ZONE %(zone)s AS since
    ) quiet
    WHERE r.clinic_id = %(clinic)s AND r.state = 'active' AND r.healed_on IS NULL
        AND p.state = 'active' AND p.wants_advice AND p.email_reminders
        AND seen.at >= %(fresh)s AND r.handed_over_at < quiet.since
        AND NOT EXISTS (
            SELECT FROM rentals_treatment t
            WHERE t.rental_id = r.id AND t.seconds > 0 AND t.started_corrected >= quiet.since
        )
        AND NOT EXISTS (
            SELECT FROM rentals_reminder told
            WHERE told.rental_id = r.id AND told.kind = 'days_missed' AND told.due_at > %(told)s
        )
"""
