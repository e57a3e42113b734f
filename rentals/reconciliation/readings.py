"""A counter value typed in at the desk, and what follows when it cannot be (I5)."""

from datetime import datetime

from config.models import User
from devices.models import Device, Reading


def take_reading(device: Device, counter: int, *, read_at: datetime, at: datetime, actor: User | None) -> Reading:
    """Keep the reading (a flagged one too) and open a discrepancy for a flagged one.

    Raises `in_the_future` (400) for a moment after `at`.
    """
    raise NotImplementedError
