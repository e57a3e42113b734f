"""Reservations whose device was taken away (Words: at risk)."""

from collections.abc import Iterable
from datetime import datetime

from config.models import User
from rentals.lifecycle import record
from rentals.models import Holding


def put_at_risk(devices: Iterable[int], *, cause: str, at: datetime, actor: User | None) -> int:
    """Take `devices` (ids, locked by the caller) from their reservations not yet handed over; returns how many."""
    holdings = Holding.objects.filter(device__in=list(devices), live=True, out__isnull=True)
    endangered = list(holdings.select_related("rental").order_by("pk"))
    holdings.update(device=None)
    for holding in endangered:
        record(holding.rental, "at_risk", old=holding.rental.state, at=at, now=at, actor=actor, reason=cause)
    return len(endangered)
