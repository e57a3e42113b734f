"""What a patient's page shows beside the person: each hire with its days and money, papers, and who looked."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from patients.models import Access, Patient
from rentals.calendar import LEGEND, Week, is_adherent, said_on, weeks_of
from rentals.ledger import HELD_KINDS, NOTHING
from rentals.models import LedgerEntry, Paper, Rental
from rentals.overview import with_overview
from rentals.reconciliation.days import Adherence, counted, days_of

if TYPE_CHECKING:
    from rentals.overview import RentalInView

MOST_SHOWN = 30  # papers, and looks at the record


@dataclass(frozen=True)
class Hire:
    """One rental of the patient: its days by status and whether they are enough, and its money (AUD)."""

    rental: "RentalInView"
    adherence: Adherence
    adherent: bool | None
    owed: Decimal
    held: Decimal


def about(patient: Patient, at: datetime) -> dict[str, Any]:
    """For the template: the hires of `patient`, newest first, the days of the last one that went out, money, papers
    and accesses. The same number of queries for any number of each."""
    rentals = list(with_overview(Rental.objects.filter(patient=patient), at).select_related("clinic"))
    days = days_of(rentals, at)
    entries = list(LedgerEntry.objects.filter(rental__in=rentals).select_related("reverses"))
    owed, held = sums(entries), sums(entry for entry in entries if kind_of(entry) in HELD_KINDS)
    hires = [hire_of(rental, counted(days[rental.pk]), owed[rental.pk], held[rental.pk]) for rental in rentals]
    latest = next((rental for rental in rentals if days[rental.pk]), None)
    said = said_on(latest) if latest else {}
    weeks: Sequence[Week] = weeks_of(days[latest.pk], said) if latest else ()
    papers = Paper.objects.filter(rental__in=rentals).defer("content", "facts").select_related("rental__clinic")
    looks = Access.objects.filter(patient=patient).select_related("user").order_by("-at", "-pk")
    return {
        "hires": hires,
        "owed": sum((hire.owed for hire in hires), NOTHING),
        "held": sum((hire.held for hire in hires), NOTHING),
        "latest": latest,
        "weeks": weeks,
        "said": said,
        "legend": LEGEND,
        "papers": papers.order_by("-made_at", "-pk")[:MOST_SHOWN],
        "looks": looks[:MOST_SHOWN],
    }


def hire_of(rental: "RentalInView", adherence: Adherence, owed: Decimal, held: Decimal) -> Hire:
    return Hire(rental, adherence, is_adherent(adherence, rental.clinic), owed, held)


def kind_of(entry: LedgerEntry) -> str:
    """Its kind; of a reversal that of the entry that it takes back."""
    return entry.reverses.kind if entry.reverses else entry.kind


def sums(entries: Iterable[LedgerEntry]) -> defaultdict[int, Decimal]:
    """The amounts (AUD) added up, by the rental's id."""
    found: defaultdict[int, Decimal] = defaultdict(lambda: NOTHING)
    for entry in entries:
        found[entry.rental_id] += entry.amount
    return found
