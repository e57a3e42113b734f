"""Making what the devices say and what the desk says agree, again and again."""

from collections.abc import Sequence
from datetime import datetime

from devices.models import Allowance
from rentals.reconciliation import allowances, clock_correction, discrepancies
from rentals.reconciliation.attribution import attribute


def reconcile(devices: Sequence[int], at: datetime) -> None:
    """Rewrite what follows from the records of the devices (ids): allowances of readings, rentals, discrepancies.

    The raw records stay as they are. The caller holds the transaction and the devices' locks.
    """
    allowances.attach_readings(devices)
    allowances.recount(devices)
    attribute(devices)
    discrepancies.detect(devices, at)


def correct_taken(devices: Sequence[int]) -> None:
    """After an import: correct by all read-outs what was taken by one, and what counts when and for whom by that."""
    corrected = clock_correction.correct(clock_correction.restless(devices))
    provisional = Allowance.objects.filter(device__in=devices, provisional=True).values_list("device", flat=True)
    if unsettled := sorted({*corrected, *provisional}):
        allowances.settle_known(unsettled)
    if corrected:
        attribute(corrected)


def reconcile_whole(devices: Sequence[int], at: datetime) -> None:
    """`reconcile`, and before it what read-outs and rulings tell: corrected times and provisional allowances."""
    clock_correction.correct(devices)
    allowances.settle_known(devices)
    reconcile(devices, at)
