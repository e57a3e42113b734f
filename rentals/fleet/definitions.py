"""What each figure of the fleet means, in the words that people read: on the page, in the files, in the API."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Definition:
    """One figure: its field in `Figures` and in the API, its heading, its unit and one or two sentences of meaning.

    What is counted "in the period" counts from the start of the clinic's first local day to the end of its last;
    everything else tells how things stand now.
    """

    name: str
    label: "StrOrPromise"
    unit: str
    meaning: "StrOrPromise"

    @property
    def heading(self) -> str:
        """The label, with the unit where the label does not say it."""
        label, unit = str(self.label), unit_words(self.unit)
        return label if unit.lower() in label.lower() else f"{label} ({unit})"


UNITS: "dict[str, StrOrPromise]" = {
    "devices": _("devices"),
    "treatments": _("treatments"),
    "rentals": _("rentals"),
    "discrepancies": _("discrepancies"),
    "units": _("units"),
    "cards": _("cards"),
    "weeks": _("weeks"),
    "days": _("days"),
    "day": _("day"),
}


def unit_words(unit: str) -> str:
    """A unit in words; `AUD` and `%` are the same in every language."""
    return str(UNITS.get(unit, unit))


GROUPS: "tuple[tuple[StrOrPromise, tuple[Definition, ...]], ...]" = (
    (
        _("The fleet now"),
        (
            Definition(
                "devices",
                _("Devices"),
                "devices",
                _("In the fleet: ready, in quarantine, in repair or recalled, at the clinic or with a patient."),
            ),
            Definition(
                "out",
                pgettext_lazy("a figure", "Out"),
                "devices",
                _("Of the fleet, with a patient; overdue and recalled ones too."),
            ),
            Definition(
                "remaining",
                _("Treatments remaining"),
                "treatments",
                _("What the fleet can still deliver; a device past its nominal number counts as nothing."),
            ),
            Definition(
                "promised",
                _("Treatments promised"),
                "treatments",
                _("What reserved and active rentals still need of the devices that remaining counts."),
            ),
            Definition(
                "free",
                _("Treatments free"),
                "treatments",
                _("What may still be promised: remaining less promised, device by device and never below nothing."),
            ),
            Definition(
                "overpromised",
                _("Treatments overpromised"),
                "treatments",
                _("What is promised beyond what the devices have left; free = remaining - promised + overpromised."),
            ),
            Definition(
                "stranded",
                _("Treatments stranded"),
                "treatments",
                _(
                    "Free, but on a device that has fewer left than a usual course takes (half of the site's rentals "
                    "of the last year plan no more), or that is not ready and that nobody has seen to for 30 days."
                ),
            ),
            Definition(
                "unknown_capacity",
                _("Capacity unknown"),
                "devices",
                _("Of the fleet, those whose capacity nobody knows; remaining, promised and free leave them out."),
            ),
            Definition(
                "past_nominal",
                pgettext_lazy("a figure", "Past nominal"),
                "devices",
                _("Of the fleet, those used beyond their nominal number."),
            ),
        ),
    ),
    (
        _("Use in the period"),
        (
            Definition(
                "treatments_delivered",
                _("Treatments delivered"),
                "treatments",
                _("Sessions that the clinic's devices logged in the period; records of 0 seconds do not count."),
            ),
            Definition(
                "utilisation_percent",
                _("Utilisation"),
                "%",
                _(
                    "Of the time in the period for which the clinic had the devices of the fleet, the part with "
                    "patients."
                ),
            ),
            Definition(
                "adherence_percent",
                _("Adherence"),
                "%",
                _("Of the rental days in the period, the part done; days that are paused or unknown do not count."),
            ),
            Definition(
                "adherence_under_50",
                _("Adherence under 50 %"),
                "rentals",
                _(
                    "Rentals with less than half of their days in the period done; days that are paused or unknown do "
                    "not count."
                ),
            ),
            Definition(
                "adherence_50_to_79",
                _("Adherence 50 to 79 %"),
                "rentals",
                _("Rentals with at least half, but less than 80 % of those days done."),
            ),
            Definition(
                "adherence_80_to_89",
                _("Adherence 80 to 89 %"),
                "rentals",
                _("Rentals with at least 80 %, but less than 90 % of those days done."),
            ),
            Definition(
                "adherence_from_90",
                _("Adherence 90 % and more"),
                "rentals",
                _("Rentals with at least 90 % of those days done."),
            ),
        ),
    ),
    (
        _("What lies ahead"),
        (
            Definition(
                "bookings",
                _("New rentals"),
                "rentals",
                _("Booked or put on the waiting list in the period, and not cancelled since."),
            ),
            Definition(
                "treatments_booked",
                _("Treatments of new rentals"),
                "treatments",
                _("What the new rentals plan together."),
            ),
            Definition(
                "runway_weeks",
                _("Runway"),
                "weeks",
                _(
                    "Until treatments or devices run out, whichever is first, if rentals are booked on as in the "
                    "period. It looks at devices that are ready or in quarantine."
                ),
            ),
            Definition(
                "runway_treatments_weeks",
                _("Runway of treatments"),
                "weeks",
                _("For how long their free treatments last at the pace at which new rentals planned treatments."),
            ),
            Definition(
                "runway_devices_weeks",
                _("Runway of devices"),
                "weeks",
                _(
                    "Until all are out at once: those that are held now come back as planned, and as many rentals as "
                    "in the period begin each week, each for as long as those on average, turnaround included. Not "
                    "known also where devices suffice for a year."
                ),
            ),
            Definition(
                "units_to_buy",
                _("Units to buy"),
                "units",
                _(
                    "So that devices, and treatments, last for 26 weeks at that pace; treatments alone come from "
                    "cards where models have them."
                ),
            ),
            Definition(
                "cards_to_order",
                _("Cards to order"),
                "cards",
                _("So that treatments last for 26 weeks at that pace, after the units to buy."),
            ),
            Definition(
                "buy_by",
                _("To be here by"),
                "day",
                _("The day on which the runway ends, where something has to be bought."),
            ),
        ),
    ),
    (
        _("At the desk"),
        (
            Definition(
                "overdue", pgettext_lazy("a figure", "Overdue"), "rentals", _("Active rentals whose due day is over.")
            ),
            Definition(
                "overdue_1_to_3",
                _("Overdue 1 to 3 days"),
                "rentals",
                _("Of the overdue, those whose due day was one to three days ago."),
            ),
            Definition(
                "overdue_4_to_7",
                _("Overdue 4 to 7 days"),
                "rentals",
                _("Of the overdue, those whose due day was four to seven days ago."),
            ),
            Definition(
                "overdue_8_to_14",
                _("Overdue 8 to 14 days"),
                "rentals",
                _("Of the overdue, those whose due day was eight to fourteen days ago."),
            ),
            Definition(
                "overdue_15_on",
                _("Overdue 15 days and more"),
                "rentals",
                _("Of the overdue, those whose due day was fifteen or more days ago."),
            ),
            Definition(
                "turnaround_median",
                _("Turnaround"),
                "days",
                _(
                    "From the return to the inspection that made the device ready, of those made ready in the period: "
                    "half took no longer."
                ),
            ),
            Definition(
                "turnaround_ninetieth",
                _("Turnaround of nine in ten"),
                "days",
                _("Nine of ten of them took no longer than this."),
            ),
            Definition(
                "discrepancies_opened",
                _("Discrepancies opened"),
                "discrepancies",
                _("Opened in the period, of any kind."),
            ),
            Definition(
                "discrepancies_closed",
                _("Discrepancies closed"),
                "discrepancies",
                _("Closed in the period, by a person or by later data."),
            ),
            Definition(
                "lost",
                pgettext_lazy("a figure", "Lost"),
                "devices",
                _("Reported lost in the period, by patients or at the clinic; one found again still counts."),
            ),
            Definition(
                "kept",
                pgettext_lazy("a figure", "Kept"),
                "devices",
                _("Bought, or deemed bought, by patients in the period."),
            ),
            Definition("retired", pgettext_lazy("a figure", "Retired"), "devices", _("Retired in the period.")),
        ),
    ),
    (
        _("Money"),
        (
            Definition(
                "income",
                _("Income"),
                "AUD",
                _(
                    "Hire, late fees, other fees and devices sold to patients in the period, less what was reversed "
                    "in it."
                ),
            ),
            Definition(
                "bonds_held", _("Bonds held"), "AUD", _("What is kept of the patients' bonds and not settled yet.")
            ),
            Definition(
                "spent",
                _("Spent on devices"),
                "AUD",
                _("Purchases, cards, repairs and services whose day lies in the period, less what was reversed in it."),
            ),
            Definition(
                "cost_per_treatment",
                _("Cost per treatment"),
                "AUD",
                _(
                    "All that was ever spent on the fleet's devices and not reversed, for each treatment that they "
                    "have delivered since the first of it."
                ),
            ),
            Definition(
                "hire_against_purchase_percent",
                _("Hire against purchase price"),
                "%",
                _(
                    "What the fleet's devices with a purchase price have earned in hire so far, against that price. A "
                    "rental's hire counts for the device that it has, or had last."
                ),
            ),
        ),
    ),
)
DEFINITIONS = tuple(definition for _title, group in GROUPS for definition in group)
