"""The money of a rental (I9). All amounts in AUD; the sum of the entries is what the patient owes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.models import Clinic, Terms, User
from config.refusals import Refusal, invalid
from config.words import aud
from patients.access import record_access
from patients.models import Access
from rentals.deciding import deciding, lock_rental
from rentals.lifecycle import record, require
from rentals.models import LedgerEntry, Rental
from rentals.models.ledger import LedgerQuerySet
from rentals.models.states import State

Kind = LedgerEntry.Kind
CENT = Decimal("0.01")
NOTHING = Decimal("0.00")
HELD_KINDS = (Kind.BOND_HELD, Kind.BOND_APPLIED, Kind.REFUND_DUE)
BOND_PAIR: dict[str, str] = {Kind.BOND_PAYMENT: Kind.BOND_HELD, Kind.BOND_HELD: Kind.BOND_PAYMENT}
SETTLED = (State.CLOSED, State.CANCELLED)
# How money came, as patients read it.
METHODS = {
    "card": gettext_lazy("by card"),
    "cash": gettext_lazy("in cash"),
    "eftpos": gettext_lazy("by EFTPOS"),
    "transfer": gettext_lazy("by bank transfer"),
}


def balance(rental: Rental) -> Decimal:
    """What the patient owes; negative when the clinic owes the patient."""
    return rental.ledger.total()


def bond_held(rental: Rental) -> Decimal:
    """The part of the bond that the clinic still keeps."""
    return with_reversals(rental, HELD_KINDS).total()


def bond_due(rental: Rental) -> Decimal:
    """What is still to be paid of the bond before the device may be handed over; nothing once it is settled."""
    if rental.state in SETTLED:
        return NOTHING
    paid = with_reversals(rental, [Kind.BOND_HELD]).total()
    return max(rental.terms.bond - paid, NOTHING)


def with_reversals(rental: Rental, kinds: Iterable[str]) -> LedgerQuerySet:
    """The entries of `kinds` and whatever reverses them."""
    return rental.ledger.filter(kind__in=kinds) | rental.ledger.filter(reverses__kind__in=kinds)


def post(
    rental: Rental,
    kind: str,
    amount: Decimal,
    *,
    at: datetime,
    actor: User | None,
    method: str = "",
    note: str = "",
    reverses: LedgerEntry | None = None,
) -> LedgerEntry | None:
    """Append one entry; nothing for an amount of zero. The caller holds the transaction."""
    if not amount:
        return None
    return LedgerEntry.objects.create(
        rental=rental,
        kind=kind,
        amount=amount,
        method=method,
        note=note,
        at=at,
        actor=actor,
        reverses=reverses,
    )


def pay(rental: Rental, *, kind: str, amount: Decimal, method: str, at: datetime, actor: User) -> Rental:
    """Record a payment of kind bond, hire, fee (by the patient) or refund (to the patient).

    Raises `wrong_state`, and `too_much` for more bond than is due or more refund than is owed.
    """
    require(rental, "pay")
    if amount <= 0:
        raise invalid("amount", _("Write an amount above zero; a refund is a payment of kind refund."))
    with deciding():
        rental = lock_rental(rental)[0]
        require(rental, "pay")
        PAYMENTS[kind](rental, amount, method=method, at=at, actor=actor)
        record(rental, "pay", old=rental.state, at=at, now=at, actor=actor)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def take_bond(rental: Rental, amount: Decimal, **details: Any) -> None:
    due = bond_due(rental)
    if amount > due:
        raise too_much(_("%(due)s of the bond is still to be paid; take no more than that.") % {"due": aud(due)}, due)
    post(rental, Kind.BOND_PAYMENT, -amount, **details)
    post(rental, Kind.BOND_HELD, amount, at=details["at"], actor=details["actor"])


def pay_out(rental: Rental, amount: Decimal, **details: Any) -> None:
    owed = max(-balance(rental), NOTHING)
    if amount > owed:
        raise too_much(_("The clinic owes %(owed)s; a refund can be no more than that.") % {"owed": aud(owed)}, owed)
    post(rental, Kind.REFUND, amount, **details)


def too_much(message: str, most: Decimal) -> Refusal:
    return Refusal("too_much", message, field="amount", conflict={"most": str(most)})


PAYMENTS = {
    "bond": take_bond,
    "hire": lambda rental, amount, **details: post(rental, Kind.HIRE_PAYMENT, -amount, **details),
    "fee": lambda rental, amount, **details: post(rental, Kind.FEE_PAYMENT, -amount, **details),
    "refund": pay_out,
}


def hire_charge(clinic: Clinic, terms: Terms, out: datetime, back: datetime) -> Decimal:
    """The hire from collection to actual return: weeks of the clinic's local days, a part week full by the terms."""
    days = Decimal((clinic.day_of(back) - clinic.day_of(out)).days)
    weeks = max(days / 7, Decimal(terms.minimum_weeks))
    if terms.part_weeks_as_full:
        weeks = weeks.to_integral_value(ROUND_CEILING)
    return (weeks * terms.weekly_hire).quantize(CENT, ROUND_HALF_UP)


def late_fee(rental: Rental, back: datetime) -> Decimal:
    """The late fee for each local day between the due day and the return."""
    days_late = max((rental.clinic.day_of(back) - rental.due_on).days, 0)
    return days_late * rental.terms.late_fee_per_day


def charge_hire(rental: Rental, back: datetime, *, at: datetime, actor: User | None) -> None:
    """Post hire and late fee for the time from the hand-over to `back`. The caller holds the transaction."""
    out = rental.handed_over_at
    if out is None:
        return
    hire = hire_charge(rental.clinic, rental.terms, out, back)
    post(rental, Kind.HIRE, hire, at=at, actor=actor)
    post(rental, Kind.LATE_FEE, late_fee(rental, back), at=at, actor=actor)


def charge_fees(rental: Rental, fees: Iterable[Mapping[str, Any]], *, at: datetime, actor: User | None) -> None:
    """Post each `{kind, amount}` found at the inspection. The caller holds the transaction."""
    for fee in fees:
        if fee["amount"] < 0:
            raise invalid("fees", _("A fee is never negative; leave it out instead."))
        post(rental, Kind.FEE, fee["amount"], note=fee["kind"], at=at, actor=actor)


def settle_bond(rental: Rental, *, at: datetime, actor: User | None) -> None:
    """Take what is unpaid from the bond and post the rest as due to the patient, once (I9)."""
    held = bond_held(rental)
    applied = min(held, max(balance(rental), NOTHING))
    post(rental, Kind.BOND_APPLIED, -applied, at=at, actor=actor)
    post(rental, Kind.REFUND_DUE, applied - held, at=at, actor=actor)


def reverse(entry: LedgerEntry, *, reason: str, at: datetime, actor: User) -> Rental:
    """Correct a wrong entry by its opposite; entries are never changed (I9).

    A bond payment goes with what it let the clinic hold, as long as it is held; once the bond was applied or
    refunded, the patient owes it. Raises `already_reversed`, and `invalid` for the reversal of a reversal.
    """
    if entry.kind == Kind.REVERSAL:
        raise invalid("entry", _("A reversal is not reversed; record the right entry instead."))
    with deciding():
        rental = lock_rental(entry.rental)[0]
        still_held = bond_held(rental) >= abs(entry.amount)
        for wrong in (entry, *(other_half(entry) if still_held else ())):
            if LedgerEntry.objects.filter(reverses=wrong).exists():
                raise Refusal("already_reversed", _("This entry was reversed already; look at the ledger again."))
            post(rental, Kind.REVERSAL, -wrong.amount, note=reason, reverses=wrong, at=at, actor=actor)
        record(rental, "reverse", old=rental.state, at=at, now=at, actor=actor, reason=reason)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def other_half(entry: LedgerEntry) -> LedgerQuerySet:
    """What was posted together with `entry`: a bond's payment and its holding are neighbours of one amount."""
    pair = LedgerEntry.objects.filter(rental=entry.rental, kind=BOND_PAIR.get(entry.kind), amount=-entry.amount)
    is_payment = entry.kind == Kind.BOND_PAYMENT
    return (pair.filter(pk__gt=entry.pk) if is_payment else pair.filter(pk__lt=entry.pk).reverse())[:1]
