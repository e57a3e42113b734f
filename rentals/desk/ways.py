"""The ways through the desk: what the menu offers, each to those who may go there."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Way:
    """One entry of the menu: the name of its address, its words, its icon, and the action its page asks for; what is
    counted there (by `counts_of`), and the key that leads there."""

    address: str
    words: "StrOrPromise"
    icon: str
    action: str
    counted: str = ""
    key: str = ""


def here(path: str) -> str:
    """The way under which the page at `path` lies: the one whose address begins it at greatest length."""
    lengths = {way.address: len(address) for way in WAYS if path.startswith(address := reverse(way.address))}
    return max(lengths, key=lambda name: lengths[name], default="")


# What is counted on a page that shows more than that, each with the part of Today's page where it stands.
ON_TODAY = (
    ("at_risk", "at-risk", _("At risk")),
    ("overdue", "overdue", pgettext_lazy("a list", "Overdue")),
    ("messages", "messages", _("To decide")),
)
WAYS = (
    Way("today", _("Today"), "calendar-check", "rentals.read"),
    Way("booking", pgettext_lazy("the menu", "Book"), "calendar-plus", "rentals.book", key="b"),
    Way("tasks", _("Tasks"), "list-todo", "tasks.read", counted="tasks"),
    Way("timeline", _("Timeline"), "chart-gantt", "rentals.read"),
    Way("waiting", _("Waiting list"), "hourglass", "rentals.read"),
    Way("patients", _("Patients"), "users", "patients.search"),
    Way("rentals", _("Rentals"), "clipboard-list", "rentals.read"),
    Way("devices", _("Devices"), "radio", "devices.read"),
    Way("usage", _("Usage data"), "upload", "usage.read"),
    Way("discrepancies", _("Discrepancies"), "circle-alert", "usage.read", counted="discrepancies"),
    Way("messages", _("Messages"), "mail", "messages.watch"),
    Way("terms", _("Terms"), "file-text", "terms.write"),
    Way("fleet", _("Fleet figures"), "chart-column", "reports.read"),
    Way("settings", _("Settings"), "settings", "settings.read"),
)
