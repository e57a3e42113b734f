"""The corrected time of what a device logged: drift, clocks that were set, what a person says (I6)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from config.refusals import Refusal
from patients.models import Access
from rentals.models import ClockRuling, Discrepancy, Pause, Treatment
from rentals.reconciliation.recompute import recompute
from rentals.reconciliation.rulings import rule_clock
from tests import make
from tests.shared import shared
from tests.usage import LATER, Log, import_logs

pytestmark = pytest.mark.django_db

EVENING = datetime(2026, 4, 8, 8, 0, tzinfo=UTC)  # six in Sydney, where no clock changes until October
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def after(days: float) -> datetime:
    return EVENING + timedelta(days=days)


@shared
def device():
    return make.device(at=EVENING - 60 * DAY)


def another(device):
    """A second one of its kind."""
    return make.device(device.clinic, model=device.model, at=EVENING - 60 * DAY)


def read_out(device, day: float, counter: int, fast_by: timedelta = timedelta()) -> Log:
    return Log(device, after(day), counter=counter, fast_by=fast_by)


def wrong_by(device) -> list[float]:
    """Seconds by which each treatment starts too late, in the order of their numbers, one being done each evening."""
    starts = Treatment.objects.sessions().filter(device=device).order_by("n").values_list("n", "started_corrected")
    return [(start - after(n - 1)).total_seconds() for n, start in starts]


def methods(device) -> set[str]:
    return set(Treatment.objects.filter(device=device).values_list("method", flat=True))


def as_kept(*devices) -> bool:
    return recompute([device.pk for device in devices], LATER, keep=False).total == 0


def drifting(device, first: int, last: int, seconds_a_day: float) -> Log:
    """A read-out half a day after session `last`, by a clock that was right on the first evening."""
    log = Log(device, after(last - 0.5), counter=last, fast_by=timedelta(seconds=round((last - 0.5) * seconds_a_day)))
    for n in range(first, last + 1):
        started = after(n - 1) + timedelta(hours=10, seconds=round((n - 1) * seconds_a_day))
        log.sessions.append(f"{n},{started.replace(tzinfo=None)},1200,completed,,,")
    return log


class TestDrift:
    @pytest.mark.parametrize("a_day", [4, -4])
    def test_it_is_spread_evenly_between_two_read_outs(self, device, a_day):
        import_logs(drifting(device, 1, 40, a_day), drifting(device, 41, 100, a_day))
        assert max(map(abs, wrong_by(device)[40:])) <= 1
        assert methods(device) == {"constant", "drift"}
        assert as_kept(device)

    def test_before_the_first_read_out_nothing_is_known_of_it(self, device):
        import_logs(drifting(device, 1, 40, 4))
        assert methods(device) == {"constant"}
        assert wrong_by(device)[0] == -158

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
    def test_the_order_in_which_the_read_outs_arrive_is_no_matter(self, device, order):
        logs = [drifting(device, first, first + 29, 3) for first in (1, 31, 61)]
        for each in order:
            import_logs(logs[each])
            assert as_kept(device)
        assert max(map(abs, wrong_by(device)[30:])) <= 1

    def test_a_reading_of_the_clock_alone_tells_it_for_what_came_before(self, device):
        import_logs(Log(device, after(-1), counter=0), drifting(device, 1, 60, 5))
        assert max(map(abs, wrong_by(device))) <= 6

    def test_what_was_corrected_is_known_again_when_it_is_read_out_again(self, device):
        import_logs(drifting(device, 1, 40, 4), drifting(device, 41, 100, 4))
        before = list(Treatment.objects.order_by("pk").values_list())
        again = import_logs(drifting(device, 1, 100, 4))
        overlapping = import_logs(drifting(device, 60, 110, 4))
        assert (again.accepted, again.duplicate) == (0, 100)
        assert (overlapping.accepted, overlapping.duplicate) == (10, 41)
        assert list(Treatment.objects.filter(n__lte=100).order_by("pk").values_list()) == before
        assert not Discrepancy.objects.filter(kind__in=["conflicting_duplicate", "counter_down"]).exists()

    def test_more_than_a_clock_drifts_was_set(self, device):
        wrong = read_out(device, 30, 30, 10 * MINUTE).daily(range(1, 31), EVENING)
        import_logs(Log(device, after(-1), counter=0), wrong)
        assert methods(device) == {"constant"}


class TestSet:
    """The clock was wrong until somebody set it between two read-outs."""

    def logs(self, device, wrong: timedelta, sessions_before: int = 10) -> tuple[Log, Log]:
        first = Log(device, after(-0.5), counter=0, fast_by=wrong)
        second = Log(device, after(29.5), counter=30)
        for n in range(1, 31):
            second.fast_by = wrong if n <= sessions_before else timedelta()
            second.session(n, after(n - 1))
        second.fast_by = timedelta()
        return first, second

    @pytest.mark.parametrize("wrong", [-31 * DAY, -365 * DAY, -40 * DAY])
    def test_the_log_shows_at_which_session(self, device, wrong):
        devices = {before: another(device) for before in (0, 1, 10, 30)}
        import_logs(*(log for before, each in devices.items() for log in self.logs(each, wrong, before)))
        for before, each in devices.items():
            assert set(wrong_by(each)) == {0}, before
            assert methods(each) == {"step"}, before
        assert as_kept(*devices.values())

    def test_where_it_does_not_the_read_out_that_brought_a_session_tells_its_time(self, device):
        import_logs(*self.logs(device, -2 * HOUR))
        assert wrong_by(device) == [-7200] * 10 + [0] * 20
        assert methods(device) == {"constant"}

    def test_it_opens_no_new_counting(self, device):
        import_logs(read_out(device, 0, 0), *self.logs(device, -31 * DAY))
        assert not Discrepancy.objects.filter(kind="counter_down").exists()
        assert device.allowances.count() == 1

    def test_what_comes_of_both_sides_again_is_known(self, device):
        first, second = self.logs(device, -31 * DAY)
        import_logs(first, second)
        assert import_logs(second).duplicate == 30
        later = Log(device, after(40), counter=30)
        later.sessions = second.sessions
        assert import_logs(later).duplicate == 30
        assert set(wrong_by(device)) == {0}

    def test_rentals_follow(self, device):
        rental = make.rental("active", device=device, at=after(-2), days=40)
        make.take_back(rental, counter=8, at=after(7.5))
        import_logs(*self.logs(device, -31 * DAY))
        assert Treatment.objects.filter(rental=rental).count() == 8

    @pytest.mark.parametrize(
        ("began", "wrong_before", "wrong_after"),
        [
            (datetime(2026, 3, 16, 7, 0, tzinfo=UTC), HOUR, timedelta()),  # summer time ends on 5 April
            (datetime(2025, 9, 15, 8, 0, tzinfo=UTC), timedelta(), HOUR),  # and begins on 5 October
        ],
    )
    def test_an_hour_is_taken_for_summer_time_and_set_when_the_clinics_clocks_changed(
        self, device, began, wrong_before, wrong_after
    ):
        device = make.device(at=began - 60 * DAY)
        second = Log(device, began + 40 * DAY, counter=40)
        for n in range(1, 41):
            start = began + (n - 1) * DAY
            changed = start >= began + 19.5 * DAY
            second.fast_by = wrong_after if changed else wrong_before
            second.session(n, start)
        second.fast_by = wrong_after
        import_logs(Log(device, began - HOUR, counter=0, fast_by=wrong_before), second)
        starts = Treatment.objects.filter(device=device).order_by("n").values_list("started_corrected", flat=True)
        off = [(start - began - n * DAY).total_seconds() for n, start in enumerate(starts)]
        assert [seconds for seconds in off if seconds] == []
        assert methods(device) == {"step"}


class TestPauses:
    def test_they_follow_the_corrected_clock(self, device):
        log = read_out(device, 20, 1, -31 * DAY).session(1, after(0)).pause("2026-03-10", "2026-03-12")
        import_logs(log)
        pause = Pause.objects.get()
        assert (pause.days.lower, pause.days.upper) == (date(2026, 4, 10), date(2026, 4, 13))
        rule_clock(pause.read_out, -10 * 3600 + 86400, note="It was a day.", at=LATER, actor=make.manager())
        pause.refresh_from_db()
        assert (pause.days.lower, pause.days.upper) == (date(2026, 3, 11), date(2026, 3, 14))


class TestInDoubt:
    WRONG = [
        (-90 * MINUTE, "a wrong zone, by 1 h 30 min"),
        (8 * HOUR + MINUTE, "a wrong zone, by 8 h 1 min"),
        (20 * MINUTE, "a wrong time, by 20 min"),
        (-DAY, "a wrong day, by 1 day"),
        (12 * DAY, "a wrong day, by 12 days"),
        (-30 * DAY, "a wrong month, by 1 month"),
        (61 * DAY, "a wrong month, by 2 months"),
        (-365 * DAY, "a wrong year, by 1 year"),
        (731 * DAY, "a wrong year, by 2 years"),
        (200 * DAY, "a wrong date, by 200 days"),
        (3 * DAY + 5 * HOUR, "a wrong time, by 3 d 5 h"),
    ]

    def test_it_says_what_is_wrong_and_that_the_times_are_corrected(self, device):
        devices = {said: (another(device), fast_by) for fast_by, said in self.WRONG}
        import_logs(*(read_out(each, 20, 0, fast_by) for each, fast_by in devices.values()))
        for said, (each, _) in devices.items():
            doubt = Discrepancy.objects.get(device=each)
            assert (doubt.kind, doubt.why.endswith(f": {said}.")) == ("clock_in_doubt", True), said
            assert "its times are corrected" in doubt.action


class TestRuling:
    @pytest.fixture
    def rental(self, device):
        return make.rental("active", device=device, at=after(-1), days=41)

    @pytest.fixture
    def treatment(self, device, rental):
        """One of that evening, by a clock that is three hours ahead."""
        import_logs(read_out(device, 5, 1, 3 * HOUR).session(1, after(0)))
        return Treatment.objects.get()

    def rule(self, treatment, offset: int | None, note: str = "It was never set right.", actor=None):
        rule_clock(treatment.read_out, offset, note=note, at=LATER, actor=actor or make.manager())
        treatment.refresh_from_db()
        return treatment

    def test_a_persons_word_stands_with_all_that_follows(self, device, rental, treatment):
        assert [d.kind for d in Discrepancy.objects.all()] == ["clock_in_doubt"]
        user = make.manager()
        ruled = self.rule(treatment, -10 * 3600 - 40 * 86400, actor=user)
        assert (ruled.method, ruled.rental) == ("ruled", None)
        assert ruled.started_corrected == after(0) + 3 * HOUR - 40 * DAY
        assert ruled.started_device == (after(0) + 13 * HOUR).replace(tzinfo=None)
        open_now = Discrepancy.objects.filter(state="open").values_list("kind", flat=True)
        assert list(open_now) == ["usage_outside_rental"]
        line = Access.objects.get(user=user)
        assert (line.patient, line.action, line.at) == (rental.patient, Access.Action.CHANGED, LATER)
        assert as_kept(device)

    def test_the_latest_word_holds_and_none_is_lost(self, device, rental, treatment):
        self.rule(treatment, -12 * 3600)
        assert self.rule(treatment, -11 * 3600).started_corrected == after(0) + 2 * HOUR
        worked_out = self.rule(treatment, None)
        assert (worked_out.started_corrected, worked_out.method, worked_out.rental) == (after(0), "constant", rental)
        assert ClockRuling.objects.count() == 3
        assert Discrepancy.objects.get(kind="clock_in_doubt").state == "open"

    def test_it_stands_when_more_data_arrives(self, device, treatment):
        self.rule(treatment, -12 * 3600)
        import_logs(read_out(device, 10, 2).session(2, after(8)))
        treatment.refresh_from_db()
        assert treatment.method == "ruled"
        assert as_kept(device)

    def test_a_read_out_whose_clock_nobody_saw_can_be_ruled_on(self, device):
        log = read_out(device, 5, 1).session(1, after(0))
        import_logs(log, at=LATER)
        treatment = Treatment.objects.get()
        assert self.rule(treatment, -9 * 3600).started_corrected == after(0) + HOUR

    @pytest.mark.parametrize(
        ("offset", "note", "said"),
        [(0, " ", "how you know"), (0, "x" * 2001, "at most"), (10**8, "x", "not begun yet"), (10**14, "x", "so much")],
        ids=["no note", "a long note", "a future", "no time at all"],
    )
    def test_what_cannot_be_is_refused_and_changes_nothing(self, treatment, offset, note, said):
        before = list(Treatment.objects.values_list())
        with pytest.raises(Refusal, match=said):
            self.rule(treatment, offset, note)
        assert (list(Treatment.objects.values_list()), ClockRuling.objects.exists()) == (before, False)
