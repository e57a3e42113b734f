"""What the rental agreement says, and which of it binds: what has to be signed anew when it changes."""

from typing import Any

from django.utils import translation

from rentals.deciding import live_holding
from rentals.models import Rental
from rentals.papers.keeping import digest_of
from rentals.papers.parties import clinic_facts, guardian_line, is_minor, patient_lines
from rentals.papers.words import LANGUAGE, counted, day, line, money, paragraphs
from rentals.terms import terms_in_words

TITLE = "Rental agreement"
PARTS = [
    "Given with the device and brought back with it, as far as they belong to this model: main unit, transducer, "
    "charger, treatment card, carry case.",
    "For your own use only, and yours to keep or throw away: strap, cap, gel.",
    "What you were given is noted when the device is handed over.",
]
CARE = [
    "Use the device as your clinician has shown you, only for yourself and only where it was prescribed.",
    "Wipe the transducer and the strap with a soft, slightly damp cloth after each treatment. Keep the device dry; "
    "never put it under water.",
    "Use only the gel that was given to you, and not after the date on the bottle.",
    "Do not open, repair or lend the device. If it is damaged, or does not work as it should, stop using it and call "
    "us.",
]
LABEL = [
    "The manufacturer labels this device for use by a single patient. The clinic cleans and inspects each device "
    "between patients and lets it on its own responsibility. By signing you say that you were told so and accept it.",
    "Some injuries for which clinicians prescribe this device are not among the uses on its label. Your clinician has "
    "told you whether that is so for yours. By signing you say that you were told so and accept it.",
    "How an injury responds differs from person to person. Nothing in this agreement is a statement about the result.",
]
PRIVACY = [
    "We keep what is needed to treat you, to run this hire and to keep the books: your name and how to reach you, your "
    "injury, the device, and when it was used, which the device records.",
    "Only staff of the clinic see it, and each look is recorded. We pass it on only where the law asks for it.",
    "You may ask us to see what we keep, to have it corrected, and to have it erased when it is no longer needed.",
]
EXCHANGE = (
    "Until it is handed over, the clinic may choose another device that suits your treatment as well. The serial "
    "number of the one that you are given is noted then; it stands in your statement and on the receipt for its return."
)


def binding_digest(rental: Rental) -> str:
    """A number for what the two sides agree on: who, until when, how many treatments, under which terms.

    The device is not among it, for the planner may put a reservation on another one until the hand-over; nor is the
    day of collection, from which the hire counts whenever it comes, nor how to reach either side.
    """
    patient = rental.patient
    who = [patient.name, patient.date_of_birth.isoformat()]
    course = [rental.due_on.isoformat(), rental.planned_treatments, rental.prescribed_per_day]
    return digest_of([rental.reference, who, course, rental.terms_id])


def agreement_facts(rental: Rental) -> dict[str, Any]:
    """All that the agreement says of the rental, as it stands now; without a signature."""
    with translation.override(LANGUAGE):
        return {
            "title": TITLE,
            "footer": f"{TITLE}, rental {rental.reference}",
            "reference": rental.reference,
            "clinic": clinic_facts(rental.clinic),
            "patient": patient_lines(rental.patient),
            "patient_pk": rental.patient_id,
            "minor": is_minor(rental.patient, rental.starts_on),
            "guardian": guardian_line(rental.patient),
            "device": device_pairs(rental),
            "exchange": EXCHANGE,
            "course": course_pairs(rental),
            "fees": fee_pairs(rental),
            "sections": [
                {"title": "Parts", "points": PARTS},
                {"title": "Care and cleaning", "points": CARE},
                {"title": "Bringing it back", "points": return_words(rental)},
                {"title": "The label, and use outside it", "points": LABEL},
                {"title": "Privacy", "points": PRIVACY},
            ],
            "terms": {"version": rental.terms.version, "text": paragraphs(terms_in_words(rental.terms))},
            "signature": None,
        }


def device_pairs(rental: Rental) -> list[list[str]]:
    holding = live_holding(rental)
    device = holding.device if holding else None
    if device is None:
        return [["Device", "is chosen by the hand-over"]]
    part_number = f", part number {line(device.model.part_number)}" if device.model.part_number else ""
    return [["Device", f"{line(device.model.name)}{part_number}"], ["Serial number", line(device.serial)]]


def course_pairs(rental: Rental) -> list[list[str]]:
    a_day = counted(rental.prescribed_per_day, "treatment")
    return [
        ["Planned collection", day(rental.starts_on)],
        ["Due back", day(rental.due_on)],
        ["Treatments", f"{rental.planned_treatments} planned in all, {a_day} a day as prescribed"],
    ]


def fee_pairs(rental: Rental) -> list[list[str]]:
    """What the terms of the booking charge."""
    terms = rental.terms
    weeks = "a part week counts as a full one" if terms.part_weeks_as_full else "a part week counts by the day"
    gst = "All amounts are in Australian dollars" + (" and include GST." if rental.clinic.charges_gst else ".")
    return [
        ["Hire", f"{money(terms.weekly_hire)} a week, at least {counted(terms.minimum_weeks, 'week')}; {weeks}"],
        ["Bond", f"{money(terms.bond)}, held until the device has been inspected"],
        ["Late return", f"{money(terms.late_fee_per_day)} for each day after the due day"],
        ["Device kept", kept_words(rental)],
        ["Damage, parts missing", "what the repair or the part costs, wear and tear excepted"],
        ["Currency", gst],
    ]


def kept_words(rental: Rental) -> str:
    terms = rental.terms
    credit = terms.hire_credit_percent
    less = f", less {credit} % of the hire paid until then" if credit else ""
    return f"{money(terms.replacement_price)}{less}"


def return_words(rental: Rental) -> list[str]:
    deemed = rental.terms.deemed_kept_after_days
    words = [
        f"Bring the device back on {day(rental.due_on)} or before, clean and with all its parts, during opening hours.",
        "If you need it longer, ask us before the due day. A longer hire is agreed when you have signed for it.",
        "The hire is charged until the device is back. Then we inspect it, take what is unpaid from the bond, and pay "
        "you the rest.",
    ]
    if deemed is None:
        return words
    return [
        *words,
        f"If it is more than {counted(deemed, 'day')} late and we cannot reach you, we may treat it as kept by you and "
        "charge the price above.",
    ]
