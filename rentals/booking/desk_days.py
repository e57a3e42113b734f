"""How many pick-ups and returns a clinic books for one day, where its settings set a limit."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection
from django.db.models import Count, F
from django.db.models.functions import Coalesce, TruncDate
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.days import named_day
from config.models import Clinic
from config.refusals import Refusal
from rentals.models import Rental
from rentals.models.states import State

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Errand(NamedTuple):
    """What a patient comes to the desk for on the day in a column of the rental."""

    one: "StrOrPromise"
    several: "StrOrPromise"
    setting: str  # of the clinic: how many it books for one day
    states: frozenset[State]  # in which a rental takes a place of that day


ERRANDS = {
    # Whoever has the device already fetched it on that day: an earlier hand-over moves the start, and what has begun
    # before today is not counted any more.
    "starts_on": Errand(
        gettext_lazy("pick-up"),
        gettext_lazy("pick-ups"),
        "pick_ups_per_day",
        frozenset(State) - {State.ENQUIRY, State.CANCELLED},
    ),
    "due_on": Errand(
        gettext_lazy("return"), gettext_lazy("returns"), "returns_per_day", frozenset({State.RESERVED, State.ACTIVE})
    ),
}


def take_places(clinic: Clinic, days: Mapping[str, date], at: datetime, rental: Rental | None = None) -> None:
    """Raise what `refuse_full_days` raises, and let nobody else in on these days until the transaction ends.

    Belongs inside `deciding()`, before the first device is locked.
    """
    lock_days(clinic, days)
    refuse_full_days(clinic, days, at, rental)


def lock_days(clinic: Clinic, days: Mapping[str, date]) -> None:
    """Wait for whoever takes a place of the same kind on one of the `days` (by column), and let others wait.

    The places of a day are no row that could be locked, and locking the clinic would make all its bookings wait for
    each other; so a number stands for the day, and only where there is a limit. Sorted, and before any device, so
    that two verbs never wait for each other crosswise. PostgreSQL lets go of it with the transaction.
    """
    limited = [(day, column) for column, day in days.items() if most_on_a_day(clinic, column) is not None]
    with connection.cursor() as cursor:
        for day, column in sorted(limited):
            number = len(ERRANDS) * day.toordinal() + list(ERRANDS).index(column)
            cursor.execute("SELECT pg_advisory_xact_lock(%s::int, %s::int)", [clinic.pk, number])


def refuse_full_days(clinic: Clinic, days: Mapping[str, date], at: datetime, rental: Rental | None = None) -> None:
    """Raise `desk_full`, with the next open day that has room, where a day from today on has no place left.

    `days` are the clinic's local days by the rental's column, `starts_on` and `due_on`. A place that `rental` has
    already stays its own.
    """
    for column, day in days.items():
        most = most_on_a_day(clinic, column)
        if most is None or day < clinic.day_of(at):
            continue
        booked = set(booked_for(clinic, column, day, day).values_list("pk", flat=True))
        if len(booked) >= most and not (rental and rental.pk in booked):
            raise desk_full(clinic, column, day, len(booked))


def desk_full(clinic: Clinic, column: str, day: date, booked: int) -> Refusal:
    """The 409 that says how many are `booked` for `day`, and which one has room."""
    next_day = next_day_with_room(clinic, column, day)
    return Refusal(
        "desk_full",
        words_of_full_day(clinic, column, day, booked, next_day),
        field=column,
        conflict={"day": day.isoformat(), "booked": booked},
        alternatives=[{column: next_day.isoformat()}] if next_day else [],
    )


def words_of_full_day(clinic: Clinic, column: str, day: date, booked: int, next_day: date | None) -> str:
    errand = ERRANDS[column]
    about = {
        "clinic": clinic,
        "booked": booked,
        "errand": errand.one if booked == 1 else errand.several,
        "day": named_day(day),
        "most": most_on_a_day(clinic, column),
    }
    if next_day is None:
        words = _(
            "%(clinic)s has %(booked)s %(errand)s on %(day)s already and takes %(most)s a day; no day within 60 days "
            "has room."
        )
        return words % about
    words = _(
        "%(clinic)s has %(booked)s %(errand)s on %(day)s already and takes %(most)s a day; the next day with room is "
        "%(next_day)s."
    )
    return words % {**about, "next_day": named_day(next_day)}


def next_day_with_room(clinic: Clinic, column: str, day: date) -> date | None:
    """The first open day on or after `day` with a place left, looking at most 60 days ahead."""
    return next(open_days_with_room(clinic, column, day), None)


def take_next_day_with_room(clinic: Clinic, column: str, day: date) -> date | None:
    """The same, and nobody else is let in on it until the transaction ends.

    Belongs inside `deciding()`, before the first device is locked; the days are locked in their order.
    """
    while found := next_day_with_room(clinic, column, day):
        lock_days(clinic, {column: found})
        if next_day_with_room(clinic, column, found) == found:
            return found
        day = found + timedelta(days=1)  # the last place went while the lock was waited for
    return None


def open_days_with_room(clinic: Clinic, column: str, day: date, rental: Rental | None = None) -> Iterator[date]:
    """The open days on or after `day`, at most 60 days ahead, with a place left beside the one that `rental` has."""
    most, open_days = most_on_a_day(clinic, column), list(clinic.open_days(day))
    if most is None or not open_days:
        return iter(open_days)
    booked = booked_for(clinic, column, open_days[0], open_days[-1]).exclude(pk=rental and rental.pk).order_by()
    number_on = dict(booked.values_list("comes_on").annotate(Count("pk")))
    return (open_day for open_day in open_days if number_on.get(open_day, 0) < most)


def most_on_a_day(clinic: Clinic, column: str) -> int | None:
    """How many the clinic books for one day at most; None: as many as come."""
    limit: int | None = getattr(clinic, ERRANDS[column].setting)
    return limit


def booked_for(clinic: Clinic, column: str, first: date, last: date) -> Any:
    """The rentals that take a place of the local days `first` to `last`, with the day on which each `comes_on`.

    Whoever chose a time to bring the device back comes then, not on the day it is due.
    """
    chosen = TruncDate("return_expected_at", tzinfo=clinic.zone)
    comes_on = Coalesce(chosen, F("due_on")) if column == "due_on" else F(column)
    rentals = Rental.objects.filter(clinic=clinic, state__in=ERRANDS[column].states).annotate(comes_on=comes_on)
    return rentals.filter(comes_on__range=(first, last))
