"""Counters that start again: provisional allowances, opened from the log and moved by late data (I5)."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.models import Allowance, Device, Reading
from rentals.models import Discrepancy, Treatment
from rentals.reconciliation.readings import take_reading
from tests import make
from tests.raw import assert_refused
from tests.shared import shared
from tests.usage import LATER, Log, csv, import_file, import_logs

pytestmark = pytest.mark.django_db

MORNING = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)


def after(days: float) -> datetime:
    return MORNING + timedelta(days=days)


@shared
def device():
    return make.device(nominal=343, at=MORNING - timedelta(days=60))


def old_counting(device) -> Log:
    """Numbers 1 to 40."""
    return Log(device, after(41), counter=40).daily(range(1, 41), MORNING)


def new_counting(device, last: int = 20) -> Log:
    """Numbers from 1 again, from the 50th day on."""
    return Log(device, after(50 + last), counter=last).daily(range(1, last + 1), after(50))


def used(device) -> int:
    return Device.objects.with_counters().get(pk=device.pk).used_treatments


def countings() -> list[tuple[int, str, bool, int]]:
    return list(Allowance.objects.order_by("number").values_list("number", "cause", "provisional", "carried_over"))


def open_kinds() -> list[str]:
    kinds = Discrepancy.objects.filter(state="open").exclude(kind="usage_outside_rental")
    return sorted(kinds.values_list("kind", flat=True))


ONE, TWO = [(1, "first", False, 0)], [(1, "first", False, 0), (2, "reset", True, 40)]


class TestRestarts:
    @pytest.mark.parametrize("together", [True, False])
    def test_numbers_that_start_again_open_a_provisional_allowance_and_count_on(self, device, together):
        logs = old_counting(device), new_counting(device)
        for batch in [logs] if together else [[log] for log in logs]:
            import_logs(*batch)
        assert countings() == TWO
        assert used(device) == 60
        assert Treatment.objects.filter(allowance__number=2).count() == 20
        assert not Reading.objects.filter(trusted=False).exists()
        assert open_kinds() == ["counter_down"]

    def test_the_older_file_may_come_last(self, device):
        import_logs(new_counting(device))
        assert (countings(), used(device)) == (ONE, 20)
        import_logs(old_counting(device))
        assert (countings(), used(device)) == (TWO, 60)
        assert open_kinds() == ["counter_down"]

    def test_one_read_out_may_hold_both_countings(self, device):
        log = Log(device, after(71), counter=20).daily(range(1, 41), MORNING).daily(range(1, 21), after(50))
        assert import_logs(log).accepted == 60
        assert (countings(), used(device)) == (TWO, 60)

    def test_a_new_counting_that_has_passed_the_old_one_is_found_too(self, device):
        import_logs(old_counting(device), new_counting(device, last=60))
        assert (countings(), used(device)) == (TWO, 100)

    def test_numbers_that_start_again_need_not_have_been_seen_before(self, device):
        import_logs(Log(device, after(41), counter=40).daily(range(31, 41), after(30)), new_counting(device))
        assert (countings(), used(device)) == (TWO, 60)

    def test_a_counter_may_start_again_twice(self, device):
        third = Log(device, after(100), counter=9).daily(range(1, 10), after(80))
        import_logs(old_counting(device), new_counting(device), third)
        assert countings() == [*TWO, (3, "reset", True, 60)]
        assert used(device) == 69

    def test_one_session_is_enough(self, device):
        import_logs(old_counting(device), Log(device, after(51), counter=1).session(1, after(50)))
        assert (countings(), used(device)) == (TWO, 41)

    def test_numbers_that_go_on_open_nothing(self, device):
        import_logs(old_counting(device), Log(device, after(60), counter=50).daily(range(41, 51), after(45)))
        assert (countings(), used(device), open_kinds()) == (ONE, 50, [])

    def test_a_stray_number_in_between_is_a_conflict_not_a_new_counting(self, device):
        stray = Log(device, after(60), counter=45).session(12, after(43)).daily(range(41, 46), after(45))
        import_logs(old_counting(device), stray)
        assert (countings(), used(device)) == (ONE, 45)
        assert open_kinds() == ["conflicting_duplicate"]

    def test_a_clock_that_was_set_back_between_two_sessions_opens_nothing(self, device):
        ahead = Log(device, after(41), counter=40)
        ahead.daily(range(1, 21), after(30)).daily(range(21, 41), after(20))
        import_logs(ahead)
        assert (countings(), used(device)) == (ONE, 40)
        assert Treatment.objects.count() == 40

    def test_late_data_move_the_start_and_leave_one_allowance(self, device):
        import_logs(old_counting(device), Log(device, after(71), counter=20).daily(range(11, 21), after(60)))
        assert Allowance.objects.get(number=2).began_at == after(60)
        [opened] = Discrepancy.objects.filter(kind="counter_down")
        import_logs(Log(device, after(60), counter=10).daily(range(1, 11), after(50)))
        assert countings() == TWO
        assert Allowance.objects.get(number=2).began_at == after(50)
        assert Treatment.objects.filter(allowance__number=2).count() == 20
        assert list(Discrepancy.objects.filter(kind="counter_down", state="open")) == [opened]

    def test_a_reset_before_the_known_one_is_found_late(self, device):
        import_logs(old_counting(device), Log(device, after(100), counter=9).daily(range(1, 10), after(80)))
        assert countings() == TWO
        import_logs(new_counting(device))
        assert countings() == [*TWO, (3, "reset", True, 60)]
        assert used(device) == 69
        assert Treatment.objects.filter(allowance__number=3).count() == 9

    def test_a_new_card_that_a_person_entered_explains_the_restart(self, device):
        Allowance.objects.create(
            device=device, number=2, cause="card", began_at=after(48), nominal_treatments=343, counter_at_start=0
        )
        import_logs(old_counting(device), new_counting(device))
        assert countings() == [ONE[0], (2, "card", False, 0)]
        assert used(device) == 20
        assert open_kinds() == []

    def test_a_restart_after_a_new_card_counts_on_from_the_card(self, device):
        Allowance.objects.create(
            device=device, number=2, cause="card", began_at=after(48), nominal_treatments=343, counter_at_start=0
        )
        third = Log(device, after(100), counter=9).daily(range(1, 10), after(80))
        import_logs(old_counting(device), new_counting(device), third)
        assert countings() == [ONE[0], (2, "card", False, 0), (3, "reset", True, 20)]
        assert used(device) == 29

    def test_a_log_that_starts_again_and_again_is_no_log(self, device):
        jumping = Log(device, after(100), counter=2).daily([2, 1] * 40, MORNING)
        failed = import_file(csv(jumping))
        assert (failed.status, failed.accepted) == ("failed", 0)
        assert f"device {device.serial} start again more than 20 times" in failed.failure
        assert (countings(), Treatment.objects.count()) == (ONE, 0)

    def test_a_confirmed_allowance_cannot_be_dropped(self, device):
        device = make.device(device.clinic, counter=None)
        assert_refused(
            "pgtrigger: Cannot delete rows from devices_allowance table",
            "DELETE FROM devices_allowance WHERE device_id = %s",
            device.pk,
        )


class TestReadings:
    def test_a_reading_that_went_down_is_flagged_and_not_trusted_until_the_log_shows_the_restart(self, device):
        import_logs(old_counting(device))
        reading = take_reading(device, 0, read_at=after(49), at=LATER, actor=None)
        later = take_reading(device, 12, read_at=after(61.5), at=LATER, actor=None)
        assert [(r.flag, r.trusted) for r in (reading, later)] == [("counter_down", False)] * 2
        assert used(device) == 40
        [opened] = Discrepancy.objects.filter(kind="counter_down")
        assert "showed 0 on 21 April 2026, 06:00, after 40 before" in opened.why

        import_logs(new_counting(device))
        assert used(device) == 60
        reading.refresh_from_db()
        later.refresh_from_db()
        assert [(r.flag, r.trusted, r.allowance.number) for r in (reading, later)] == [("counter_down", True, 2)] * 2
        assert Allowance.objects.get(number=2).began_at == after(49)
        assert list(Discrepancy.objects.filter(kind="counter_down", state="open")) == [opened]

    def test_a_hand_over_reading_typed_in_after_the_import_belongs_to_the_new_counting(self, device):
        import_logs(old_counting(device), new_counting(device))
        [opened] = Discrepancy.objects.filter(kind="counter_down")
        reading = take_reading(device, 0, read_at=after(49), at=LATER, actor=None)
        assert (reading.trusted, reading.allowance.number) == (True, 2)
        assert list(Discrepancy.objects.filter(kind="counter_down", state="open")) == [opened]

    def test_a_misread_value_before_a_restart_stays_untrusted(self, device):
        import_logs(old_counting(device))
        misread = take_reading(device, 4, read_at=after(42), at=LATER, actor=None)
        take_reading(device, 40, read_at=after(43), at=LATER, actor=None)
        import_logs(new_counting(device))
        misread.refresh_from_db()
        assert (misread.trusted, misread.allowance.number) == (False, 1)
        assert used(device) == 60

    @pytest.mark.parametrize(("counter", "day"), [(35, 55), (5, 60), (25, 80)])
    def test_a_value_that_does_not_fit_the_new_counting_either_stays_untrusted(self, device, counter, day):
        """Above a later session, below an earlier one, below an earlier reading."""
        import_logs(old_counting(device))
        take_reading(device, 30, read_at=after(75), at=LATER, actor=None)
        misread = take_reading(device, counter, read_at=after(day), at=LATER, actor=None)
        import_logs(new_counting(device))
        misread.refresh_from_db()
        assert (misread.trusted, misread.allowance.number) == (False, 2)
        assert used(device) == 70

    def test_a_reading_beyond_what_time_allows_is_kept_and_flagged(self, device):
        import_logs(old_counting(device))
        reading = take_reading(device, 4000, read_at=after(45), at=LATER, actor=None)
        assert (reading.flag, reading.trusted, used(device)) == ("counter_jump", False, 40)
        assert open_kinds() == ["counter_jump"]

    def test_the_same_reading_twice_is_one(self, device):
        for _ in range(2):
            take_reading(device, 5, read_at=after(5), at=LATER, actor=None)
        assert Reading.objects.filter(device=device, source="desk").count() == 1

    def test_a_reading_of_tomorrow_is_refused(self, device):
        with pytest.raises(Exception, match="has not come yet"):
            take_reading(device, 5, read_at=LATER + timedelta(days=1), at=LATER, actor=None)

    def test_an_impossible_counter_of_a_read_out_is_flagged_and_its_treatments_are_taken(self, device):
        import_logs(old_counting(device))
        odd = Log(device, after(46), counter=7).daily(range(41, 44), after(42))
        assert import_logs(odd).accepted == 3
        reading = Reading.objects.get(device=device, counter=7)
        assert (reading.flag, reading.trusted) == ("counter_down", False)
        assert countings() == ONE

    def test_read_outs_are_judged_in_the_order_of_their_moments_not_of_the_file(self, device):
        early, late = Log(device, after(10), counter=10), Log(device, after(20), counter=20)
        import_logs(late, early)
        assert not Reading.objects.filter(trusted=False).exists()
        between = import_logs(Log(device, after(15), counter=25))
        assert between.status == "done"
        assert Reading.objects.get(counter=25).flag == "counter_jump"


class TestHoldings:
    def test_the_used_treatments_of_a_rental_count_across_a_restart(self, device):
        rental = make.rental("active", device=device, at=MORNING - timedelta(hours=12), days=91)
        import_logs(old_counting(device), new_counting(device))
        make.take_back(rental, counter=20, at=after(75))
        holding = rental.holdings.get()
        assert (holding.used_out, holding.used_back) == (0, 60)
        assert used(device) == 60
