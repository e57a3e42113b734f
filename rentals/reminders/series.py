"""The series of reminders: what they are counted from, and for which rentals they are told (I8)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.db.models import Exists, OuterRef

from rentals.models import Rental, Signature
from rentals.models.states import State
from rentals.reminders.schedule import Kind

# Names of an anchor in an occasion, in SQL: the day itself, so that a new due date starts a series of its own, ...
BY_DAY = "to_char(anchor.day, 'YYYY-MM-DD')"
# ... the version of the terms, ...
BY_TERMS = "'terms-' || (SELECT version FROM config_terms WHERE id = r.terms_id)"
# ... or nothing that changes.
ONCE = "'healed'"
# Whose agreement is not signed and whose start has not passed.
STILL_TO_SIGN = """r.starts_on >= %(today)s AND NOT EXISTS (
        SELECT FROM rentals_signature s
        WHERE s.rental_id = r.id AND s.terms_id = r.terms_id AND s.purpose = 'agreement'
    )"""


@dataclass(frozen=True)
class Series:
    """Reminders counted from the column `anchor` while a rental is in one of `states`; `kinds` come in order.

    Only the latest step that has fallen due is told, so nobody reads of two of them in one mail. `key` and `key_of`
    name the anchor in an occasion, in SQL and here. `desk_told`: not told of a day up to that of the hand-over, when
    the desk has just said it. `treating`: not once the injury has healed. `also`: what else must be so, in SQL.
    """

    kinds: tuple[Kind, ...]
    states: tuple[State, ...]
    anchor: str
    is_moment: bool = False
    key: str = BY_DAY
    key_of: Callable[[Rental, date], str] = lambda rental, anchor: anchor.isoformat()
    desk_told: bool = False
    treating: bool = False
    also: str = "TRUE"

    def anchor_of(self, rental: Rental) -> date | None:
        """The day (local) from which the rental's steps are counted; None where there is none."""
        value = getattr(rental, self.anchor)
        return rental.clinic.day_of(value) if self.is_moment and value else value

    @property
    def day(self) -> str:
        """The same in SQL."""
        return f"(r.{self.anchor} AT TIME ZONE %(zone)s)::date" if self.is_moment else f"r.{self.anchor}"

    @property
    def told_to(self) -> str:
        """In SQL, rentals of the series, whatever their anchor day; not while they are an offer, of which is told
        otherwise."""
        states = ", ".join(f"'{state}'" for state in self.states)
        treating = "r.healed_on IS NULL" if self.treating else "TRUE"
        return f"r.state IN ({states}) AND r.offer_expires_at IS NULL AND {treating} AND {self.also}"


AGREEMENT = Series(
    (Kind.AGREEMENT_TO_SIGN,),
    (State.RESERVED,),
    "created_at",
    is_moment=True,
    key=BY_TERMS,
    key_of=lambda rental, anchor: f"terms-{rental.terms.version}",
    also=STILL_TO_SIGN,
)
ALL_SERIES = (
    AGREEMENT,
    Series((Kind.COLLECT_TOMORROW,), (State.RESERVED,), "starts_on"),
    Series((Kind.FIRST_DAYS,), (State.ACTIVE,), "handed_over_at", is_moment=True, treating=True),
    Series((Kind.DUE_SOON, Kind.DUE_TODAY, Kind.OVERDUE), (State.ACTIVE,), "due_on", desk_told=True),
    Series((Kind.IMAGING_DUE,), (State.ACTIVE,), "imaging_due_on", desk_told=True, treating=True),
    Series((Kind.HOW_TO_RETURN,), (State.ACTIVE,), "healed_on", key=ONCE, key_of=lambda rental, anchor: "healed"),
    Series((Kind.RETURNED_THANKS,), (State.RETURNED, State.CLOSED), "returned_at", is_moment=True),
)
SERIES_OF_KIND = {kind.value: series for series in ALL_SERIES for kind in series.kinds}


def is_signed(rental: str = "pk", terms: str = "terms") -> Exists:
    """Whether the agreement under the terms that the outer columns name is signed."""
    agreement = Signature.objects.filter(purpose=Signature.Purpose.AGREEMENT)
    return Exists(agreement.filter(rental=OuterRef(rental), terms=OuterRef(terms)))
