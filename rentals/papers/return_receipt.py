"""What the receipt for a return says: which device came back, when, in which condition, with which parts."""

from typing import Any

from django.utils import translation

from rentals.models import Holding, Rental
from rentals.models.holdings import Part
from rentals.papers.parties import clinic_facts, patient_lines
from rentals.papers.words import LANGUAGE, line, moment

TITLE = "Return receipt"
PARTS = {
    Part.MAIN_UNIT: "Main unit",
    Part.TRANSDUCER: "Transducer",
    Part.CHARGER: "Charger",
    Part.CARD: "Treatment card",
    Part.CASE: "Carry case",
    Part.STRAP: "Strap",
    Part.CAP: "Cap",
    Part.GEL: "Gel",
}


def return_facts(rental: Rental) -> dict[str, Any]:
    """All that the receipt says of the return, as it stands now; without a signature."""
    holding = came_back(rental)
    with translation.override(LANGUAGE):
        return {
            "title": TITLE,
            "footer": f"{TITLE}, rental {rental.reference}",
            "reference": rental.reference,
            "clinic": clinic_facts(rental.clinic),
            "patient": patient_lines(rental.patient)[:1],
            "patient_pk": rental.patient_id,
            "payer": patient_lines(rental.patient)[:1],
            "device": [
                ["Device", line(holding.device.model.name)],
                ["Serial number", line(holding.device.serial)],
                ["Handed over", moment(holding.out.lower, rental.clinic)],
                ["Brought back", moment(holding.out.upper, rental.clinic)],
                ["Counter", f"{holding.counter_out} when handed over, {known(holding.counter_back)} when brought back"],
            ],
            "parts": [
                [name, yes(part in holding.parts_out), yes(part in holding.parts_back)] for part, name in PARTS.items()
            ],
            "notes": line(holding.notes) or "Nothing was noted.",
            "signature": None,
        }


def came_back(rental: Rental) -> Any:
    """The holding that ended with the return: the last one."""
    holdings = Holding.objects.filter(rental=rental, out__isnull=False, device__isnull=False)
    return holdings.select_related("device__model").latest("out")


def known(counter: int | None) -> str:
    return "not read" if counter is None else str(counter)


def yes(there: bool) -> str:
    return "yes" if there else "\u2013"
