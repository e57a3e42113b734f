"""When a device runs out of treatments, from what it has been used for lately and what is planned for it.

The pace of the patient who has the device is a mean and a variance of the treatments of one day. What was seen (by
trusted readings, in the last `WINDOW` or since the hand-over) is weighed with `PRIOR_DAYS` days of the plan: the
prescribed pace as patients on average follow it. So a rental of two days is judged by its plan, one of a month by
itself. With the mean m, the daily variance s², n days of evidence and R treatments left, the number delivered in T
days is taken for normal around m·T with the variance

    s²·T  (days differ)  +  s²/n·T²  (the mean is not known better)  +  DRIFT·m²·T²  (habits change)

and the device runs out when that reaches R: solved for T at the 10th, the 50th and the 90th percentile (Fieller's
interval), which is the 80 % range that is shown. `tests/rentals/reconciliation/test_forecast.py` holds how often the
truth lies in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil, sqrt
from typing import Any

from config.models import Clinic
from rentals.booking.capacity import needed_treatments
from rentals.models import Holding, Rental
from rentals.reconciliation.sql import rows

WINDOW = timedelta(days=28)
PRIOR_DAYS = 5
FOLLOWED = 0.84  # share of prescribed treatments that patients do: 83.8 % in 12,984 device files
VARIANCE = 0.12  # of one prescribed treatment a day, done or not
DRIFT = 0.001
WITHIN_80_PERCENT = 1.2816  # standard deviations on either side
HORIZON = 3650  # days; what lies beyond is not said
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Pace:
    """Treatments a day: their mean, the variance from day to day, and how many days speak for it."""

    mean: float
    variance: float
    days: float

    def delivered(self, days: float) -> tuple[float, float, float]:
        """Treatments in so many days: at least, in the middle, at most (80 % lie between)."""
        middle = self.mean * days
        spread = WITHIN_80_PERCENT * sqrt(self.variance * days + self.doubt * days * days)
        return max(middle - spread, 0), middle, middle + spread

    def days_for(self, treatments: int) -> tuple[float, float, float | None]:
        """Days until so many are delivered: at least, in the middle, at most (None: beyond any saying)."""
        if treatments <= 0:
            return 0, 0, 0
        own = WITHIN_80_PERCENT**2 * self.variance
        a = self.mean**2 - WITHIN_80_PERCENT**2 * self.doubt
        b = 2 * treatments * self.mean + own
        root = sqrt(max(b * b - 4 * a * treatments**2, 0))
        latest = 2 * treatments**2 / (b - root) if a > 0 else None
        return 2 * treatments**2 / (b + root), treatments / self.mean, latest

    @property
    def doubt(self) -> float:
        """The variance of the mean itself."""
        return self.variance / self.days + DRIFT * self.mean**2


def pace_of(prescribed: int, *, delivered: int, days: float, squares: float | None) -> Pace:
    """The pace of a patient with so many treatments `prescribed` a day, `delivered` in `days` days.

    `squares`: the sum of the squared differences of the days from their mean; None where nobody has logged them.
    """
    evidence = PRIOR_DAYS + days
    mean = (PRIOR_DAYS * FOLLOWED * prescribed + max(delivered, 0)) / evidence
    prior = PRIOR_DAYS * VARIANCE * prescribed
    variance = prior / PRIOR_DAYS if squares is None else (prior + squares) / evidence
    return Pace(mean, variance, evidence)


@dataclass(frozen=True)
class Forecast:
    """When the present allowance of a device runs out, in the hands of who has it now.

    `left` treatments were left at the moment `seen_at`. The days are local days of the clinic, none before the day
    asked about; None lies too far ahead. `left_at_end`: treatments left when the rental ends (at worst, in the middle,
    at best), `promised_later` what reservations of the device want after it.
    """

    device: int
    rental: Rental
    left: int
    seen_at: datetime
    pace: Pace
    earliest: date | None
    middle: date | None
    latest: date | None
    ends_on: date
    left_at_end: tuple[int, int, int]
    promised_later: int

    @property
    def lasts_rental(self) -> str:
        """Whether it lasts until the rental ends: yes, probably, hardly, no."""
        return verdict(*(day is None or day >= self.ends_on for day in (self.earliest, self.middle, self.latest)))

    @property
    def lasts_reservations(self) -> str:
        """Whether what is left then is enough for who has reserved it: yes, probably, hardly, no; "" for nobody."""
        return verdict(*(left >= self.promised_later for left in self.left_at_end)) if self.promised_later else ""


def verdict(at_worst: bool, in_the_middle: bool, at_best: bool) -> str:
    if at_worst:
        return "yes"
    if in_the_middle:
        return "probably"
    return "hardly" if at_best else "no"


def forecasts_of(devices: Sequence[int], at: datetime) -> dict[int, Forecast]:
    """The forecasts of the devices (ids) that are out and whose capacity is known, by id, in two queries."""
    live = Holding.objects.filter(device__in=devices, live=True).annotate(needed=needed_treatments())
    holdings: list[Any] = list(live.select_related("rental__clinic").order_by("pk"))
    out = {holding.pk: holding for holding in holdings if holding.out}
    promised: dict[int, int] = {}
    for holding in holdings:
        if not holding.out:
            promised[holding.device_id] = promised.get(holding.device_id, 0) + holding.needed
    return {
        out[pk].device_id: forecast(out[pk], seen, promised.get(out[pk].device_id, 0), at)
        for pk, *seen in rows(SEEN, {"holdings": list(out), "window": WINDOW})
    }


def forecast(holding: Holding, seen: Sequence[Any], promised_later: int, at: datetime) -> Forecast:
    left, seen_at, days, delivered, squares = seen
    rental = holding.rental
    clinic, today = rental.clinic, rental.clinic.day_of(at)
    pace = pace_of(rental.prescribed_per_day, delivered=delivered, days=days, squares=squares)
    ends_on = max(rental.due_on, today)
    to_come = max((clinic.start_of(ends_on + DAY) - seen_at) / DAY, 0)
    least, middle, most = pace.delivered(to_come)
    earliest, in_the_middle, latest = (
        None if ahead is None else day_after(seen_at, ahead, clinic, today) for ahead in pace.days_for(left)
    )
    return Forecast(
        device=holding.device_id or 0,
        rental=rental,
        left=left,
        seen_at=seen_at,
        pace=pace,
        earliest=earliest,
        middle=in_the_middle,
        latest=latest,
        ends_on=ends_on,
        left_at_end=(left - ceil(most), left - round(middle), left - int(least)),
        promised_later=promised_later,
    )


def day_after(seen_at: datetime, days: float, clinic: Clinic, today: date) -> date | None:
    """The clinic's day so many days after `seen_at`, or `today` for what has passed; None beyond the horizon."""
    return max(clinic.day_of(seen_at + days * DAY), today) if days <= HORIZON else None


# What is known of each holding that is out: treatments left at the last sign of the device, that moment, and of the
# time before it that counts (days): the treatments delivered, and how much the logged days differ, if enough of them
# were logged to tell.
SEEN = """
    SELECT h.id, a.nominal_treatments - used.now, used.seen_at, span.days, used.now - used.before,
        CASE WHEN log.sessions >= 0.8 * (used.now - used.before) AND span.days > 0
            THEN greatest(log.squares - log.sessions * log.sessions / span.days, 0)::float END
    FROM rentals_holding h
    JOIN rentals_rental r ON r.id = h.rental_id JOIN config_clinic c ON c.id = r.clinic_id
    CROSS JOIN LATERAL (
        SELECT *, CASE WHEN number = 1 THEN lower(h.out) ELSE greatest(began_at, lower(h.out)) END AS since
        FROM devices_allowance WHERE device_id = h.device_id ORDER BY number DESC LIMIT 1
    ) a
    LEFT JOIN LATERAL (
        SELECT counter, read_at FROM devices_reading WHERE allowance_id = a.id AND trusted
        ORDER BY read_at DESC, id DESC LIMIT 1
    ) last ON true
    LEFT JOIN LATERAL (
        SELECT counter, read_at FROM devices_reading WHERE allowance_id = a.id AND trusted
            AND read_at <= greatest(a.since, last.read_at - %(window)s)
        ORDER BY read_at DESC, id DESC LIMIT 1
    ) base ON true
    CROSS JOIN LATERAL (
        SELECT a.carried_over + coalesce(last.counter, a.counter_at_start) - a.counter_at_start AS now,
            a.carried_over + coalesce(base.counter, a.counter_at_start) - a.counter_at_start AS before,
            greatest(last.read_at, a.since) AS seen_at, greatest(base.read_at, a.since) AS since
    ) used
    CROSS JOIN LATERAL (SELECT extract(epoch FROM used.seen_at - used.since)::float / 86400 AS days) span
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(sessions), 0)::float AS sessions, coalesce(sum(sessions * sessions), 0)::float AS squares
        FROM (
            SELECT count(*) AS sessions FROM rentals_treatment t
            WHERE t.device_id = h.device_id AND t.seconds > 0
                AND t.started_corrected >= used.since AND t.started_corrected <= used.seen_at
            GROUP BY (t.started_corrected AT TIME ZONE c.time_zone)::date
        ) day
    ) log
    WHERE h.id = ANY(%(holdings)s) AND a.nominal_treatments IS NOT NULL
"""
