"""What went out and did not come back, and the fees that are proposed for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from config.words import in_sentence
from rentals.models import Holding, Rental
from rentals.models.holdings import Part

STAYS_WITH_PATIENT = frozenset({Part.STRAP, Part.CAP, Part.GEL})

# AUD. Proposals: whoever inspects may change or leave out each of them before it is posted.
# A main unit has no fee here: it is charged at the replacement price of the rental's terms.
PROPOSED_FEES = {
    Part.TRANSDUCER: Decimal("350.00"),
    Part.CARD: Decimal("250.00"),
    Part.CHARGER: Decimal("85.00"),
    Part.CASE: Decimal("40.00"),
}


@dataclass(frozen=True)
class MissingPart:
    """A part that is not back, and the fee proposed for it (AUD)."""

    part: Part
    fee: Decimal

    @property
    def words(self) -> str:
        return in_sentence(self.part.label)

    @property
    def kind(self) -> str:
        """What the fee is for, as the ledger keeps it: in English."""
        return f"Missing {self.part.value.replace('_', ' ')}"


def expected_back(given: Iterable[str]) -> list[Part]:
    """Those of the `given` parts that have to come back, in the order of `Part`."""
    went_out = set(given)
    return [part for part in Part if part in went_out and part not in STAYS_WITH_PATIENT]


def missing_parts(rental: Rental, given: Iterable[str], back: Iterable[str]) -> list[MissingPart]:
    """Those of the `given` parts that have to come back and are not among those that are `back`."""
    came = set(back)
    return [MissingPart(part, fee_for(part, rental)) for part in expected_back(given) if part not in came]


def fee_for(part: Part, rental: Rental) -> Decimal:
    """What is proposed to be charged for a lost `part` (AUD)."""
    return rental.terms.replacement_price if part == Part.MAIN_UNIT else PROPOSED_FEES[part]


def missing_after_return(rental: Rental) -> list[MissingPart]:
    """What did not come back with the device that came back last; none while nothing has."""
    holding = Holding.objects.filter(rental=rental, live=False, out__isnull=False).order_by("out").last()
    return missing_parts(rental, holding.parts_out, holding.parts_back) if holding else []
