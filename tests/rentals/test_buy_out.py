"""Kept instead of returned: the price by the terms, and a manager who is asked after a long silence. AUD."""

from datetime import timedelta
from decimal import Decimal

import pytest

from config.models import Terms
from rentals import custody, ledger
from rentals.booking.extension import extend
from rentals.buy_out import buy_out, deemed_kept, propose, propose_deemed_purchases
from rentals.models import Rental, StaffTask
from rentals.patient_requests import ask_for_extension
from rentals.staff_tasks import do_task
from tests import make
from tests.refusals import refused_as

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
END = make.NOW + 14 * DAY  # two weeks of hire, 120.00


def with_terms(**terms):
    """An active rental of a clinic whose newest terms have these figures."""
    clinic = make.clinic()
    Terms.objects.create(clinic=clinic, version=2, created_at=make.NOW, text="Terms", **terms)
    return make.rental("active", clinic)


def paid(rental, amount):
    kind = {"kind": "hire", "amount": Decimal(amount), "method": "card"}
    return ledger.pay(rental, **kind, at=make.NOW, actor=make.manager())


def keep(rental, price=None, at=END):
    price = None if price is None else Decimal(price)
    return custody.report_kept(rental, reason="Bought it", price=price, at=at, actor=make.manager())


def entries(rental):
    return [(entry.kind, str(entry.amount)) for entry in rental.ledger.all()]


class TestPrice:
    @pytest.mark.parametrize(
        ("price", "percent", "hire_paid", "expected"),
        [
            ("4500.00", 50, None, "4500.00"),
            ("4500.00", 50, "60.00", "4470.00"),
            ("4500.00", 100, "120.00", "4380.00"),
            ("4500.00", 0, "120.00", "4500.00"),
            ("4500.00", 50, "999.00", "4440.00"),  # more than the hire comes to is no hire
            ("50.00", 100, "120.00", "0.00"),
            ("4500.00", 33, "60.05", "4480.18"),
        ],
    )
    def test_it_is_the_replacement_price_less_a_share_of_the_hire_paid(self, price, percent, hire_paid, expected):
        rental = with_terms(replacement_price=Decimal(price), hire_credit_percent=percent)
        if hire_paid:
            rental = paid(rental, hire_paid)
        assert buy_out(rental, END).price == Decimal(expected)

    def test_a_payment_taken_back_is_not_credited(self, active):
        rental = paid(active, "60.00")
        ledger.reverse(rental.ledger.get(kind="hire_payment"), reason="Bounced", at=END, actor=make.manager())
        assert buy_out(rental, END).credit == 0


class TestKept:
    def test_at_the_rules_price_both_sides_of_it_are_posted(self, active):
        rental = keep(paid(active, "60.00"), "4470.00")
        assert entries(rental)[-3:] == [("hire", "120.00"), ("purchase", "4500.00"), ("hire_credit", "-30.00")]
        assert rental.holdings.get().device.condition == "sold"

    def test_another_price_is_posted_with_the_rules_beside_it(self, active):
        rental = keep(active, "1000.00")
        entry = rental.ledger.get(kind="purchase")
        assert (entry.amount, entry.note) == (1000, "as agreed; by the terms $4,500.00")

    def test_without_a_price_nothing_is_posted_for_it(self, active):
        assert entries(keep(active))[-1] == ("hire", "120.00")
        assert entries(keep(make.rental("active"), "0"))[-1] == ("hire", "120.00")

    def test_a_price_below_zero_is_refused_and_nothing_happens(self, active):
        assert refused_as("invalid", keep, active, "-1").field == "price"
        active.refresh_from_db()
        assert active.state == "active"

    def test_the_bond_is_used_for_it_at_the_settlement(self, active):
        """I9."""
        rental = make.inspect(keep(active, "4500.00"), at=END)
        assert (rental.state, ledger.balance(rental), ledger.bond_held(rental)) == ("closed", 120 + 4500 - 300, 0)


def after_due(rental, days):
    return rental.clinic.start_of(rental.due_on) + days * DAY + timedelta(hours=9)


class TestDeemedPurchase:
    """By the standard terms fourteen days after the due day."""

    @pytest.fixture
    def late(self, active):
        """The ninth hour of the fifteenth day after it."""
        return after_due(active, 15)

    @pytest.mark.parametrize(("days", "asked"), [(14, 0), (15, 1), (40, 1)])
    def test_a_manager_is_asked_after_more_days_than_the_terms_allow(self, active, days, asked):
        assert propose_deemed_purchases(after_due(active, days)) == asked
        assert StaffTask.objects.filter(kind="deemed_kept", for_role="manager").count() == asked

    def test_never_where_the_terms_say_never(self):
        rental = with_terms(deemed_kept_after_days=None)
        propose_deemed_purchases(after_due(rental, 400))
        assert not StaffTask.objects.filter(rental=rental).exists()

    def test_it_is_asked_once_for_a_due_day_and_nothing_happens_by_itself(self, active, late):
        rental, at = active, late
        assert [propose_deemed_purchases(at + hour * timedelta(hours=1)) for hour in range(3)] == [1, 0, 0]
        rental.refresh_from_db()
        assert rental.state == "active"
        assert "purchase" not in dict(entries(rental))
        due_on = rental.due_on + 28 * DAY
        extend(rental, due_on=due_on, at=at, actor=make.manager())
        assert propose_deemed_purchases(at + 60 * DAY) == 1

    def test_the_task_has_the_figures(self, active, late):
        rental, at = active, late
        rental = paid(rental, "60.00")
        propose_deemed_purchases(at)
        words = StaffTask.objects.get(kind="deemed_kept").words
        for part in (rental.reference, "15 days ago", "$4,500.00", "$30.00", "$4,470.00", "$300.00 of bond"):
            assert part in words
        assert rental.patient.family_name not in words

    def test_what_came_back_is_not_asked_about(self, active, late):
        rental, at = active, late
        make.take_back(rental, at=at - DAY)
        assert propose_deemed_purchases(at) == 0

    def test_nobody_is_asked_while_the_patient_has_named_a_day_that_is_still_to_come(self, active, late):
        rental, at = active, late
        Rental.objects.filter(pk=rental.pk).update(return_expected_at=at + DAY)
        assert propose_deemed_purchases(at) == 0
        assert propose_deemed_purchases(at + 2 * DAY) == 1

    def test_nobody_is_asked_while_the_patients_wish_to_keep_it_longer_waits_for_an_answer(self, active, late):
        rental, at = active, late
        wish = ask_for_extension(rental, due_on=at.date() + 7 * DAY, words="", key="once", at=at)
        assert propose_deemed_purchases(at) == 0
        do_task(wish, note="Not possible", at=at, actor=make.manager())
        assert propose_deemed_purchases(at) == 1

    def test_the_patients_word_counts_until_the_last_moment(self, active, late):
        rental, at = active, late
        (seen,) = deemed_kept(rental.clinic, at)
        Rental.objects.filter(pk=rental.pk).update(return_expected_at=at + DAY)
        assert not propose(seen, at)

    def test_the_questions_do_not_grow_with_what_was_asked_before(self, active, late, django_assert_max_num_queries):
        at = late
        for _ in range(3):
            with_terms()
        propose_deemed_purchases(at)
        with django_assert_max_num_queries(12):  # two a clinic
            propose_deemed_purchases(at)
