"""The ways through the desk: what the menu offers, each to those who may go there."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Way:
    """One entry of the menu: the name of its address, its words, its icon, and the action its page asks for."""

    address: str
    words: str
    icon: str
    action: str


WAYS = (
    Way("today", "Today", "calendar-check", "rentals.read"),
    Way("patients", "Patients", "users", "patients.search"),
    Way("rentals", "Rentals", "clipboard-list", "rentals.read"),
    Way("devices", "Devices", "radio", "devices.read"),
    Way("usage", "Usage data", "upload", "usage.read"),
    Way("discrepancies", "Discrepancies", "circle-alert", "usage.read"),
    Way("fleet", "Fleet figures", "chart-column", "reports.read"),
)
