"""Where the devices' records and the desk disagree: opened once, closed by a person."""

from datetime import datetime

from config.models import User
from rentals.models import Discrepancy


def resolve(discrepancy: Discrepancy, *, note: str, at: datetime, actor: User) -> Discrepancy:
    """Close an open discrepancy with a note. Raises `invalid` without a note, `wrong_state` when closed."""
    raise NotImplementedError
