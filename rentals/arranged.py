"""When a device was arranged to come back: what may be told as agreed with the patient."""

from datetime import datetime

from rentals.models import Rental

CHOSEN_BY = "choose_return"  # the verb of the patient, and of staff who were told by phone


def arranged_return(rental: Rental) -> datetime | None:
    """The moment that the patient has chosen for bringing the device back; None where nobody has, or on a day that was
    closed since.

    Once healing is confirmed a device is expected at the end of a day that we reckon ourselves
    (`booking.healing.expected_back`), which nobody has promised; what can be chosen lies before closing.
    """
    expected = rental.return_expected_at
    if expected is None or all(move.verb != CHOSEN_BY for move in rental.moves.all()):
        return None
    there = expected.astimezone(rental.clinic.zone)
    hours = rental.clinic.hours_on(there.date())
    return expected if hours and there.time() != hours.closes else None
