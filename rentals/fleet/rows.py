"""What a figure is made of: exactly the devices, rentals and entries that it counts, one by one.

Of a rental the reference is shown and the device, nothing of the patient; so reading rows is recorded no more than
reading figures is (I10).
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING, Any

from django.utils import translation
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from devices.models import Device
from rentals.fleet import capacity, use
from rentals.fleet.definitions import DEFINITIONS, unit_words
from rentals.fleet.exports import plain
from rentals.fleet.figures import ROWS
from rentals.fleet.money import PARAMETERS
from rentals.fleet.scope import SCOPE, Row, Scope
from rentals.models import Rental
from rentals.papers.words import LANGUAGE
from rentals.reconciliation.sql import rows

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


# What looks ahead follows from what was asked for.
MADE_OF = {
    "turnaround_median": "turnaround",
    "turnaround_ninetieth": "turnaround",
    **{
        definition.name: "treatments_booked"
        for definition in DEFINITIONS
        if definition.name.startswith("runway") or definition.name in ("units_to_buy", "cards_to_order", "buy_by")
    },
}
# How the numbers of a row are headed: the number and, where it is a part of something, that.
HEADINGS: "dict[str, tuple[StrOrPromise, StrOrPromise]]" = {
    "utilisation_percent": (_("Hours with patients"), _("Hours in all")),
    "adherence_percent": (_("Days done"), _("Days judged")),
    "treatments_booked": (_("Treatments"), _("Days of a device")),
    "turnaround": (_("Days"), ""),
    "cost_per_treatment": (_("Spent (AUD)"), _("Treatments since")),
    "hire_against_purchase_percent": (_("Hire (AUD)"), _("Purchase price (AUD)")),
}
SECONDS_AN_HOUR = 3600
TENTH = Decimal("0.1")


@dataclass(frozen=True)
class Line:
    """One row as people read it."""

    site: str
    device: Device | None
    reference: str
    detail: str
    day: date | None
    number: Any
    whole: Any


def rows_for(figure: str, scope: Scope) -> list[Row]:
    """The rows of which `figure` (a name of definitions.py) is made, in one query or a fixed number of them."""
    name = MADE_OF.get(figure, figure)
    if name in capacity.COUNTED:
        return capacity.device_rows(capacity.units(scope), name)
    if name == "adherence_percent":
        return use.adherence_rows(scope)
    if name in use.BANDS:
        return use.in_band(use.adherence_rows(scope), name)
    ordered = f"{SCOPE} SELECT * FROM ({ROWS[name]}) found ORDER BY clinic_id, day, rental_id, device_id"
    return [Row(*found) for found in rows(ordered, {**scope.parameters(), **PARAMETERS})]


def headings(figure: str) -> tuple[str, str]:
    """How the numbers of the rows of `figure` are headed."""
    unit = next(definition.unit for definition in DEFINITIONS if definition.name == figure)
    unit_alone = (capfirst(unit_words(unit)) if unit.islower() else unit, "")
    number, whole = HEADINGS.get(MADE_OF.get(figure, figure), unit_alone)
    return str(number), str(whole)


def lines(figure: str, found: Sequence[Row], scope: Scope) -> list[Line]:
    """`found` with serials and references, in three queries at most."""
    rentals = {row.rental for row in found if row.rental}
    references = dict(Rental.objects.filter(pk__in=rentals).values_list("pk", "reference"))
    held = dict(rows(LAST_DEVICES, [list(rentals)]))
    devices = Device.objects.select_related("model").in_bulk(
        {row.device for row in found if row.device} | set(held.values())
    )
    sites = {clinic.pk: clinic.name for clinic in scope.clinics}
    return [
        Line(
            site=sites[row.clinic],
            device=devices.get(row.device or held.get(row.rental or 0, 0)),
            reference=references.get(row.rental or 0, ""),
            detail=row.detail,
            day=row.day,
            number=shown(figure, row.number),
            whole=shown(figure, row.whole),
        )
        for row in found
    ]


def total(figure: str, found: Iterable[Row]) -> tuple[Any, Any]:
    """What the rows are together; None for the whole where there is none, and for both where adding up says nothing."""
    numbers = list(found)
    if MADE_OF.get(figure) == "turnaround" or not numbers:
        return None, None
    wholes = [row.whole for row in numbers if row.whole is not None]
    number = sum(row.number for row in numbers)
    return shown(figure, number), shown(figure, sum(wholes)) if wholes else None


def shown(figure: str, number: Any) -> Any:
    """As people read it: seconds as hours, and no more decimals than anybody wants."""
    if number is None or isinstance(number, int):
        return number
    if figure == "utilisation_percent":
        return (number / SECONDS_AN_HOUR).quantize(TENTH)
    if MADE_OF.get(figure) == "turnaround":
        return number.quantize(TENTH)
    return int(number) if number == number.to_integral_value() and number.as_tuple().exponent == 0 else number


def as_csv(figure: str, found: Sequence[Row], scope: Scope) -> bytes:
    """UTF-8, a line a row, headed in English whoever asks for it; no cell is run as a formula."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    with translation.override(LANGUAGE):
        headed = [heading for heading in headings(figure) if heading]
    writer.writerow(["site", "device", "rental", "detail", "day", *headed])
    for line in lines(figure, found, scope):
        about = [line.site, line.device.serial if line.device else "", line.reference, line.detail]
        numbers = [line.number, line.whole] if len(headed) > 1 else [line.number]
        writer.writerow([*map(plain, about), line.day, *numbers])
    return text.getvalue().encode()


LAST_DEVICES = """
    SELECT DISTINCT ON (rental_id) rental_id, device_id FROM rentals_holding
    WHERE rental_id = ANY(%s) AND device_id IS NOT NULL ORDER BY rental_id, id DESC
"""
