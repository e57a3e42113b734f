"""The database refuses what must never be, also from raw SQL (I1, I3, I4).

Each refusal here has its negative control beside it: the same statement with the constraint dropped or the
trigger ignored, inside the test's transaction, gets through.
"""

from datetime import timedelta

import pgtrigger
import pytest
from django.apps import apps
from django.db import transaction

from devices.models import Device
from rentals.models import Holding
from rentals.models.states import MOVES, State
from tests import make
from tests.raw import assert_refused, sql, without_constraint, without_index

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _constraints_at_once(db):
    """Also those that are to hold at the end of a transaction, which for a test never comes."""
    sql("SET CONSTRAINTS ALL IMMEDIATE")


class TestOneDeviceOneHolder:
    """I1."""

    DOUBLE_BOOKING = "UPDATE rentals_holding SET device_id = %s WHERE rental_id = %s"

    @pytest.fixture
    def two_rentals(self):
        first = make.rental("reserved")
        second = make.rental("reserved", first.clinic)
        return first.holdings.get().device_id, second.pk

    def test_two_live_holdings_never_block_one_device_on_one_day(self, two_rentals):
        assert_refused("holding_blocks_device_once", self.DOUBLE_BOOKING, *two_rentals)

    def test_without_the_constraint_the_double_booking_gets_in(self, two_rentals):
        with without_constraint("rentals_holding", "holding_blocks_device_once"):
            assert sql(self.DOUBLE_BOOKING, *two_rentals) == 1

    def test_two_rentals_may_follow_each_other_to_the_day(self, reserved):
        device, free_from = reserved.holdings.get().device, reserved.holdings.get().blocked.upper
        assert make.rental("reserved", device=device, starts_on=free_from).holdings.get().device == device

    SECOND_SPAN = """
        INSERT INTO rentals_holding (rental_id, device_id, live, blocked, out, counter_out, used_out,
                                     parts_out, parts_back, delivery, tracking, notes)
        SELECT rental_id, device_id, false, blocked, tstzrange(upper(out) - interval '1 second', upper(out)),
               0, 0, '{}', '{}', 'desk', '', ''
        FROM rentals_holding WHERE rental_id = %s"""

    def test_two_out_spans_of_a_device_never_overlap_not_even_after_the_end(self, closed):
        assert_refused("holding_out_once", self.SECOND_SPAN, closed.pk)

    def test_without_the_constraint_a_device_is_in_two_places(self, closed):
        with without_constraint("rentals_holding", "holding_out_once"):
            assert sql(self.SECOND_SPAN, closed.pk) == 1

    SECOND_HOLDING = """
        INSERT INTO rentals_holding
            (rental_id, device_id, live, blocked, parts_out, parts_back, delivery, tracking, notes)
        SELECT rental_id, NULL, true, blocked, '{}', '{}', 'desk', '', '' FROM rentals_holding WHERE rental_id = %s"""

    def test_a_rental_holds_one_device_at_a_time(self, reserved):
        assert_refused("holding_one_live_a_rental", self.SECOND_HOLDING, reserved.pk)

    def test_without_the_index_a_rental_holds_two(self, reserved):
        with without_index("holding_one_live_a_rental"):
            assert sql(self.SECOND_HOLDING, reserved.pk) == 1

    def test_what_was_out_is_never_forgotten(self, closed):
        rental, forget = closed, "DELETE FROM rentals_holding WHERE rental_id = %s"
        assert_refused("pgtrigger: Cannot delete rows from rentals_holding table", forget, rental.pk)
        with pgtrigger.ignore("rentals.Holding:holding_out_never_dropped"):
            assert sql(forget, rental.pk) == 1


class TestOnlyReadyDevicesGoOut:
    """I3."""

    HAND_OVER = """
        UPDATE rentals_holding SET out = tstzrange(%s, NULL), counter_out = 0, used_out = 0
        WHERE rental_id = %s AND live"""

    @pytest.mark.parametrize("condition", sorted(set(Device.Condition.values) - {"ready"}))
    def test_a_device_that_is_not_ready_does_not_go_out(self, condition, reserved):
        Device.objects.filter(holdings__rental=reserved).update(condition=condition)
        assert_refused("holding_goes_out_ready", self.HAND_OVER, make.NOW, reserved.pk)
        with pgtrigger.ignore("rentals.Holding:holding_goes_out_ready"):
            assert sql(self.HAND_OVER, make.NOW, reserved.pk) == 1

    @pytest.fixture
    def second_patient(self):
        """A rental that raw SQL put on a unit which another patient has had, without sign-off for reuse."""
        earlier = make.rental("closed", device=make.device(reuse=False))
        later = make.rental("reserved", earlier.clinic, at=make.NOW + 60 * DAY)
        Holding.objects.filter(rental=later).update(device=earlier.holdings.get().device)
        return later

    def test_a_unit_without_sign_off_never_goes_to_a_second_patient(self, second_patient):
        assert_refused("holding_goes_out_ready", self.HAND_OVER, make.NOW + 60 * DAY, second_patient.pk)

    def test_without_the_trigger_it_does(self, second_patient):
        with pgtrigger.ignore("rentals.Holding:holding_goes_out_ready"):
            assert sql(self.HAND_OVER, make.NOW + 60 * DAY, second_patient.pk) == 1

    def test_the_same_patient_may_have_it_again(self):
        earlier = make.rental("closed", device=make.device(reuse=False))
        device = earlier.holdings.get().device
        again = make.rental("active", device=device, patient=earlier.patient, at=make.NOW + 60 * DAY)
        assert again.holdings.get().device == device


MOMENTS = {
    "enquiry": (None, None, None),
    "reserved": (None, None, None),
    "cancelled": (None, None, make.NOW),
    "active": (make.NOW, None, None),
    "returned": (make.NOW, make.NOW, None),
    "lost": (make.NOW, None, make.NOW),
    "kept": (make.NOW, None, make.NOW),
    "closed": (make.NOW, make.NOW, make.NOW),
}


class TestStatesMoveAlongTheTable:
    """I4."""

    MOVE = """
        UPDATE rentals_rental SET state = %s, handed_over_at = %s, returned_at = %s, ended_at = %s WHERE id = %s"""

    @pytest.mark.parametrize("old", State.values)
    def test_raw_sql_moves_a_state_along_the_table_only(self, old, reserved):
        """All eight states against all eight."""
        for new in State.values:
            with transaction.atomic():
                with pgtrigger.ignore("rentals.Rental:rental_moves_along_the_table"):
                    sql(self.MOVE, old, *MOMENTS[old], reserved.pk)  # also the control: any state can be forced
                if new == old or new in MOVES[State(old)]:
                    assert sql(self.MOVE, new, *MOMENTS[new], reserved.pk) == 1
                else:
                    refusal = 'pgtrigger: Invalid transition of field "state" from "{}" to "{}" on table rentals_rental'
                    assert_refused(refusal.format(old, new), self.MOVE, new, *MOMENTS[new], reserved.pk)
                transaction.set_rollback(True)

    BIRTH = """
        INSERT INTO rentals_rental
            (reference, external_reference, clinic_id, patient_id, terms_id, state, starts_on, due_on,
             planned_treatments, prescribed_per_day, pinned, accepts_unknown_capacity, capacity_override,
             pathological_override, healed_imaging, created_at, recorded_from_history, priority,
             handed_over_at, returned_at, ended_at)
        SELECT 'RAW', '', clinic_id, patient_id, terms_id, %s, starts_on, due_on,
             1, 1, false, false, '', '', '', created_at, false, 3, %s, %s, %s
        FROM rentals_rental WHERE id = %s"""

    @pytest.mark.parametrize("state", State.values)
    def test_a_rental_begins_at_the_beginning(self, state, reserved):
        birth = (self.BIRTH, state, *MOMENTS[state], reserved.pk)
        if state in {"enquiry", "reserved"}:
            assert sql(*birth) == 1
            return
        assert_refused("pgtrigger: Cannot insert rows from rentals_rental table", *birth)
        with pgtrigger.ignore("rentals.Rental:rental_begins_at_the_beginning"):
            assert sql(*birth) == 1

    @pytest.mark.parametrize(
        ("statement", "constraint"),
        [
            ("due_on = starts_on", "rental_due_after_start"),
            ("planned_treatments = 0", "rental_plan_positive"),
            ("prescribed_per_day = 0", "rental_prescription_positive"),
            ("handed_over_at = created_at", "rental_handed_over_when_state_says_so"),
            ("returned_at = created_at", "rental_returned_when_state_says_so"),
            ("ended_at = created_at", "rental_ended_when_state_says_so"),
        ],
    )
    def test_the_columns_of_a_rental_fit_its_state(self, statement, constraint, reserved):
        update = (f"UPDATE rentals_rental SET {statement} WHERE id = %s", reserved.pk)
        assert_refused(constraint, *update)
        with without_constraint("rentals_rental", constraint):
            assert sql(*update) == 1


def test_every_change_of_a_rental_leaves_a_row_in_the_audit_history(reserved):
    seen = apps.get_model("rentals", "RentalEvent").objects.filter(pgh_obj_id=reserved.pk)
    before = seen.count()
    sql("UPDATE rentals_rental SET pinned = true WHERE id = %s", reserved.pk)
    assert seen.count() == before + 1
    assert seen.latest("pgh_id").pinned is True
