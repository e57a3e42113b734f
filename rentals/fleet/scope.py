"""What is asked about: which sites, which local days, which model, and the moment of asking."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from config.models import Clinic
from config.refusals import invalid
from devices.models import Device, DeviceModel
from rentals.reconciliation.sql import rows

Condition = Device.Condition
IN_THE_FLEET = (Condition.READY, Condition.QUARANTINE, Condition.REPAIR, Condition.RECALLED)
USUAL_DAYS = 28
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Scope:
    """The local days `first` to `last` of each of `clinics`, both included, as seen at the moment `at`; devices of
    `model` only, where one is named."""

    clinics: tuple[Clinic, ...]
    first: date
    last: date
    at: datetime
    model: DeviceModel | None = None

    @property
    def ids(self) -> list[int]:
        return [clinic.pk for clinic in self.clinics]

    @property
    def today(self) -> date:
        """The latest of the clinics' days."""
        return max((clinic.day_of(self.at) for clinic in self.clinics), default=self.at.date())

    def days_begun(self, clinics: Iterable[Clinic]) -> int:
        """How many days of the period have begun, at the clinic among `clinics` where it is the latest."""
        return max([0, *((min(self.last, clinic.day_of(self.at)) - self.first).days + 1 for clinic in clinics)])

    def parameters(self) -> dict[str, Any]:
        """For the statements that begin with SCOPE."""
        return {
            "clinics": self.ids,
            "begins": [clinic.start_of(self.first) for clinic in self.clinics],
            "ends": [clinic.start_of(self.last + ONE_DAY) for clinic in self.clinics],
            "todays": [clinic.day_of(self.at) for clinic in self.clinics],
            "zones": [clinic.time_zone for clinic in self.clinics],
            "turnarounds": [clinic.turnaround_days for clinic in self.clinics],
            "first": self.first,
            "last": self.last,
            "at": self.at,
            "model": self.model.pk if self.model else None,
            "fleet": list(IN_THE_FLEET),
        }


class Row(NamedTuple):
    """One thing that a figure is made of. Added up, `number` (and `whole`, of which it is a part) make the figure.

    `clinic`, `device` and `rental` are ids, `day` is a local day of the clinic.
    """

    clinic: int
    device: int | None
    rental: int | None
    detail: str
    day: date | None
    number: Any
    whole: Any = None


# Each statement about rows begins with this: the period by each clinic's own midnights, the devices and the rentals
# asked about. A rental is of the model of the device that it has, or had last.
SCOPE = """
    WITH period AS (
        SELECT * FROM unnest(
            %(clinics)s::bigint[], %(begins)s::timestamptz[], %(ends)s::timestamptz[], %(todays)s::date[],
            %(zones)s::text[], %(turnarounds)s::int[]
        ) AS period (clinic_id, begins, ends, today, time_zone, turnaround_days)
    ),
    unit AS NOT MATERIALIZED (
        SELECT d.id, d.condition, d.created_at, period.* FROM devices_device d JOIN period USING (clinic_id)
        WHERE %(model)s::bigint IS NULL OR d.model_id = %(model)s
    ),
    hired AS NOT MATERIALIZED (
        SELECT r.id, r.state, r.starts_on, r.due_on, r.created_at, r.planned_treatments, period.*
        FROM rentals_rental r JOIN period USING (clinic_id)
        WHERE %(model)s::bigint IS NULL OR %(model)s = (
            SELECT d.model_id FROM rentals_holding h JOIN devices_device d ON d.id = h.device_id
            WHERE h.rental_id = r.id ORDER BY h.id DESC LIMIT 1
        )
    )
"""


def rows_of(statement: str, scope: Scope) -> list[Row]:
    """What `statement`, which follows on SCOPE, finds."""
    return [Row(*found) for found in rows(SCOPE + statement, scope.parameters())]


def period(clinics: Iterable[Clinic], first: date | None, last: date | None, at: datetime) -> tuple[date, date]:
    """The local days asked for; the last 28 up to today where `first` or `last` is left open.

    Today is the latest of the clinics' days at `at`. Raises `invalid` for days out of order.
    """
    end = last or max((clinic.day_of(at) for clinic in clinics), default=at.date())
    begin = first or end - (USUAL_DAYS - 1) * ONE_DAY
    if begin > end:
        raise invalid("to" if last else "from", _("The last day lies before the first; correct one of them."))
    return begin, end
