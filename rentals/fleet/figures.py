"""What the fleet is, does and earns, by clinic and in all (definitions.py says what each figure means).

No figure shows a patient, so reading them is no access to a record and is not recorded (I10). Whatever the
number of clinics, devices and rentals, the number of queries is the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from statistics import quantiles
from typing import Any, NamedTuple

from django.utils.translation import ngettext

from config.models import Clinic
from devices.models import DeviceModel
from rentals.fleet import ahead, capacity, money, use
from rentals.fleet.scope import SCOPE, Row, Scope, period, rows_of
from rentals.reconciliation.sql import rows

__all__ = ["Figures", "Scope", "figures_of_scope", "fleet_figures", "period"]

ROWS = {**use.ROWS, **money.ROWS, **ahead.ROWS}
SUMMED = [name for name in ROWS if name not in ("turnaround", "treatments_booked")]
PERCENTAGES = ("utilisation_percent", "adherence_percent", "hire_against_purchase_percent")
AMOUNTS = ("income", "bonds_held", "spent")
CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of one clinic, or of several together: `clinic` is None then, and `by_clinic` has each.

    Each name of definitions.py is an attribute. So are `by_condition` (all devices there ever were), `by_availability`
    (of the fleet), `seconds_owned` and `seconds_out`, of which the utilisation is made, `days`, how many days of
    the period have begun, and `outlook`, from which the runway follows.
    """

    scope: Scope
    clinic: Clinic | None
    numbers: Mapping[str, Any]
    by_clinic: tuple["Figures", ...] = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["numbers"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def first(self) -> date:
        return self.scope.first

    @property
    def last(self) -> date:
        return self.scope.last

    @property
    def at(self) -> datetime:
        return self.scope.at

    @property
    def title(self) -> str:
        """Whose figures these are."""
        whose = self.clinic.name if self.clinic else together(len(self.by_clinic))
        model = self.scope.model
        return one_line(f"{whose}, {model.name} ({model.part_number})" if model else whose)


def together(clinics: int) -> str:
    return ngettext("%(number)s clinic together", "%(number)s clinics together", clinics) % {"number": clinics}


def one_line(text: str) -> str:
    """Free text without what nobody could see or would break the line."""
    return "".join(character if character.isprintable() else " " for character in text).strip()


class Sum(NamedTuple):
    """What the rows of a figure are together: `whole` is what `number` is a part of."""

    number: Decimal = Decimal()
    whole: Decimal = Decimal()

    def __add__(self, other: Any) -> "Sum":
        return Sum(self.number + other.number, self.whole + other.whole)


@dataclass(frozen=True)
class Found:
    """What the queries found, to be added up for one clinic or for several."""

    units: list[capacity.Unit]
    adherence: list[Row]
    turnaround: list[Row]
    held: list[ahead.Held]
    sums: Mapping[tuple[str, int], Sum]


def fleet_figures(
    clinics: Iterable[Clinic], first: date, last: date, at: datetime, model: DeviceModel | None = None
) -> Figures:
    """The figures of `clinics` together and one by one, for the local days `first` to `last`, at the moment `at`; of
    the devices of `model` only, where one is given."""
    return figures_of_scope(Scope(tuple(clinics), first, last, at, model))


def figures_of_scope(scope: Scope) -> Figures:
    """The figures of the scope's clinics together and one by one."""
    found = Found(
        units=capacity.units(scope),
        adherence=use.adherence_rows(scope),
        turnaround=rows_of(ROWS["turnaround"], scope),
        held=ahead.held_days(scope),
        sums=sums_of(scope),
    )
    each = tuple(figures_of(replace(scope, clinics=(clinic,)), found) for clinic in scope.clinics)
    return replace(figures_of(scope, found), by_clinic=each)


def sums_of(scope: Scope) -> Mapping[tuple[str, int], Sum]:
    """What the rows of each figure add up to, by name and clinic."""
    sums: defaultdict[tuple[str, int], Sum] = defaultdict(Sum)
    for name, clinic, number, whole in rows(SCOPE + SUMS, {**scope.parameters(), **money.PARAMETERS}):
        sums[name, clinic] = Sum(number or Decimal(), whole or Decimal())
    return sums


SUMS = " UNION ALL ".join(
    f"SELECT '{name}', clinic_id, sum(number), sum(whole) FROM ({ROWS[name]}) {name} GROUP BY clinic_id"
    for name in [*SUMMED, "treatments_booked"]
)


def figures_of(scope: Scope, found: Found) -> Figures:
    """What was found of the scope's clinics, added up."""
    ids = set(scope.ids)
    units = [unit for unit in found.units if unit.clinic in ids]
    sums = {name: sum((found.sums[name, pk] for pk in ids), Sum()) for name in ROWS}
    adherence = [row for row in found.adherence if row.clinic in ids]
    sums["adherence_percent"] = sum((Sum(Decimal(row.number), Decimal(row.whole)) for row in adherence), Sum())
    outlook = ahead.Outlook(
        days=scope.days_begun(scope.clinics),
        bookings=int(sums["bookings"].number),
        treatments=int(sums["treatments_booked"].number),
        device_days=int(sums["treatments_booked"].whole),
        held=[held for held in found.held if held.clinic in ids],
        units=[unit for unit in units if unit.condition in capacity.SERVING],
    )
    numbers = {
        "days": outlook.days,
        "outlook": outlook,
        "seconds_out": sums["utilisation_percent"].number,
        "seconds_owned": sums["utilisation_percent"].whole,
        **{name: int(sums[name].number) for name in SUMMED},
        **{name: sums[name].number.quantize(CENT) for name in AMOUNTS},
        **{name: percent(*sums[name]) for name in PERCENTAGES},
        "cost_per_treatment": amount_each(*sums["cost_per_treatment"]),
        **capacity.device_counts(units),
        **{band: len(use.in_band(adherence, band)) for band in use.BANDS},
        **turnaround([row.number for row in found.turnaround if row.clinic in ids]),
        **ahead.ahead(outlook, scope),
    }
    rounded = {name: one_decimal(value) if name.endswith("_weeks") else value for name, value in numbers.items()}
    return Figures(scope=scope, clinic=scope.clinics[0] if len(ids) == 1 else None, numbers=rounded)


def turnaround(days: Sequence[Decimal]) -> dict[str, float | None]:
    """The median and the ninetieth percentile, in days."""
    if not days:
        return {"turnaround_median": None, "turnaround_ninetieth": None}
    tenths = quantiles(days if len(days) > 1 else [*days, *days], n=10, method="inclusive")
    return {"turnaround_median": one_decimal(tenths[4]), "turnaround_ninetieth": one_decimal(tenths[8])}


def percent(part: Decimal, whole: Decimal) -> float | None:
    return one_decimal(100 * part / whole) if whole else None


def amount_each(amount: Decimal, number: Decimal) -> Decimal | None:
    """AUD each, rounded half up; None where there is none."""
    return (amount / number).quantize(CENT, ROUND_HALF_UP) if number else None


def one_decimal(number: Decimal | None) -> float | None:
    return None if number is None else float(number.quantize(Decimal("0.1"), ROUND_HALF_UP))
