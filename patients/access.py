"""The access log: every staff read or change of a patient's record is written down (I10)."""

from collections.abc import Iterable
from datetime import datetime

from config.models import User
from patients.models import Access


def record_access(user: User, patients: Iterable[int], action: Access.Action, at: datetime) -> None:
    """Write that `user` read or changed the records of `patients` (ids), one line each, in one insert."""
    lines = [Access(user=user, patient_id=patient, action=action, at=at) for patient in sorted(set(patients))]
    Access.objects.bulk_create(lines)
