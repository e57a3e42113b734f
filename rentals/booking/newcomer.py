"""A booking for somebody whom the clinic does not know yet."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from config.models import Clinic, User
from patients.register import register_patient
from rentals.booking.book import Booking, book
from rentals.booking.waiting import enquire
from rentals.deciding import deciding
from rentals.models import Rental


def book_newcomer(
    person: Mapping[str, Any], course: Mapping[str, Any], *, clinic: Clinic, waits: bool, at: datetime, actor: User
) -> Rental:
    """Register `person` at `clinic` and book `course` (as `Booking` has it) for them, or where the patient `waits`, put
    them on the waiting list: both or neither.

    Raises what `register_patient` and `book` raise.
    """
    with deciding():
        patient = register_patient(clinic=clinic, at=at, actor=actor, **person)
        booking = Booking(patient=patient, clinic=clinic, **course)
        return enquire(booking, at=at, actor=actor) if waits else book(booking, at=at, actor=actor)
