"""Looking for a device before booking one: refused is what a booking would be refused for (I2)."""

from datetime import datetime

from config.models import User
from rentals.booking.availability import Found, Need, search
from rentals.booking.book import check_days, check_plan
from rentals.booking.desk_days import refuse_full_days


def find_devices(need: Need, *, at: datetime, actor: User) -> Found:
    """Which devices of the clinic fit `need`, best first, and why how many others do not.

    Raises for its days and its treatments what `book` raises: `clinic_closed`, `desk_full`, `too_far_back`, `invalid`.
    """
    check_days(need.clinic, need.starts_on, need.due_on, at=at, actor=actor)
    refuse_full_days(need.clinic, {"starts_on": need.starts_on, "due_on": need.due_on}, at)
    check_plan(need.clinic, need.treatments, name="treatments")
    return search(need, at)
