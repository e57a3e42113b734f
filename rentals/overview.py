"""Rentals with what staff want to see of them at one look: the device, whether it is late or taken away."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict, cast

from django.db.models import BooleanField, Case, Exists, OuterRef, Prefetch, Q, Subquery, Sum, When

from rentals.booking.capacity import overdue_at
from rentals.ledger import SETTLED
from rentals.models import Discrepancy, Holding, LedgerEntry, Move, Reminder, Rental
from rentals.models.rental import RentalQuerySet
from rentals.models.states import State

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django_stubs_ext import WithAnnotations

    class Overview(TypedDict):
        """What `with_overview` adds to a rental."""

        device_id: int | None
        device_serial: str | None
        at_risk: bool
        overdue: bool

    RentalInView = WithAnnotations[Rental, Overview]


def with_overview(rentals: RentalQuerySet, at: datetime) -> "QuerySet[RentalInView]":
    """Adds `device_id` and `device_serial` (of the last holding), `at_risk` and, at the moment `at`, `overdue`.

    Who waits has no device: the one that was offered and is held no more does not count.
    """
    holdings = Holding.objects.filter(rental=OuterRef("pk"))
    last = holdings.exclude(rental__state=State.ENQUIRY).order_by("-pk")
    is_overdue = Q(state=State.ACTIVE) & overdue_at(at, prefix="")
    seen = rentals.annotate(
        device_id=Subquery(last.values("device")[:1]),
        device_serial=Subquery(last.values("device__serial")[:1]),
        at_risk=Exists(holdings.filter(live=True, device__isnull=True)),
        overdue=Case(When(is_overdue, then=True), default=False, output_field=BooleanField()),
    )
    return cast("QuerySet[RentalInView]", seen)


def with_open_money(rentals: Any) -> Any:
    """Finished ones (settled or cancelled) whose ledger is not even, with their `balance` (AUD; positive: the patient
    owes). Closing with open money is allowed, and listed (I9)."""
    entries = LedgerEntry.objects.filter(rental=OuterRef("pk")).order_by().values("rental")
    balance = Subquery(entries.annotate(total=Sum("amount")).values("total"))
    return rentals.filter(state__in=SETTLED).annotate(balance=balance).filter(balance__isnull=False).exclude(balance=0)


def that_held(rentals: Any, device: int) -> Any:
    """Those that have or had the device with the id `device`."""
    return rentals.filter(Exists(Holding.objects.filter(rental=OuterRef("pk"), device=device)))


def found_by(rentals: Any, words: str) -> Any:
    """Those whose reference, or the serial of a device they have or had, holds `words`."""
    serials = Holding.objects.filter(rental=OuterRef("pk"), device__serial__icontains=words)
    return rentals.filter(Q(reference__icontains=words) | Exists(serials))


def in_full(rental: Rental, at: datetime) -> "RentalInView":
    """`rental` as it is now, with its overview and everything that hangs on it, in a fixed number of queries."""
    rentals = with_overview(Rental.objects.all(), at)
    return (
        rentals.select_related("clinic", "terms", "injury", "screening")
        .prefetch_related(
            Prefetch("ledger", LedgerEntry.objects.select_related("actor")),
            Prefetch("moves", Move.objects.select_related("actor")),
            Prefetch("holdings", Holding.objects.select_related("device")),
            Prefetch("reminders", Reminder.objects.select_related("message", "staff_task")),
            Prefetch("discrepancies", Discrepancy.objects.select_related("device", "rental")),
        )
        .get(pk=rental.pk)
    )
