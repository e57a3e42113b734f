"""Extend, swap, pin, cancel (I1, I2, I4), and the signed agreement."""

from datetime import date, timedelta

import pytest

from config.models import Closure
from devices.models import Device
from rentals.agreement import is_signed, sign
from rentals.booking import change, extension
from rentals.ledger import balance
from rentals.models import Rental, Signature
from tests import make
from tests.refusals import refused_as

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def extend(rental, due_on, *, at=make.NOW, **details):
    return extension.extend(rental, due_on=due_on, at=at, actor=make.manager(), **details).rental


def swap(rental, device, *, counter_out=10, counter_in=0, at=make.NOW + 10 * DAY, **details):
    details = {"now": at, "actor": make.manager(), **details}
    return change.swap(rental, counter_out=counter_out, device=device, counter_in=counter_in, at=at, **details)


class TestExtend:
    @pytest.mark.parametrize("state", ["reserved", "active"])
    def test_a_later_due_day_blocks_the_device_longer(self, state):
        rental = extend(make.rental(state), date(2026, 4, 27))
        assert rental.due_on == date(2026, 4, 27)
        blocked = rental.holdings.get().blocked
        assert (blocked.lower, blocked.upper) == (date(2026, 3, 2), date(2026, 4, 29))

    def test_an_earlier_due_day_frees_the_device_earlier(self, active):
        rental = extend(active, date(2026, 3, 16))
        assert (
            make.book(rental.clinic, starts_on=date(2026, 3, 18)).holdings.get().device == rental.holdings.get().device
        )

    def test_a_courier_is_waited_for(self, active):
        active.holdings.update(delivery="courier")
        extend(active, date(2026, 4, 27))
        assert active.holdings.get().blocked.upper == date(2026, 5, 1)

    def test_it_stops_before_the_next_rental_and_says_which(self, active):
        device = active.holdings.get().device
        later = make.book(active.clinic, device=device, starts_on=date(2026, 4, 13), pinned=True)
        other = make.device(active.clinic)
        assert extend(active, date(2026, 4, 11)).due_on == date(2026, 4, 11)  # and a day to turn it around
        refusal = refused_as("device_unavailable", extend, active, date(2026, 4, 13))
        assert refusal.conflict == {
            "reference": later.reference,
            "starts_on": "2026-04-13",
            "due_on": "2026-05-11",
            "free_from": "2026-05-13",
        }
        assert [offer["device"]["id"] for offer in refusal.alternatives] == [other.pk]
        assert Rental.objects.get(pk=active.pk).due_on == date(2026, 4, 11)

    def test_after_a_swap_the_days_before_it_do_not_matter(self, active):
        """Another patient never came to collect the second device before the swap."""
        second = make.device(active.clinic)
        make.book(active.clinic, device=second, due_on=date(2026, 3, 4))
        swap(active, second)
        assert extend(active, date(2026, 4, 27)).due_on == date(2026, 4, 27)

    @pytest.mark.parametrize("due_on", [date(2026, 3, 2), date(2026, 3, 1), date(2028, 3, 3)])
    def test_the_due_day_comes_after_the_start_and_within_two_years(self, due_on, active):
        assert refused_as("invalid", extend, active, due_on).field == "due_on"

    def test_the_due_day_does_not_move_into_the_past(self, active):
        refused_as("invalid", extend, active, date(2026, 3, 9), at=make.NOW + 8 * DAY)

    def test_a_closed_day_is_refused_with_the_next_open_one(self, active):
        Closure.objects.create(
            clinic=active.clinic, first_day=date(2026, 4, 3), last_day=date(2026, 4, 6), reason="Easter"
        )
        refusal = refused_as("clinic_closed", extend, active, date(2026, 4, 3))
        assert refusal.alternatives == [{"due_on": "2026-04-07"}]

    def test_an_overdue_rental_may_be_extended(self, active):
        assert extend(active, date(2026, 5, 4), at=make.NOW + 40 * DAY).due_on == date(2026, 5, 4)

    def test_a_reservation_at_risk_may_be_extended(self, reserved):
        reserved.holdings.update(device=None)
        assert extend(reserved, date(2026, 4, 27)).due_on == date(2026, 4, 27)


class TestSwap:
    def test_one_device_comes_back_and_the_other_goes_out_at_one_moment(self):
        rental = make.rental("active", counter=5)
        first, second = rental.holdings.get().device, make.device(rental.clinic, counter=7)
        moment = make.NOW + 10 * DAY
        rental = swap(rental, second, counter_out=15, counter_in=7)
        before, after = rental.holdings.order_by("pk")
        assert rental.state == "active"
        assert (before.live, before.out.upper, before.counter_back, before.used_back) == (False, moment, 15, 15)
        assert (after.live, after.out.lower, after.out.upper, after.counter_out) == (True, moment, None, 7)
        assert (after.blocked.lower, after.blocked.upper) == (date(2026, 3, 12), date(2026, 4, 1))
        conditions = dict(Device.objects.filter(clinic=rental.clinic).values_list("pk", "condition"))
        assert conditions == {first.pk: "quarantine", second.pk: "ready"}

    def test_after_a_swap_the_last_device_comes_back_and_is_inspected(self, active):
        rental = active
        first, second = rental.holdings.get().device, make.device(rental.clinic)
        swap(rental, second)
        rental = make.take_back(Rental.objects.get(pk=rental.pk), at=make.NOW + 20 * DAY)
        make.inspect(rental, at=make.NOW + 20 * DAY)
        assert Device.objects.get(pk=second.pk).condition == "ready"
        assert Device.objects.get(pk=first.pk).condition == "quarantine"

    def test_only_the_rest_of_the_course_needs_to_fit(self, active):
        """28 planned, 20 given: the reading taken at the swap counts."""
        refused_as("device_unavailable", swap, active, make.device(active.clinic, nominal=7), counter_out=20)
        swap(active, make.device(active.clinic, nominal=8), counter_out=20)

    @pytest.mark.parametrize("condition", ["quarantine", "repair", "recalled", "lost", "sold", "retired"])
    def test_only_a_ready_device_goes_out(self, condition, active):
        replacement = make.device(active.clinic, condition=condition)
        refused_as("device_unavailable", swap, active, replacement)
        assert active.holdings.get().live

    def test_a_device_of_somebody_else_does_not_go_out(self, active):
        for other in (make.rental("active", active.clinic), make.rental("reserved", active.clinic)):
            refusal = refused_as("device_unavailable", swap, active, other.holdings.get().device)
            assert refusal.conflict["reference"] == other.reference

    def test_a_device_is_not_swapped_for_itself(self, active):
        refused_as("device_unavailable", swap, active, active.holdings.get().device)
        assert active.holdings.get().device.condition == "ready"

    def test_a_device_of_another_clinic_does_not_go_out(self, active):
        refused_as("device_unavailable", swap, active, make.device())

    def test_a_unit_without_sign_off_that_another_patient_had_does_not_go_out(self):
        closed = make.rental("closed", device=make.device(reuse=False))
        at = make.NOW + 60 * DAY
        rental = make.rental("active", closed.clinic, at=at)
        refused_as("device_unavailable", swap, rental, closed.holdings.get().device, at=at + DAY)

    def test_unknown_capacity_goes_out_only_if_the_rental_accepts_it(self, active):
        strict, open_minded = active, make.rental("active", accept_unknown_capacity=True)
        refused_as("device_unavailable", swap, strict, make.device(strict.clinic, nominal=None))
        swap(open_minded, make.device(open_minded.clinic, nominal=None))


class TestPin:
    @pytest.mark.parametrize("pinned", [True, False])
    def test_a_reservation_is_pinned_or_let_go(self, pinned):
        rental = make.rental("reserved", pinned=not pinned)
        assert change.pin(rental, pinned=pinned, at=make.NOW, actor=make.manager()).pinned is pinned


class TestCancel:
    def test_it_lets_the_device_go(self):
        cancelled = make.rental("cancelled")
        assert cancelled.ended_at == make.NOW
        assert not cancelled.holdings.filter(live=True).exists()
        assert (cancelled.moves.last().verb, cancelled.moves.last().reason) == ("cancel", "Treated elsewhere")
        assert balance(cancelled) == 0

    def test_a_reservation_at_risk_may_be_cancelled(self, reserved):
        reserved.holdings.update(device=None)
        assert change.cancel(reserved, reason="No device", at=make.NOW, actor=make.manager()).state == "cancelled"


class TestAgreement:
    def sign(self, rental, name="Ada Example", version=1):
        return sign(rental, name=name, accepted_terms_version=version, at=make.NOW, actor=make.reception())

    def test_the_patient_signs_the_terms_of_the_booking(self, reserved):
        assert not is_signed(reserved)
        self.sign(reserved, name=" Ada Example ")
        signature = Signature.objects.get(rental=reserved)
        assert is_signed(reserved)
        assert (signature.name, signature.terms, signature.signed_at) == ("Ada Example", reserved.terms, make.NOW)

    def test_signing_again_changes_nothing(self, reserved):
        self.sign(reserved)
        self.sign(reserved, name="Somebody Else")
        assert Signature.objects.get(rental=reserved).name == "Ada Example"

    def test_another_version_is_refused_with_the_right_one(self, reserved):
        refusal = refused_as("terms_changed", self.sign, reserved, version=2)
        assert (refusal.field, refusal.conflict) == ("accepted_terms_version", {"terms_version": 1})

    def test_a_signature_has_a_name(self, reserved):
        assert refused_as("invalid", self.sign, reserved, name="  ").field == "name"
