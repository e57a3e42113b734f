"""The series of reminders: what they are counted from, and for which rentals they are told (I8)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Exists, F, Func, OuterRef, Q, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Concat, TruncDate

from config.models import Clinic
from rentals.models import Rental, Signature
from rentals.models.states import State
from rentals.reminders.schedule import Kind


def by_day(day: Combinable) -> Combinable:
    """A key that is the anchor day itself: a new due date starts a series of its own."""
    return Func(day, Value("YYYY-MM-DD"), function="to_char", output_field=TextField())


def by_terms(day: Combinable) -> Combinable:
    return Concat(Value("terms-"), Cast("terms__version", TextField()), output_field=TextField())


def once(day: Combinable) -> Combinable:
    return Value("healed", output_field=TextField())


@dataclass(frozen=True)
class Series:
    """Reminders counted from the column `anchor` while a rental is in one of `states`; `kinds` come in order.

    Only the latest step that has fallen due is told, so nobody reads of two of them in one mail. `key` and `key_of`
    name the anchor in an occasion, in SQL and here. `desk_told`: not told of a day up to that of the hand-over, when
    the desk has just said it. `treating`: not once the injury has healed.
    """

    kinds: tuple[Kind, ...]
    states: tuple[State, ...]
    anchor: str
    is_moment: bool = False
    key: Callable[[Combinable], Combinable] = by_day
    key_of: Callable[[Rental, date], str] = lambda rental, anchor: anchor.isoformat()
    desk_told: bool = False
    treating: bool = False

    def anchor_of(self, rental: Rental) -> date | None:
        """The day (local) from which the rental's steps are counted; None where there is none."""
        value = getattr(rental, self.anchor)
        return rental.clinic.day_of(value) if self.is_moment and value else value

    def day(self, clinic: Clinic) -> Combinable:
        """The same in SQL."""
        return TruncDate(self.anchor, tzinfo=clinic.zone) if self.is_moment else F(self.anchor)

    def between(self, clinic: Clinic, first: date | None, last: date) -> Q:
        """Rentals whose anchor day lies between, both included; by the column, so that an index can serve it."""
        if not self.is_moment:
            return Q(**{f"{self.anchor}__lte": last}) & (Q(**{f"{self.anchor}__gte": first}) if first else Q())
        before = Q(**{f"{self.anchor}__lt": clinic.start_of(last + timedelta(days=1))})
        return before & (Q(**{f"{self.anchor}__gte": clinic.start_of(first)}) if first else Q())

    def told_to(self) -> Q:
        """Rentals of the series, whatever their anchor day; not while they are an offer, of which is told otherwise."""
        treating = Q(healed_on=None) if self.treating else Q()
        return Q(state__in=self.states, offer_expires_at=None) & treating


AGREEMENT = Series(
    (Kind.AGREEMENT_TO_SIGN,),
    (State.RESERVED,),
    "created_at",
    is_moment=True,
    key=by_terms,
    key_of=lambda rental, anchor: f"terms-{rental.terms.version}",
)
ALL_SERIES = (
    AGREEMENT,
    Series((Kind.COLLECT_TOMORROW,), (State.RESERVED,), "starts_on"),
    Series((Kind.FIRST_DAYS,), (State.ACTIVE,), "handed_over_at", is_moment=True, treating=True),
    Series((Kind.DUE_SOON, Kind.DUE_TODAY, Kind.OVERDUE), (State.ACTIVE,), "due_on", desk_told=True),
    Series((Kind.IMAGING_DUE,), (State.ACTIVE,), "imaging_due_on", desk_told=True, treating=True),
    Series((Kind.HOW_TO_RETURN,), (State.ACTIVE,), "healed_on", key=once, key_of=lambda rental, anchor: "healed"),
    Series((Kind.RETURNED_THANKS,), (State.RETURNED, State.CLOSED), "returned_at", is_moment=True),
)
SERIES_OF_KIND = {kind.value: series for series in ALL_SERIES for kind in series.kinds}


def is_signed(rental: str = "pk", terms: str = "terms") -> Exists:
    """Whether the agreement under the terms that the outer columns name is signed."""
    agreement = Signature.objects.filter(purpose=Signature.Purpose.AGREEMENT)
    return Exists(agreement.filter(rental=OuterRef(rental), terms=OuterRef(terms)))


def still_to_sign(clinic: Clinic, at: datetime) -> Q:
    """Rentals whose agreement is not signed and whose start has not passed."""
    return ~Q(is_signed()) & Q(starts_on__gte=clinic.day_of(at))
