"""Simulated fleets with the truth about them: what the desk recorded, what the devices say, what really happened.

One number makes one fleet, the same each time. A device lives through rentals one after the other; its character is
the fault that is planted in it. The truth is kept apart from what the device writes down, so nothing of the rules
under test is used to make it.
"""

from tests.fleets.simulation import Simulation
from tests.fleets.truth import Fleet, Session

__all__ = ["Fleet", "Session", "make_faultless_fleet", "make_fleet"]

CHARACTERS = (
    "plain",
    "drift ahead",
    "zone behind",
    "reset at a read-out",
    "log missing",
    "over prescribed",
    "drift behind",
    "zone ahead",
    "reset in a rental",
    "log ends early",
    "used outside",
    "past nominal",
    "day",
    "clock set in a rental",
    "reset seen at a hand-over only",
    "zero-length",
    "read out again",
    "drift ahead",
    "month",
    "summer time by hand",
    "reset seen in the log only",
    "new card",
    "misread down",
    "misread up",
    "year",
    "clock set at the desk",
    "conflicting duplicate",
    "two a day",
    "drift behind",
    "log missing",
)


def make_fleet(number: int, *, devices: int = 6, days: int = 120) -> Fleet:
    """A fleet with faults, planted and of transport: each character comes up in five fleets of six devices."""
    characters = tuple(CHARACTERS[(number * devices + each) % len(CHARACTERS)] for each in range(devices))
    return Simulation(number, characters, days).fleet()


def make_faultless_fleet(number: int, *, devices: int = 6, days: int = 120) -> Fleet:
    """A fleet of which there is nothing to find."""
    return Simulation(1000 + number, ("plain", "two a day", "drift ahead") * (devices // 3), days, faulty=False).fleet()
