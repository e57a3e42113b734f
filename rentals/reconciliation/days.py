"""What happened on each local day of a rental, and the adherence that follows."""

from dataclasses import dataclass
from datetime import date, datetime

from rentals.models import Rental


@dataclass(frozen=True)
class Day:
    """One local day of a rental; `status` is done, short, none, unknown or paused, `treatments` a count."""

    date: date
    status: str
    treatments: int


@dataclass(frozen=True)
class Adherence:
    """Days by status; `percent` = done / (done + short + none), None when there is no such day."""

    done: int
    short: int
    none: int
    unknown: int
    paused: int
    percent: float | None


def day_statuses(rental: Rental, at: datetime) -> list[Day]:
    """Every local day from hand-over to return (or to the day of `at`), in order."""
    raise NotImplementedError


def adherence(rental: Rental, at: datetime) -> Adherence:
    """The days of `rental` until `at`, counted by status."""
    raise NotImplementedError
