"""What has to be known of many reminders to judge them, read in a constant number of queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from config.models import Clinic
from devices.models import Device
from patients.models import SuppressedAddress
from rentals.models import Holding, LedgerEntry, Reminder, Rental
from rentals.reminders.addressees import address
from rentals.reminders.conditions import FINDERS, standing
from rentals.reminders.occasions import number_in
from rentals.reminders.rules import TREATING_KINDS, Kind, rules_of
from rentals.reminders.schedule import Step, latest_step, steps_of
from rentals.reminders.series import Series, is_signed

ENTRY_KINDS = frozenset({Kind.RECEIPT, Kind.BOND_REFUNDED})


Standing = tuple[tuple[Step, ...], Step | None]


@dataclass(frozen=True)
class Known:
    """`signed` and `recalled` are rentals (ids), `standing` reminders, `reversed` ledger entries; `suppressed` are
    addresses in lower case with the reason."""

    signed: frozenset[int]
    recalled: frozenset[int]
    standing: frozenset[int]
    reversed: frozenset[int]
    suppressed: dict[str, str]
    at: datetime
    _steps: dict[tuple[int, Series, date], Standing] = field(default_factory=dict)

    def steps(self, series: Series, clinic: Clinic, anchor: date) -> Standing:
        """The steps of `series` for an anchor day and the latest one that may be told; reckoned once for many."""
        key = (clinic.pk, series, anchor)
        if key not in self._steps:
            steps = steps_of(series.kinds, rules_of(clinic))
            self._steps[key] = steps, latest_step(steps, anchor, clinic, self.at)
        return self._steps[key]


def known_of(reminders: Sequence[Reminder], at: datetime) -> Known:
    """What decides about `reminders` (with rental, clinic, patient, contact and payer) at the moment `at`."""
    agreements = rentals_of(reminders, {Kind.AGREEMENT_TO_SIGN})
    treating = rentals_of(reminders, TREATING_KINDS)
    entries = {number_in(reminder) for reminder in reminders if reminder.kind in ENTRY_KINDS}
    return Known(
        signed=frozenset(signed_of(agreements) if agreements else ()),
        recalled=frozenset(recalled_of(treating) if treating else ()),
        standing=frozenset(reminder.pk for reminder in still_standing(reminders, at)),
        reversed=frozenset(reversed_of(entries) if entries else ()),
        suppressed=suppressed_of({address(reminder) for reminder in reminders}),
        at=at,
    )


def rentals_of(reminders: Iterable[Reminder], kinds: Iterable[str]) -> set[int]:
    return {reminder.rental_id for reminder in reminders if reminder.kind in kinds}


def signed_of(rentals: Iterable[int]) -> Iterable[int]:
    return Rental.objects.filter(is_signed(), pk__in=rentals).values_list("pk", flat=True)


def recalled_of(rentals: Iterable[int]) -> Iterable[int]:
    held = Holding.objects.filter(rental__in=rentals, live=True, device__condition=Device.Condition.RECALLED)
    return held.values_list("rental", flat=True)


def reversed_of(entries: Iterable[int]) -> Iterable[int]:
    return LedgerEntry.objects.filter(pk__in=entries, reversal__isnull=False).values_list("pk", flat=True)


def suppressed_of(addresses: Iterable[str]) -> dict[str, str]:
    found = SuppressedAddress.objects.filter(address__in=addresses, lifted_at=None)
    return dict(found.values_list("address", "why"))


def still_standing(reminders: Iterable[Reminder], at: datetime) -> Iterable[Reminder]:
    """Those about a condition that is still so."""
    groups = defaultdict(list)
    for reminder in reminders:
        if reminder.kind in FINDERS:
            groups[reminder.kind, reminder.rental.clinic].append(reminder)
    for (kind, clinic), ones in groups.items():
        yield from standing(kind, clinic, rules_of(clinic)[kind], at, ones)
