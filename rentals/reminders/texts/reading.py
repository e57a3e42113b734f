"""What the words of several reminders read of their rentals, at once for all that need it."""

from collections.abc import Sequence

from django.db.models import Prefetch, prefetch_related_objects

from devices.models import Device
from rentals.models import Reminder
from rentals.reminders.texts.placeholders import BACK

Kind = Reminder.Kind
DEVICES = Prefetch("holdings__device", Device.objects.with_counters())
# Which kinds read what: the parts to bring back; what is left; what was paid.
READS = (
    (BACK, "holdings"),
    ((Kind.TREATMENTS_LOW,), DEVICES),
    ((Kind.BOND_REFUNDED, Kind.RECEIPT), "ledger"),
)


def read_at_once(reminders: Sequence[Reminder]) -> None:
    """Have the rentals of `reminders` know what their words ask for."""
    for kinds, lookup in READS:
        prefetch_related_objects([reminder.rental for reminder in reminders if reminder.kind in kinds], lookup)
    expected = [reminder.rental for reminder in reminders if reminder.rental.return_expected_at]
    prefetch_related_objects(expected, "moves")  # whether that was arranged
