"""Recorded wrongly: what a manager puts right afterwards; what stood there stays in the history (I4)."""

from rentals.correction.address import correct_contact
from rentals.correction.details import correct_details
from rentals.correction.device import correct_device, last_out, mixed_up_with
from rentals.correction.patient import correct_patient_of

__all__ = ["correct_contact", "correct_details", "correct_device", "correct_patient_of", "last_out", "mixed_up_with"]
