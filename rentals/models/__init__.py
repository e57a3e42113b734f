from rentals.models.access import CalendarFeed, PatientLink, PortalSession
from rentals.models.care import GelSupply, PatientDay
from rentals.models.discrepancies import Discrepancy
from rentals.models.holdings import Holding
from rentals.models.ledger import LedgerEntry
from rentals.models.messages import Message, MessageReport, MessageTemplate
from rentals.models.papers import Paper, Signature
from rentals.models.reminders import Reminder, ReminderRule
from rentals.models.rental import Move, Priority, Rental
from rentals.models.requests import StoredAnswer
from rentals.models.staff_tasks import StaffTask
from rentals.models.usage import ClockRuling, Pause, Treatment, UsageImport, UsageRoute

__all__ = [
    "CalendarFeed",
    "ClockRuling",
    "Discrepancy",
    "GelSupply",
    "Holding",
    "LedgerEntry",
    "Message",
    "MessageReport",
    "MessageTemplate",
    "Move",
    "Paper",
    "PatientDay",
    "PatientLink",
    "Pause",
    "PortalSession",
    "Priority",
    "Reminder",
    "ReminderRule",
    "Rental",
    "Signature",
    "StaffTask",
    "StoredAnswer",
    "Treatment",
    "UsageImport",
    "UsageRoute",
]
