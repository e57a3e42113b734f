"""What each figure of the fleet means, in the words that people read: on the page, in the files, in the API."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """One figure: its field in `Figures` and in the API, its heading, its unit and one sentence of meaning.

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


DEFINITIONS = (
    Definition(
        "devices",
        "Devices",
        "devices",
        "In the fleet: ready, in quarantine, in repair or recalled, at the clinic or with a patient.",
    ),
    Definition("out", "Out", "devices", "Of the fleet, with a patient; overdue and recalled ones too."),
    Definition(
        "treatments_delivered",
        "Treatments delivered",
        "treatments",
        "Sessions that the clinic's devices logged in the period; records of 0 seconds do not count.",
    ),
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
        "unknown_capacity",
        "Capacity unknown",
        "devices",
        "Of the fleet, those whose capacity nobody knows; remaining, promised and free leave them out.",
    ),
    Definition("past_nominal", "Past nominal", "devices", "Of the fleet, those used beyond their nominal number."),
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
    Definition("overdue", "Overdue", "rentals", "Active rentals whose due day is over."),
    Definition(
        "income",
        "Income",
        "AUD",
        "Hire, late fees, other fees and devices sold to patients in the period, less what was reversed in it.",
    ),
    Definition("bonds_held", "Bonds held", "AUD", "What is kept of the patients' bonds and not settled yet."),
    Definition(
        "runway_weeks",
        "Runway",
        "weeks",
        "For how long the free treatments last at the pace of the treatments delivered in the period.",
    ),
)
MEANINGS = {definition.name: definition.meaning for definition in DEFINITIONS}
