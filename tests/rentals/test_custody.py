"""Hand-over, return, inspection, loss (I1, I3, I4)."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from devices.models import Device
from rentals import custody
from rentals.agreement import sign
from rentals.booking import change
from rentals.ledger import pay
from rentals.models import Holding, Rental
from tests import make
from tests.refusals import refused_as

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def hand_over(rental, *, counter=0, at=make.NOW, **details):
    details = {"parts": ["main_unit"], "now": at, "actor": make.manager(), **details}
    return custody.hand_over(rental, counter=counter, at=at, **details)


class TestHandOver:
    def test_it_writes_down_what_went_out_when_and_how(self):
        rental = make.prepare(make.rental("reserved", counter=7))
        rental = hand_over(rental, counter=7, parts=["main_unit", "charger"], delivery="courier", tracking="AP123")
        holding = Holding.objects.get(rental=rental)
        assert (rental.state, rental.handed_over_at) == ("active", make.NOW)
        assert (holding.out.lower, holding.out.upper, holding.live) == (make.NOW, None, True)
        assert (holding.counter_out, holding.used_out, holding.parts_out) == (7, 7, ["main_unit", "charger"])
        assert (holding.delivery, holding.tracking) == ("courier", "AP123")
        reading = holding.device.readings.latest("pk")
        assert (reading.counter, reading.source, reading.read_at, reading.trusted) == (7, "hand_over", make.NOW, True)

    def test_it_waits_for_the_signature(self, reserved):
        refused_as("not_signed", hand_over, reserved)
        assert reserved.holdings.get().out is None

    def test_it_waits_for_the_whole_bond(self, reserved):
        rental = make.prepare(make.rental("reserved", make.clinic(bond=0)))
        assert hand_over(rental).state == "active"
        sign(reserved, name="Ada Example", accepted_terms_version=1, at=make.NOW, actor=make.manager())
        assert refused_as("bond_unpaid", hand_over, reserved).conflict == {"due": "300.00"}
        pay(reserved, kind="bond", amount=Decimal(299), method="cash", at=make.NOW, actor=make.manager())
        assert refused_as("bond_unpaid", hand_over, reserved).conflict == {"due": "1.00"}

    @pytest.mark.parametrize("condition", ["quarantine", "repair", "recalled", "lost", "sold", "retired"])
    def test_a_device_that_is_not_ready_stays_here(self, condition, reserved):
        rental = make.prepare(reserved)
        Device.objects.filter(clinic=rental.clinic).update(condition=condition)
        assert refused_as("device_not_ready", hand_over, rental).conflict == {"condition": condition}
        assert Rental.objects.get(pk=rental.pk).state == "reserved"

    def test_a_reservation_whose_device_was_taken_away_says_so(self, reserved):
        rental = make.prepare(reserved)
        rental.holdings.update(device=None)
        assert refused_as("device_not_ready", hand_over, rental).conflict == {"reference": rental.reference}

    def test_a_device_still_out_with_somebody_else_is_not_handed_over_twice(self, active):
        next_one = make.book(active.clinic, device=active.holdings.get().device, starts_on=date(2026, 4, 1))
        make.prepare(next_one)
        refusal = refused_as("device_not_ready", hand_over, next_one, at=make.NOW + 30 * DAY)
        assert refusal.conflict == {"reference": active.reference}

    def test_an_early_hand_over_moves_the_start_and_the_blocked_days(self):
        rental = make.prepare(make.rental("reserved", starts_on=date(2026, 3, 9)))
        rental = hand_over(rental)
        assert rental.starts_on == date(2026, 3, 2)
        blocked = rental.holdings.get().blocked
        assert (blocked.lower, blocked.upper) == (date(2026, 3, 2), date(2026, 4, 8))

    def test_an_early_hand_over_says_who_has_the_device_then(self):
        first = make.rental("reserved", due_on=date(2026, 3, 9))
        second = make.book(first.clinic, device=first.holdings.get().device, starts_on=date(2026, 3, 11))
        make.prepare(second)
        assert refused_as("device_unavailable", hand_over, second).conflict == {
            "reference": first.reference,
            "starts_on": "2026-03-02",
            "due_on": "2026-03-09",
            "free_from": "2026-03-11",
        }
        assert Rental.objects.get(pk=second.pk).starts_on == date(2026, 3, 11)

    def test_a_late_hand_over_leaves_start_and_due_day_alone(self, reserved):
        rental = hand_over(make.prepare(reserved), at=make.NOW + 5 * DAY)
        assert (rental.starts_on, rental.due_on) == (date(2026, 3, 2), date(2026, 3, 30))

    def test_a_hand_over_after_the_due_day_blocks_that_day_too(self, reserved):
        rental = hand_over(make.prepare(reserved), at=make.NOW + 40 * DAY)
        assert rental.handed_over_at == make.NOW + 40 * DAY
        assert rental.holdings.get().blocked.upper == date(2026, 4, 12)

    def test_courier_days_are_blocked_on_both_sides(self, reserved):
        rental = hand_over(make.prepare(reserved), delivery="courier")
        blocked = Holding.objects.get(rental=rental).blocked
        assert (blocked.lower, blocked.upper) == (date(2026, 2, 28), date(2026, 4, 3))

    def test_the_desk_hands_over_and_takes_back_on_closed_days(self, reserved):
        sunday = make.NOW + 6 * DAY
        rental = hand_over(make.prepare(reserved), at=sunday)
        assert make.take_back(rental, at=sunday + 7 * DAY).state == "returned"

    def test_an_impossible_counter_is_kept_in_doubt_and_not_counted(self):
        """I5: the desk is not held up."""
        rental = make.prepare(make.rental("reserved", counter=50))
        hand_over(rental, counter=40)
        holding = rental.holdings.get()
        assert (holding.counter_out, holding.used_out) == (40, 50)
        assert holding.device.readings.filter(trusted=False, flag="counter_down", counter=40).count() == 1


class TestReturn:
    def test_it_writes_down_what_came_back_and_quarantines_the_device(self):
        rental = make.rental("active", counter=7)
        back = make.NOW + 20 * DAY
        rental = custody.take_back(
            rental, counter=25, parts=["main_unit"], notes="No charger", at=back, now=back, actor=make.manager()
        )
        holding = rental.holdings.get()
        assert (rental.state, rental.returned_at) == ("returned", back)
        assert (holding.out.upper, holding.live, holding.device.condition) == (back, False, "quarantine")
        assert (holding.counter_back, holding.used_out, holding.used_back) == (25, 7, 25)
        assert (holding.parts_back, holding.notes) == (["main_unit"], "No charger")

    @pytest.mark.parametrize("before", [timedelta(0), HOUR])
    def test_it_comes_after_the_hand_over(self, before, active):
        refusal = refused_as("invalid", make.take_back, active, at=make.NOW - before)
        assert (refusal.status, refusal.field) == (400, "at")
        assert Rental.objects.get(pk=active.pk).state == "active"

    def test_a_recalled_device_stays_recalled(self, active):
        Device.objects.filter(clinic=active.clinic).update(condition="recalled")
        make.inspect(make.take_back(active, at=make.NOW + DAY), at=make.NOW + DAY)
        assert active.holdings.get().device.condition == "recalled"

    def test_a_device_that_came_back_waits_for_its_inspection(self):
        returned = make.rental("returned")
        next_one = make.rental("reserved", returned.clinic)
        Holding.objects.filter(rental=next_one).update(device=returned.holdings.get().device)
        make.prepare(next_one)
        refused_as("device_not_ready", hand_over, next_one, at=make.NOW + 15 * DAY)


class TestInspection:
    @pytest.mark.parametrize(("passed", "condition"), [(True, "ready"), (False, "repair")])
    def test_the_device_is_ready_again_or_goes_to_repair(self, passed, condition, returned):
        rental = make.inspect(returned, passed=passed, at=make.NOW + 15 * DAY)
        assert (rental.state, rental.ended_at) == ("closed", make.NOW + 15 * DAY)
        assert (rental.inspection.passed, rental.inspection.checks) == (passed, {"cleaned": True})
        assert rental.holdings.get().device.condition == condition

    def test_a_device_that_failed_puts_its_reservations_at_risk(self):
        returned = make.rental("returned")
        device = returned.holdings.get().device
        Device.objects.filter(pk=device.pk).update(condition="ready")
        later = make.book(returned.clinic, device=device, starts_on=date(2026, 5, 4))
        Device.objects.filter(pk=device.pk).update(condition="quarantine")
        make.inspect(returned, passed=False, at=make.NOW + 15 * DAY)
        assert later.holdings.get().device is None
        assert (later.moves.last().verb, later.moves.last().reason) == (
            "at_risk",
            f"device {device.serial} failed its inspection: from {device.serial} to no device",
        )

    def test_a_fee_is_never_negative(self, returned):
        assert refused_as("invalid", make.inspect, returned, fee="-1.00", at=make.NOW + 15 * DAY).status == 400
        returned.refresh_from_db()
        assert (returned.state, returned.holdings.get().device.condition) == ("returned", "quarantine")


class TestNotComingBack:
    @pytest.mark.parametrize(
        ("verb", "state", "condition"),
        [(custody.report_lost, "lost", "lost"), (custody.report_kept, "kept", "sold")],
    )
    def test_the_device_leaves_and_its_reservations_are_at_risk(self, verb, state, condition, active):
        rental = active
        device = rental.holdings.get().device
        later = make.book(rental.clinic, device=device, starts_on=date(2026, 5, 4))
        moment = make.NOW + 20 * DAY
        rental = verb(rental, reason="Moved abroad", at=moment, actor=make.manager())
        holding = rental.holdings.get()
        assert (rental.state, rental.ended_at, rental.returned_at) == (state, moment, None)
        assert (holding.live, holding.out.upper, holding.counter_back) == (False, moment, None)
        assert holding.device.condition == condition
        assert later.holdings.get().device is None
        assert rental.moves.last().reason == "Moved abroad"
        rental = make.inspect(rental, at=moment + DAY)
        device.refresh_from_db()
        assert (rental.state, rental.inspection, device.condition) == ("closed", None, condition)

    @pytest.mark.parametrize("verb", [custody.report_lost, custody.report_kept, change.cancel])
    def test_it_needs_a_reason(self, verb):
        rental = make.rental("reserved" if verb is change.cancel else "active")
        refusal = refused_as("invalid", verb, rental, reason=" ", at=make.NOW + DAY, actor=make.manager())
        assert refusal.field == "reason"


def test_every_verb_is_a_recorded_change_of_the_patients_record():
    """I10."""
    actor = make.reception()
    rental = make.rental("closed", actor=actor)
    changes = rental.patient.accesses.filter(user=actor, action="changed").order_by("pk")
    verbs = list(rental.moves.values_list("verb", flat=True))
    assert verbs == ["book", "sign", "pay", "hand_over", "take_back", "inspect"]
    assert changes.count() == len(verbs)


def test_a_device_is_not_ready_while_a_check_was_answered_with_no(returned):
    device = returned.holdings.get().device
    details = {"passed": True, "fees": [], "at": make.NOW + timedelta(days=15), "actor": make.reception()}
    open_check = {"cleaned": True, "output": False}
    assert refused_as("invalid", custody.inspect, returned, checks=open_check, **details).field == "checks"
    custody.inspect(returned, checks={"cleaned": True, "scratches": False}, **details)
    device.refresh_from_db()
    assert device.condition == "ready"
