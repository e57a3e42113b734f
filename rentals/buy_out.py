"""Kept instead of returned: what it costs by the terms of the booking, and whom to ask after a long silence (I9)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import DateField, Exists, ExpressionWrapper, F, OuterRef, Q
from django.utils.translation import gettext as _

from config.models import Clinic, User
from config.refusals import invalid
from rentals import ledger
from rentals.deciding import deciding
from rentals.models import LedgerEntry, Rental, StaffTask
from rentals.models.states import State
from rentals.papers.words import counted, day, money
from rentals.staff_tasks import ask_staff

Kind, DEEMED = LedgerEntry.Kind, StaffTask.Kind.DEEMED_KEPT
HUNDRED = Decimal(100)


@dataclass(frozen=True)
class BuyOut:
    """What keeping the device costs at one moment. AUD."""

    replacement_price: Decimal
    hire: Decimal
    late_fee: Decimal
    hire_paid: Decimal
    credit: Decimal
    open_before: Decimal

    @property
    def price(self) -> Decimal:
        """What is charged for the device itself: the replacement price less the credit, never below nothing."""
        return self.replacement_price - self.credit


def buy_out(rental: Rental, at: datetime) -> BuyOut:
    """What keeping the device costs by the terms of the booking, if it is kept at `at`.

    The credit is a share of the hire that was paid: no more of it than the hire comes to, for what is paid beyond it
    pays for something else, and no more than the price.
    """
    terms, out = rental.terms, rental.handed_over_at
    hire = ledger.hire_charge(rental.clinic, terms, out, at) if out else ledger.NOTHING
    paid = -ledger.with_reversals(rental, [Kind.HIRE_PAYMENT]).total()
    share = (max(min(paid, hire), ledger.NOTHING) * terms.hire_credit_percent / HUNDRED).quantize(
        ledger.CENT, ROUND_HALF_UP
    )
    return BuyOut(
        replacement_price=terms.replacement_price,
        hire=hire,
        late_fee=ledger.late_fee(rental, at),
        hire_paid=paid,
        credit=min(share, terms.replacement_price),
        open_before=ledger.balance(rental),
    )


def charge_purchase(rental: Rental, price: Decimal, *, at: datetime, actor: User) -> None:
    """Charge `price` for the device: by the rule as replacement price and credit, else as agreed, the rule noted.

    The caller holds the transaction and the rental's lock. Raises `invalid` (400) for less than nothing.
    """
    if price < 0:
        raise invalid("price", _("A price is not below zero; write 0 where nothing is charged."))
    rule = buy_out(rental, at)
    if price != rule.price:
        ledger.post(
            rental, Kind.PURCHASE, price, at=at, actor=actor, note=f"as agreed; by the terms {money(rule.price)}"
        )
        return
    ledger.post(rental, Kind.PURCHASE, rule.replacement_price, at=at, actor=actor)
    share = f"{rental.terms.hire_credit_percent} % of the hire paid"
    ledger.post(rental, Kind.HIRE_CREDIT, -rule.credit, at=at, actor=actor, note=share)


def propose_deemed_purchases(at: datetime) -> int:
    """Ask a manager about each device that is out for longer after its due day than the terms allow for.

    Asked once for a due day, with the figures, and not while the patient is in contact about the return; nothing is
    charged by itself. How many were asked about anew.
    """
    return sum(propose(rental, at) for clinic in Clinic.objects.order_by("pk") for rental in deemed_kept(clinic, at))


def deemed_kept(clinic: Clinic, at: datetime) -> list[Rental]:
    """The rentals of `clinic` overdue for longer than their terms allow, and not yet asked about for this due day."""
    allowed_until = ExpressionWrapper(F("due_on") + F("terms__deemed_kept_after_days"), output_field=DateField())
    rentals = Rental.objects.filter(clinic=clinic, state=State.ACTIVE, terms__deemed_kept_after_days__isnull=False)
    late = rentals.alias(allowed_until=allowed_until).filter(allowed_until__lt=clinic.day_of(at))
    late = late.exclude(in_contact(at)).order_by("pk")
    known = StaffTask.objects.filter(kind=DEEMED, clinic=clinic).values_list("subject", flat=True)
    asked = set(known.filter(rental__in=late))
    return [one for one in late.select_related("clinic", "patient", "terms") if subject_of(one) not in asked]


def in_contact(at: datetime) -> Q:
    """Whether the patient has named a moment to bring the device that is still to come, or waits for an answer whether
    it may be kept longer."""
    asked = StaffTask.objects.filter(rental=OuterRef("pk"), kind=StaffTask.Kind.EXTENSION, done_at=None)
    return Q(return_expected_at__gt=at) | Q(Exists(asked))


def subject_of(rental: Rental) -> str:
    return f"{rental.reference} {rental.due_on}"


def propose(rental: Rental, at: datetime) -> bool:
    """Open the task, unless the rental was changed or the patient got in touch just now. Whether it was asked."""
    with deciding():
        locked = Rental.objects.select_for_update(no_key=True, of=("self",))
        unchanged = locked.filter(pk=rental.pk, state=State.ACTIVE, due_on=rental.due_on).exclude(in_contact(at))
        now = unchanged.select_related("clinic", "patient", "terms").first()
        if now is None:
            return False
        words = words_of(now, at)
        ask_staff(DEEMED, subject_of(now), rental=now, words=words, at=at, for_role=StaffTask.For.MANAGER)
    return True


def words_of(rental: Rental, at: datetime) -> str:
    """What the manager has to know: how late it is, what the rule would charge, and what else is open."""
    figures, late = buy_out(rental, at), (rental.clinic.day_of(at) - rental.due_on).days
    open_money = figures.open_before + figures.hire + figures.late_fee
    return (
        f"Rental {rental.reference} was due on {day(rental.due_on)}, {counted(late, 'day')} ago. By version "
        f"{rental.terms.version} of the terms its device may be treated as kept: {money(figures.replacement_price)} "
        f"less {money(figures.credit)} of hire paid, {money(figures.price)}; beside it {money(open_money)} of hire and "
        f"fees are open, and {money(ledger.bond_held(rental))} of bond is held. Try to reach the patient once more. If "
        "the device does not come back, record it as kept; nothing is charged until you do."
    )
