"""Hire, late fees, bond and refunds (I9). Amounts in AUD."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from config.models import Terms
from rentals import custody, ledger
from rentals.booking import change
from rentals.models import LedgerEntry
from tests import make
from tests.refusals import refused_as

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def pay(rental, kind, amount, actor=None):
    return ledger.pay(
        rental, kind=kind, amount=Decimal(amount), method="card", at=make.NOW, actor=actor or make.manager()
    )


def entries(rental):
    return [(entry.kind, str(entry.amount)) for entry in rental.ledger.all()]


def new_terms(clinic, **amounts):
    defaults = {"version": 2, "created_at": make.NOW, "text": "Terms", "weekly_hire": Decimal("70.00")}
    return Terms.objects.create(clinic=clinic, **{**defaults, **amounts})


class TestHire:
    """From collection to actual return, in weeks of the clinic's local days."""

    @pytest.mark.parametrize(
        ("days", "hire"),
        [(0, "120.00"), (1, "120.00"), (14, "120.00"), (15, "180.00"), (20, "180.00"), (21, "180.00"), (22, "240.00")],
    )
    def test_a_part_week_counts_as_a_full_one_and_two_weeks_are_the_least(self, days, hire):
        clinic = make.clinic()
        charge = ledger.hire_charge(clinic, clinic.current_terms, make.NOW, make.NOW + days * DAY)
        assert charge == Decimal(hire)

    @pytest.mark.parametrize(
        ("days", "hire"), [(0, "70.00"), (7, "70.00"), (8, "80.00"), (10, "100.00"), (13, "130.00"), (365, "3650.00")]
    )
    def test_a_part_week_counts_by_the_day_where_the_terms_say_so(self, days, hire):
        clinic = make.clinic()
        terms = new_terms(clinic, part_weeks_as_full=False, minimum_weeks=1)
        assert ledger.hire_charge(clinic, terms, make.NOW, make.NOW + days * DAY) == Decimal(hire)

    def test_an_amount_by_the_day_is_rounded_to_the_cent(self):
        clinic = make.clinic()
        terms = new_terms(clinic, part_weeks_as_full=False, minimum_weeks=0, weekly_hire=Decimal("60.00"))
        assert ledger.hire_charge(clinic, terms, make.NOW, make.NOW + DAY) == Decimal("8.57")

    @pytest.mark.parametrize(
        ("out", "back", "hire"),
        [
            # Daylight saving time ends on 5 April 2026: three weeks of local days are 505 hours.
            ("2026-03-28T00:30+11:00", "2026-04-18T00:30+10:00", "180.00"),
            ("2026-03-28T00:30+11:00", "2026-04-18T23:30+10:00", "180.00"),
            ("2026-03-28T00:30+11:00", "2026-04-19T00:15+10:00", "240.00"),
            # It begins on 4 October 2026: three weeks of local days are 503 hours.
            ("2026-09-26T23:30+10:00", "2026-10-17T23:30+11:00", "180.00"),
            ("2026-09-26T23:30+10:00", "2026-10-18T00:15+11:00", "240.00"),
        ],
    )
    def test_weeks_are_of_local_days_also_when_the_clock_changes(self, out, back, hire):
        clinic = make.clinic()
        moments = [datetime.fromisoformat(moment).astimezone(UTC) for moment in (out, back)]
        assert ledger.hire_charge(clinic, clinic.current_terms, *moments) == Decimal(hire)

    def test_a_rental_is_charged_by_the_terms_it_was_booked_under(self, active):
        new_terms(active.clinic, weekly_hire=Decimal("999.00"), bond=Decimal("999.00"))
        assert entries(make.take_back(active, at=make.NOW + 14 * DAY))[-1] == ("hire", "120.00")

    def test_an_amount_of_zero_leaves_no_entry(self):
        clinic = make.clinic(weekly_hire=Decimal("0.00"), bond=Decimal("0.00"))
        assert entries(make.rental("closed", clinic)) == []


class TestLateFee:
    @pytest.mark.parametrize(
        ("back", "fee"),
        [
            (datetime(2026, 3, 30, 12, 59, tzinfo=UTC), None),  # 23:59 in Sydney on the due day
            (datetime(2026, 3, 30, 13, 0, tzinfo=UTC), "10.00"),  # midnight: the next local day
            (datetime(2026, 4, 6, 1, 0, tzinfo=UTC), "70.00"),
        ],
    )
    def test_each_local_day_after_the_due_day_costs(self, back, fee, active):
        assert active.due_on == date(2026, 3, 30)
        posted = dict(entries(make.take_back(active, at=back)))
        assert posted.get("late_fee") == fee

    def test_an_early_return_costs_no_late_fee(self, returned):
        assert "late_fee" not in dict(entries(returned))


class TestBond:
    def test_a_bond_may_be_paid_in_parts_and_is_no_income(self, reserved):
        assert ledger.bond_due(reserved) == 300
        for amount, due in (("100.00", 200), ("199.99", Decimal("0.01")), ("0.01", 0)):
            pay(reserved, "bond", amount)
            assert ledger.bond_due(reserved) == due
            assert ledger.balance(reserved) == 0
        assert ledger.bond_held(reserved) == 300

    def test_no_more_bond_is_taken_than_is_due(self, reserved):
        pay(reserved, "bond", "250")
        refusal = refused_as("too_much", pay, reserved, "bond", "50.01")
        assert refusal.conflict == {"most": "50.00"}
        assert ledger.bond_held(reserved) == 250

    @pytest.mark.parametrize("amount", ["0", "-5"])
    def test_an_amount_is_above_zero(self, amount, reserved):
        refused_as("invalid", pay, reserved, "bond", amount)

    @pytest.mark.parametrize("state", ["cancelled", "closed"])
    def test_no_bond_is_taken_for_a_rental_that_is_settled(self, state):
        """It could never be given back: a bond is released once."""
        rental = make.rental(state)
        refusal = refused_as("too_much", pay, rental, "bond", "1.00")
        assert refusal.conflict == {"most": "0.00"}
        assert (ledger.bond_due(rental), ledger.bond_held(rental)) == (0, 0)

    def test_a_bond_larger_than_the_debts_comes_back_in_part(self, closed):
        assert entries(closed)[-3:] == [("hire", "120.00"), ("bond_applied", "-120.00"), ("refund_due", "-180.00")]
        assert (ledger.balance(closed), ledger.bond_held(closed)) == (-180, 0)

    def test_a_bond_smaller_than_the_debts_leaves_an_open_balance(self, returned):
        rental = make.inspect(returned, fee="250.00", at=make.NOW + 14 * DAY)
        assert entries(rental)[-2:] == [("fee", "250.00"), ("bond_applied", "-300.00")]
        assert rental.state == "closed"
        assert (ledger.balance(rental), ledger.bond_held(rental)) == (70, 0)
        assert ledger.balance(pay(rental, "fee", "70.00")) == 0

    def test_a_bond_comes_back_whole_when_all_was_paid(self, returned):
        rental = pay(returned, "hire", "120.00")
        rental = make.inspect(rental, at=make.NOW + 14 * DAY)
        assert entries(rental)[-1] == ("refund_due", "-300.00")
        assert ledger.balance(pay(rental, "refund", "300.00")) == 0

    def test_a_cancelled_booking_gives_the_paid_part_of_its_bond_back(self, reserved):
        rental = pay(reserved, "bond", "100.00")
        rental = change.cancel(rental, reason="Ill", at=make.NOW, actor=make.manager())
        assert entries(rental)[-1] == ("refund_due", "-100.00")
        assert (ledger.balance(rental), ledger.bond_held(rental)) == (-100, 0)

    def test_a_cancelled_booking_gives_hire_paid_before_back_too(self, reserved):
        rental = pay(pay(reserved, "bond", "300"), "hire", "60.00")
        rental = change.cancel(rental, reason="Ill", at=make.NOW, actor=make.manager())
        assert ledger.balance(rental) == -360
        assert ledger.balance(pay(rental, "refund", "360.00")) == 0

    @pytest.mark.parametrize("state", ["lost", "kept"])
    def test_a_device_that_does_not_come_back_is_settled_the_same_way(self, state):
        rental = make.inspect(make.rental(state), fee="2000.00", at=make.NOW + 15 * DAY)
        assert rental.state == "closed"
        assert ledger.balance(rental) == 120 + 2000 - 300


class TestRefund:
    def test_no_more_is_refunded_than_is_owed(self, closed):
        refusal = refused_as("too_much", pay, closed, "refund", "180.01")
        assert refusal.conflict == {"most": "180.00"}
        pay(closed, "refund", "100.00")
        refused_as("too_much", pay, closed, "refund", "80.01")
        assert ledger.balance(pay(closed, "refund", "80.00")) == 0
        refused_as("too_much", pay, closed, "refund", "0.01")

    def test_a_bond_that_is_held_is_not_refunded(self, active):
        refused_as("too_much", pay, active, "refund", "1.00")

    def test_a_patient_who_owes_gets_no_refund(self, returned):
        refused_as("too_much", pay, returned, "refund", "1.00")


class TestReversal:
    def reverse(self, rental, kind):
        entry = rental.ledger.get(kind=kind)
        return ledger.reverse(entry, reason="Wrong rental", at=make.NOW, actor=make.manager())

    def test_a_wrong_entry_is_taken_back_by_its_opposite(self, active):
        rental = pay(active, "hire", "60.00")
        self.reverse(rental, "hire_payment")
        reversal = rental.ledger.get(kind="reversal")
        assert (reversal.amount, reversal.note) == (60, "Wrong rental")
        assert ledger.balance(rental) == 0

    def test_an_entry_is_reversed_once_and_a_reversal_never(self, active):
        rental = pay(active, "hire", "60.00")
        self.reverse(rental, "hire_payment")
        reversal = rental.ledger.get(kind="reversal")
        refused_as("already_reversed", self.reverse, rental, "hire_payment")
        refused_as("invalid", ledger.reverse, reversal, reason="Again", at=make.NOW, actor=make.manager())
        assert LedgerEntry.objects.filter(rental=rental).count() == 4

    @pytest.mark.parametrize("half", ["bond_payment", "bond_held"])
    def test_a_bond_payment_goes_with_what_it_let_us_hold(self, half, reserved):
        """Half a reversal would hand a device over on a bond that was never paid."""
        rental = make.prepare(reserved)
        self.reverse(rental, half)
        assert (ledger.bond_due(rental), ledger.bond_held(rental), ledger.balance(rental)) == (300, 0, 0)
        refused_as(
            "bond_unpaid",
            custody.hand_over,
            rental,
            counter=0,
            parts=[],
            at=make.NOW,
            now=make.NOW,
            actor=make.manager(),
        )

    def test_a_bond_that_was_given_back_is_owed_when_its_payment_proves_wrong(self, closed):
        """A card payment charged back after the refund: nothing is held any more, so the patient owes it."""
        rental = pay(closed, "refund", "180.00")
        self.reverse(rental, "bond_payment")
        assert (ledger.bond_held(rental), ledger.balance(rental)) == (0, 300)

    def test_a_reversal_is_written_into_the_rentals_history(self, active):
        rental = pay(active, "hire", "60.00")
        self.reverse(rental, "hire_payment")
        assert (rental.moves.last().verb, rental.moves.last().reason) == ("reverse", "Wrong rental")


def test_every_payment_is_a_recorded_change_of_the_patients_record(active):
    """I10."""
    rental, actor = active, make.reception()
    pay(rental, "hire", "60.00", actor)
    assert rental.patient.accesses.filter(user=actor, action="changed").count() == 1


def test_the_balance_is_the_sum_of_the_entries(closed):
    assert ledger.balance(closed) == sum(Decimal(amount) for _, amount in entries(closed))
