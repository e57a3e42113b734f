"""What each figure of the fleet means, in the words that people read: on the page, in the files, in the API."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """One figure: its field in `Figures` and in the API, its heading, its unit and one or two sentences of meaning.

    What is counted "in the period" counts from the start of the clinic's first local day to the end of its last;
    everything else tells how things stand now.
    """

    name: str
    label: str
    unit: str
    meaning: str

    @property
    def heading(self) -> str:
        """The label, with the unit where the label does not say it."""
        return self.label if self.unit in self.label.lower() else f"{self.label} ({self.unit})"


GROUPS = {
    "The fleet now": (
        Definition(
            "devices",
            "Devices",
            "devices",
            "In the fleet: ready, in quarantine, in repair or recalled, at the clinic or with a patient.",
        ),
        Definition("out", "Out", "devices", "Of the fleet, with a patient; overdue and recalled ones too."),
        Definition(
            "remaining",
            "Treatments remaining",
            "treatments",
            "What the fleet can still deliver; a device past its nominal number counts as nothing.",
        ),
        Definition(
            "promised",
            "Treatments promised",
            "treatments",
            "What reserved and active rentals still need of the devices that remaining counts.",
        ),
        Definition(
            "free",
            "Treatments free",
            "treatments",
            "What may still be promised: remaining less promised, device by device and never below nothing.",
        ),
        Definition(
            "overpromised",
            "Treatments overpromised",
            "treatments",
            "What is promised beyond what the devices have left; free = remaining - promised + overpromised.",
        ),
        Definition(
            "stranded",
            "Treatments stranded",
            "treatments",
            "Free, but on a device that has fewer left than a usual course takes (half of the site's rentals "
            "of the last year plan no more), or that is not ready and that nobody has seen to for 30 days.",
        ),
        Definition(
            "unknown_capacity",
            "Capacity unknown",
            "devices",
            "Of the fleet, those whose capacity nobody knows; remaining, promised and free leave them out.",
        ),
        Definition(
            "past_nominal",
            "Past nominal",
            "devices",
            "Of the fleet, those used beyond their nominal number.",
        ),
    ),
    "Use in the period": (
        Definition(
            "treatments_delivered",
            "Treatments delivered",
            "treatments",
            "Sessions that the clinic's devices logged in the period; records of 0 seconds do not count.",
        ),
        Definition(
            "utilisation_percent",
            "Utilisation",
            "%",
            "Of the time in the period for which the clinic had the devices of the fleet, the part with patients.",
        ),
        Definition(
            "adherence_percent",
            "Adherence",
            "%",
            "Of the rental days in the period, the part done; days that are paused or unknown do not count.",
        ),
        Definition(
            "adherence_under_50",
            "Adherence under 50 %",
            "rentals",
            "Rentals with less than half of their days in the period done; days that are paused or unknown do "
            "not count.",
        ),
        Definition(
            "adherence_50_to_79",
            "Adherence 50 to 79 %",
            "rentals",
            "Rentals with at least half, but less than 80 % of those days done.",
        ),
        Definition(
            "adherence_80_to_89",
            "Adherence 80 to 89 %",
            "rentals",
            "Rentals with at least 80 %, but less than 90 % of those days done.",
        ),
        Definition(
            "adherence_from_90",
            "Adherence 90 % and more",
            "rentals",
            "Rentals with at least 90 % of those days done.",
        ),
    ),
    "What lies ahead": (
        Definition(
            "bookings",
            "New rentals",
            "rentals",
            "Booked or put on the waiting list in the period, and not cancelled since.",
        ),
        Definition(
            "treatments_booked",
            "Treatments of new rentals",
            "treatments",
            "What the new rentals plan together.",
        ),
        Definition(
            "runway_weeks",
            "Runway",
            "weeks",
            "Until treatments or devices run out, whichever is first, if rentals are booked on as in the "
            "period. It looks at devices that are ready or in quarantine.",
        ),
        Definition(
            "runway_treatments_weeks",
            "Runway of treatments",
            "weeks",
            "For how long their free treatments last at the pace at which new rentals planned treatments.",
        ),
        Definition(
            "runway_devices_weeks",
            "Runway of devices",
            "weeks",
            "Until all are out at once: those that are held now come back as planned, and as many rentals as "
            "in the period begin each week, each for as long as those on average, turnaround included. Not "
            "known also where devices suffice for a year.",
        ),
        Definition(
            "units_to_buy",
            "Units to buy",
            "units",
            "So that devices, and treatments, last for 26 weeks at that pace; treatments alone come from "
            "cards where models have them.",
        ),
        Definition(
            "cards_to_order",
            "Cards to order",
            "cards",
            "So that treatments last for 26 weeks at that pace, after the units to buy.",
        ),
        Definition(
            "buy_by",
            "To be here by",
            "day",
            "The day on which the runway ends, where something has to be bought.",
        ),
    ),
    "At the desk": (
        Definition("overdue", "Overdue", "rentals", "Active rentals whose due day is over."),
        Definition(
            "overdue_1_to_3",
            "Overdue 1 to 3 days",
            "rentals",
            "Of the overdue, those whose due day was one to three days ago.",
        ),
        Definition(
            "overdue_4_to_7",
            "Overdue 4 to 7 days",
            "rentals",
            "Of the overdue, those whose due day was four to seven days ago.",
        ),
        Definition(
            "overdue_8_to_14",
            "Overdue 8 to 14 days",
            "rentals",
            "Of the overdue, those whose due day was eight to fourteen days ago.",
        ),
        Definition(
            "overdue_15_on",
            "Overdue 15 days and more",
            "rentals",
            "Of the overdue, those whose due day was fifteen or more days ago.",
        ),
        Definition(
            "turnaround_median",
            "Turnaround",
            "days",
            "From the return to the inspection that made the device ready, of those made ready in the period: "
            "half took no longer.",
        ),
        Definition(
            "turnaround_ninetieth",
            "Turnaround of nine in ten",
            "days",
            "Nine of ten of them took no longer than this.",
        ),
        Definition(
            "discrepancies_opened",
            "Discrepancies opened",
            "discrepancies",
            "Opened in the period, of any kind.",
        ),
        Definition(
            "discrepancies_closed",
            "Discrepancies closed",
            "discrepancies",
            "Closed in the period, by a person or by later data.",
        ),
        Definition(
            "lost",
            "Lost",
            "devices",
            "Reported lost in the period, by patients or at the clinic; one found again still counts.",
        ),
        Definition("kept", "Kept", "devices", "Bought, or deemed bought, by patients in the period."),
        Definition("retired", "Retired", "devices", "Retired in the period."),
    ),
    "Money": (
        Definition(
            "income",
            "Income",
            "AUD",
            "Hire, late fees, other fees and devices sold to patients in the period, less what was reversed in it.",
        ),
        Definition("bonds_held", "Bonds held", "AUD", "What is kept of the patients' bonds and not settled yet."),
        Definition(
            "spent",
            "Spent on devices",
            "AUD",
            "Purchases, cards, repairs and services whose day lies in the period, less what was reversed in it.",
        ),
        Definition(
            "cost_per_treatment",
            "Cost per treatment",
            "AUD",
            "All that was ever spent on the fleet's devices and not reversed, for each treatment that they "
            "have delivered since the first of it.",
        ),
        Definition(
            "hire_against_purchase_percent",
            "Hire against purchase price",
            "%",
            "What the fleet's devices with a purchase price have earned in hire so far, against that price. A "
            "rental's hire counts for the device that it has, or had last.",
        ),
    ),
}
DEFINITIONS = tuple(definition for group in GROUPS.values() for definition in group)
