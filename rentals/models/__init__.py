from rentals.models.access import CalendarFeed, PatientLink, PortalSession
from rentals.models.care import GelSupply, PatientDay
from rentals.models.checklists import Checklist, Photo
from rentals.models.discrepancies import Discrepancy
from rentals.models.holdings import Holding
from rentals.models.ledger import LedgerEntry
from rentals.models.messages import Message, MessageReport, MessageTemplate
from rentals.models.monthly_reports import MonthlyReport
from rentals.models.papers import Paper, Signature
from rentals.models.reminders import Reminder, ReminderRule
from rentals.models.rental import Move, Priority, Rental
from rentals.models.requests import StoredAnswer
from rentals.models.sheets import Sheet
from rentals.models.staff_tasks import StaffTask
from rentals.models.stock_takes import StockFinding, StockScan, StockTake
from rentals.models.usage import ClockRuling, Pause, Treatment, UsageImport, UsageRoute

__all__ = [
    "CalendarFeed",
    "Checklist",
    "ClockRuling",
    "Discrepancy",
    "GelSupply",
    "Holding",
    "LedgerEntry",
    "Message",
    "MessageReport",
    "MessageTemplate",
    "MonthlyReport",
    "Move",
    "Paper",
    "PatientDay",
    "PatientLink",
    "Pause",
    "Photo",
    "PortalSession",
    "Priority",
    "Reminder",
    "ReminderRule",
    "Rental",
    "Sheet",
    "Signature",
    "StaffTask",
    "StockFinding",
    "StockScan",
    "StockTake",
    "StoredAnswer",
    "Treatment",
    "UsageImport",
    "UsageRoute",
]
