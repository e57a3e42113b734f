"""The days of a rental as a calendar, a week a row and a sign a day, and what the clinic's rule says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.translation import gettext_lazy

from config.models import Clinic
from rentals.models import PatientDay, Rental
from rentals.reconciliation.days import Adherence, Day

# Status, its sign (so that nobody needs the colour), and what it means.
LEGEND = (
    ("done", "✓", gettext_lazy("done")),
    ("short", "◐", gettext_lazy("less than prescribed")),
    ("none", "✕", gettext_lazy("no treatment")),
    ("paused", "Ⅱ", gettext_lazy("paused")),
    ("unknown", "?", gettext_lazy("nothing is known")),
)
SIGNS = {status: sign for status, sign, _meaning in LEGEND}
MEANINGS = {status: meaning for status, _sign, meaning in LEGEND}


@dataclass(frozen=True)
class Cell:
    """One day: its status, sign and meaning, how many treatments there were, and whether the patient said to have
    treated (None: said nothing)."""

    date: date
    status: str
    treatments: int
    said: bool | None

    @property
    def sign(self) -> str:
        return SIGNS[self.status]

    @property
    def meaning(self) -> str:
        return str(MEANINGS[self.status])


@dataclass(frozen=True)
class Week:
    """Monday to Sunday; None for a day that is not of the rental."""

    monday: date
    cells: list[Cell | None]


def said_on(rental: Rental) -> dict[date, bool]:
    """The patient's word of each local day that they gave it for: whether they treated."""
    return dict(PatientDay.objects.filter(rental=rental).values_list("day", "treated"))


def weeks_of(days: Sequence[Day], said: Mapping[date, bool]) -> list[Week]:
    """The weeks that hold `days`, which follow each other without a gap, with what the patient `said` of them."""
    weeks: list[Week] = []
    for day in days:
        monday = day.date - timedelta(days=day.date.weekday())
        if not weeks or weeks[-1].monday != monday:
            weeks.append(Week(monday, [None] * 7))
        weeks[-1].cells[day.date.weekday()] = Cell(day.date, day.status, day.treatments, said.get(day.date))
    return weeks


def is_adherent(adherence: Adherence, clinic: Clinic) -> bool | None:
    """Whether the share of days done reaches the clinic's rule; None while no day can be judged."""
    judged = adherence.done + adherence.short + adherence.none
    return 100 * adherence.done >= clinic.adherent_from_percent * judged if judged else None
