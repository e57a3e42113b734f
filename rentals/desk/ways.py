"""The ways through the desk: what the menu offers, each to those who may go there."""

from dataclasses import dataclass

from django.urls import reverse


@dataclass(frozen=True)
class Way:
    """One entry of the menu: the name of its address, its words, its icon, and the action its page asks for; what is
    counted there (by `counts_of`), and the key that leads there."""

    address: str
    words: str
    icon: str
    action: str
    counted: str = ""
    key: str = ""


def here(path: str) -> str:
    """The way under which the page at `path` lies: the one whose address begins it at greatest length."""
    lengths = {way.address: len(address) for way in WAYS if path.startswith(address := reverse(way.address))}
    return max(lengths, key=lambda name: lengths[name], default="")


# What is counted on a page that shows more than that, each with the part of Today's page where it stands.
ON_TODAY = (("at_risk", "at-risk", "At risk"), ("overdue", "overdue", "Overdue"), ("messages", "messages", "To decide"))
WAYS = (
    Way("today", "Today", "calendar-check", "rentals.read"),
    Way("booking", "Book", "calendar-plus", "rentals.book", key="b"),
    Way("tasks", "Tasks", "list-todo", "tasks.read", counted="tasks"),
    Way("timeline", "Timeline", "chart-gantt", "rentals.read"),
    Way("waiting", "Waiting list", "hourglass", "rentals.read"),
    Way("patients", "Patients", "users", "patients.search"),
    Way("rentals", "Rentals", "clipboard-list", "rentals.read"),
    Way("devices", "Devices", "radio", "devices.read"),
    Way("usage", "Usage data", "upload", "usage.read"),
    Way("discrepancies", "Discrepancies", "circle-alert", "usage.read", counted="discrepancies"),
    Way("messages", "Messages", "mail", "messages.watch"),
    Way("terms", "Terms", "file-text", "terms.write"),
    Way("fleet", "Fleet figures", "chart-column", "reports.read"),
    Way("settings", "Settings", "settings", "settings.read"),
)
