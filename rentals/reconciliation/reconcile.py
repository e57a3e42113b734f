"""Making what the devices say and what the desk says agree, again and again."""

from collections.abc import Sequence
from datetime import datetime

from rentals.reconciliation import allowances, discrepancies
from rentals.reconciliation.attribution import attribute


def reconcile(devices: Sequence[int], at: datetime) -> None:
    """Rewrite what follows from the records of the devices (ids): allowances of readings, rentals, discrepancies.

    The raw records stay as they are. The caller holds the transaction and the devices' locks.
    """
    allowances.attach_readings(devices)
    allowances.recount(devices)
    attribute(devices)
    discrepancies.detect(devices, at)
