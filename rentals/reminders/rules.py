"""When a site wants each kind told: the defaults, and what the site's own rules say instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time

from django.db.models import prefetch_related_objects

from config.models import Clinic
from rentals.models import Reminder, ReminderRule

Kind = Reminder.Kind
Days = ReminderRule.Days

# What is not strictly about the hire: a patient may do without it, and nobody phones to say it.
ADVICE_KINDS = frozenset({Kind.FIRST_DAYS, Kind.DAYS_MISSED, Kind.IMAGING_DUE, Kind.RETURNED_THANKS})
# What staff say by phone where no mail can; a receipt is a paper, and nothing is to be done about it.
PHONED_KINDS = frozenset(Kind) - ADVICE_KINDS - {Kind.RECEIPT}
# What staff say by phone even to a patient who wants no mail: a device waits, or is waited for.
PHONED_THOUGH_OPTED_OUT = frozenset({Kind.COLLECT_TOMORROW, Kind.DUE_SOON, Kind.DUE_TODAY, Kind.OVERDUE, Kind.OFFER})
# What goes with a treatment that goes on: neither told of an injury that has healed nor of a device that was recalled.
TREATING_KINDS = frozenset({Kind.FIRST_DAYS, Kind.DAYS_MISSED, Kind.TREATMENTS_LOW, Kind.GEL_LOW})


@dataclass(frozen=True)
class Rule:
    """When one kind is told: so many `days` before (negative) or after what it is about, at the local time `at`.

    `at` None: when the sending hours begin. `threshold`: unused days in a row (days_missed), treatments left
    (treatments_low, gel_low); None for the others.
    """

    days: tuple[int, ...] = (0,)
    enabled: bool = True
    counted_in: str = Days.CALENDAR
    at: time | None = None
    threshold: int | None = None


DEFAULTS: Mapping[str, Rule] = {
    Kind.AGREEMENT_TO_SIGN: Rule(days=(1,)),
    Kind.COLLECT_TOMORROW: Rule(days=(-1,)),
    Kind.FIRST_DAYS: Rule(days=(3,)),
    Kind.DAYS_MISSED: Rule(threshold=3),
    Kind.TREATMENTS_LOW: Rule(threshold=10),
    Kind.GEL_LOW: Rule(threshold=15),
    Kind.IMAGING_DUE: Rule(days=(-7,)),
    Kind.DUE_SOON: Rule(days=(-7, -3, -1)),
    Kind.DUE_TODAY: Rule(),
    Kind.OVERDUE: Rule(days=(1, 3, 7, 14)),
    Kind.OFFER: Rule(),
    Kind.HOW_TO_RETURN: Rule(),
    Kind.RETURNED_THANKS: Rule(),
    Kind.BOND_REFUNDED: Rule(),
    Kind.RECEIPT: Rule(),
}


KEPT_AS = "reminder_rules_by_kind"


def rules_of(clinic: Clinic) -> dict[str, Rule]:
    """The rule of each kind at `clinic`; read once an instance, which judges thousands of reminders."""
    known: dict[str, Rule] | None = vars(clinic).get(KEPT_AS)
    if known is None:
        prefetch_related_objects([clinic], "reminder_rules")
        known = vars(clinic)[KEPT_AS] = {**DEFAULTS, **{row.kind: rule_in(row) for row in clinic.reminder_rules.all()}}
    return known


def rule_in(row: ReminderRule) -> Rule:
    return Rule(tuple(sorted(row.days)), row.enabled, row.counted_in, row.at, row.threshold)
