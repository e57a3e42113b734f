from rentals.models.access import CalendarFeed, PatientLink
from rentals.models.discrepancies import Discrepancy
from rentals.models.holdings import Holding
from rentals.models.ledger import LedgerEntry
from rentals.models.reminders import Message, Reminder
from rentals.models.rental import Move, Priority, Rental, Signature
from rentals.models.requests import StoredAnswer
from rentals.models.usage import ClockRuling, Pause, Treatment, UsageImport, UsageRoute

__all__ = [
    "CalendarFeed",
    "ClockRuling",
    "Discrepancy",
    "Holding",
    "LedgerEntry",
    "Message",
    "Move",
    "PatientLink",
    "Pause",
    "Priority",
    "Reminder",
    "Rental",
    "Signature",
    "StoredAnswer",
    "Treatment",
    "UsageImport",
    "UsageRoute",
]
