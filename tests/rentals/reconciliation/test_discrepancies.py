"""Each kind of discrepancy: found where it is, not where it is not, opened once, closed by later data."""

from datetime import UTC, datetime, timedelta

import pytest

from config.refusals import Refusal
from patients.models import Access
from rentals import custody
from rentals.booking.change import swap
from rentals.models import Discrepancy, Treatment
from rentals.reconciliation.discrepancies import EXPLAINED, resolve
from rentals.reconciliation.reconcile import reconcile
from tests import make
from tests.shared import shared
from tests.usage import LATER, Log, import_logs

pytestmark = pytest.mark.django_db

MORNING = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)


def after(days: float) -> datetime:
    return MORNING + timedelta(days=days)


@shared
def device():
    return make.device(nominal=50, counter=0, at=MORNING - timedelta(days=60))


@shared
def shelved():
    """Another, which nobody has."""
    return make.device(nominal=50, counter=0, at=MORNING - timedelta(days=60))


@shared
def rental(device):
    return make.rental(
        "active", device=device, at=MORNING - timedelta(hours=12), days=60, planned_treatments=50, counter=0
    )


def month(device, **columns) -> Log:
    return Log(device, after(30.5), counter=30, **columns).daily(range(1, 31), MORNING)


def found(state: str = "open") -> list[str]:
    return sorted(Discrepancy.objects.filter(state=state).values_list("kind", flat=True))


def only() -> Discrepancy:
    return Discrepancy.objects.get()


def test_a_clean_month_opens_nothing(rental, device):
    import_logs(month(device))
    assert found() == []


def test_use_while_nobody_had_the_device_is_one_discrepancy_a_gap(shelved):
    import_logs(month(shelved))
    assert found() == ["usage_outside_rental"]
    assert f"Device {shelved.serial} was used 30 times while nobody had it, first on 3 March 2026, 07:00." == only().why


def test_use_after_the_return_is_named_with_the_rental_that_had_ended(rental, device):
    make.take_back(rental, counter=30, at=after(29.5))
    log = month(device).session(31, after(30))
    log.counter = 31
    import_logs(log)
    assert found() == ["usage_outside_rental"]
    assert f"after rental {rental.reference} had ended" in only().why
    assert only().rental is None


def test_a_rental_recorded_afterwards_takes_the_treatments_and_closes_the_discrepancy(shelved):
    import_logs(month(shelved), at=after(31))
    assert found() == ["usage_outside_rental"]
    manager = make.manager()
    booked = make.book(
        shelved.clinic, device=shelved, at=after(31), starts_on=after(0).date(), days=60, planned_treatments=20
    )
    make.prepare(booked, at=after(31))
    custody.hand_over(booked, counter=0, parts=[], at=MORNING - timedelta(hours=1), now=after(31), actor=manager)
    assert set(Treatment.objects.values_list("rental", flat=True)) == {booked.pk}
    assert found() == []
    assert (only().state, only().note, only().closed_by) == ("closed", EXPLAINED, None)


def test_a_return_that_is_dated_back_gives_the_later_treatments_back(rental, device):
    import_logs(month(device), at=after(31))
    custody.take_back(rental, counter=10, parts=[], at=after(9.5), now=after(31), actor=make.manager())
    assert Treatment.objects.filter(rental=rental).count() == 10
    assert "was used 20 times" in Discrepancy.objects.get(kind="usage_outside_rental").why


def test_a_swap_that_is_dated_back_gives_each_device_its_treatments(rental, device):
    replacement = make.device(device.clinic, counter=0, at=MORNING - timedelta(days=60))
    import_logs(Log(device, after(10.5), counter=5).daily(range(1, 6), MORNING), at=after(11))
    import_logs(Log(replacement, after(10.5), counter=5).daily(range(1, 6), after(5)), at=after(11))
    assert found() == ["usage_outside_rental"]
    swap(
        rental,
        counter_out=5,
        device=replacement,
        counter_in=0,
        at=after(4.5),
        now=after(11),
        actor=make.manager(),
    )
    assert Treatment.objects.filter(rental=rental).count() == 10
    assert found() == []


def test_more_sessions_than_prescribed_are_counted_by_local_day(rental, device):
    twice = month(device).session(31, after(29) + timedelta(hours=3)).session(32, after(29) + timedelta(hours=5))
    twice.counter = 32
    import_logs(twice)
    assert found() == ["over_prescribed"]
    assert "On 1 day of rental" in only().why
    assert "first on 1 April 2026" in only().why
    assert only().rental == rental


class TestOverPrescribedAfterASwap:
    """One rental, two devices: what is found is about the rental, whichever device is reconciled."""

    @pytest.fixture
    def replacement(self, rental, device):
        """Serves the rental from noon of the fifth day on."""
        replacement = make.device(device.clinic, counter=0, at=MORNING - timedelta(days=60))
        at = after(4.2)
        swap(rental, counter_out=5, device=replacement, counter_in=0, at=at, now=at, actor=make.manager())
        return replacement

    @pytest.fixture
    def usual(self, device):
        return Log(device, after(4.1), counter=5).daily(range(1, 6), MORNING)

    def twice(self, device, day: float) -> Log:
        return Log(device, after(day + 1), counter=2).session(1, after(day)).session(2, after(day + 0.1))

    def test_days_of_both_devices_are_added_up_whichever_is_reconciled_last(self, rental, device, replacement, usual):
        usual.session(6, after(3.1)).counter = 6
        import_logs(usual)
        assert "On 1 day of rental" in only_over_prescribed().why
        import_logs(self.twice(replacement, 6))
        for reconciled in ([device.pk], [replacement.pk], [device.pk, replacement.pk]):
            reconcile(reconciled, LATER)
            assert "On 2 days of rental" in only_over_prescribed().why
            assert "first on 6 March 2026" in only_over_prescribed().why
            assert (only_over_prescribed().state, only_over_prescribed().device) == ("open", device)

    def test_one_session_on_each_device_on_a_day_counts_as_two(self, rental, device, replacement, usual):
        import_logs(usual)
        import_logs(Log(replacement, after(5), counter=1).session(1, after(4.4)))
        assert "first on 7 March 2026" in only_over_prescribed().why

    def test_a_return_dated_back_on_the_second_device_closes_what_was_found_on_the_first(
        self, rental, device, replacement, usual
    ):
        import_logs(usual)
        import_logs(Log(replacement, after(5), counter=1).session(1, after(4.4)))
        assert (only_over_prescribed().state, only_over_prescribed().device) == ("open", device)
        custody.take_back(rental, counter=0, parts=[], at=after(4.3), now=after(6), actor=make.manager())
        assert (only_over_prescribed().state, only_over_prescribed().note) == ("closed", EXPLAINED)

    def test_it_names_the_device_of_the_first_such_day_that_is_known(self, rental, device, replacement, usual):
        import_logs(self.twice(replacement, 6))
        assert only_over_prescribed().device == replacement
        usual.session(6, after(3.1)).counter = 6
        import_logs(usual)
        assert only_over_prescribed().device == device


def only_over_prescribed() -> Discrepancy:
    return Discrepancy.objects.get(kind="over_prescribed")


def test_a_gap_in_the_numbers_is_missing_log_and_closes_when_the_rest_arrives(rental, device):
    days = [*range(1, 11), *range(16, 31)]
    gap = Log(device, after(30.5), counter=30)
    for n in days:
        gap.session(n, after(n - 1))
    import_logs(gap)
    assert found() == ["log_missing"]
    assert "lacks 5 treatments, numbers 11 to 15" in only().why
    assert only().rental == rental
    import_logs(month(device))
    assert (found(), found("closed")) == ([], ["log_missing"])
    assert only().note == EXPLAINED


def test_a_log_that_ends_before_the_counter_is_a_mismatch_until_the_rest_arrives(rental, device):
    short = Log(device, after(30.5), counter=30).daily(range(1, 28), MORNING)
    import_logs(short)
    assert found() == ["counter_log_mismatch"]
    assert "showed 30 treatments" in only().why
    assert "ends with number 27" in only().why
    import_logs(month(device))
    assert (found(), found("closed")) == ([], ["counter_log_mismatch"])


def test_a_mismatch_that_a_numbered_gap_explains_is_missing_log_only(rental, device):
    import_logs(Log(device, after(30.5), counter=30).daily(range(1, 28), MORNING))
    import_logs(Log(device, after(36), counter=33).daily(range(31, 34), after(31)))
    assert found() == ["log_missing"]


def test_numbers_missing_before_the_first_session_are_seen_from_the_reading_at_the_hand_over(rental, device):
    import_logs(Log(device, after(30.5), counter=30).daily(range(4, 31), after(3)))
    assert found() == ["log_missing"]
    assert "numbers 1 to 3" in only().why


def test_more_treatments_than_the_nominal_number_are_past_nominal_from_the_first_beyond(rental, device):
    import_logs(Log(device, after(52), counter=50).daily(range(1, 51), MORNING))
    assert found() == []
    import_logs(Log(device, after(54), counter=53).daily(range(51, 54), after(50)))
    assert found() == ["past_nominal"]
    assert "its nominal 50 treatments, the first beyond on 22 April 2026, 06:00" in only().why
    assert only().rental == rental


@pytest.mark.parametrize(
    ("fast_by", "in_doubt"),
    [
        (timedelta(), False),
        (timedelta(minutes=14), False),
        (timedelta(minutes=-14), False),
        (timedelta(hours=1), False),  # local summer time
        (timedelta(minutes=15), True),
        (timedelta(minutes=-15), True),
        (timedelta(minutes=80), True),
        (timedelta(days=31), True),
    ],
)
def test_a_clock_is_in_doubt_from_a_quarter_of_an_hour_off_both_local_and_standard_time(
    rental, device, fast_by, in_doubt
):
    import_logs(Log(device, after(3), counter=3, fast_by=fast_by).daily(range(1, 4), MORNING))
    assert found() == (["clock_in_doubt"] if in_doubt else [])


def test_summer_time_on_a_device_is_in_doubt_once_the_clinic_has_left_it(rental, device):
    import_logs(month(device, fast_by=timedelta(hours=1)))
    assert found() == []
    import_logs(Log(device, after(41), counter=31, fast_by=timedelta(hours=1)).session(31, after(40)))
    assert found() == ["clock_in_doubt"]


def test_a_counter_read_wrongly_at_the_hand_over_and_at_the_return_opens_its_discrepancy(shelved):
    import_logs(Log(shelved, MORNING - timedelta(days=20), counter=30))
    rental = make.rental("active", device=shelved, at=MORNING, counter=3, days=30, planned_treatments=20)
    make.take_back(rental, counter=4000, at=after(10))
    assert found() == ["counter_down", "counter_jump"]
    assert {d.rental for d in Discrepancy.objects.filter(kind="counter_down")} == {rental}


class TestByHand:
    def test_a_resolved_discrepancy_stays_closed_while_the_same_is_found_again(self, shelved):
        import_logs(month(shelved))
        reception = make.reception()
        resolved = resolve(only(), note="Demonstrated to students.", at=LATER, actor=reception)
        assert (resolved.state, resolved.closed_by, resolved.closed_at) == ("closed", reception, LATER)
        import_logs(Log(shelved, after(32), counter=30))
        reconcile([shelved.pk], LATER)
        assert (found(), only().note) == ([], "Demonstrated to students.")

    def test_resolving_one_about_a_rental_is_written_in_the_access_log_of_its_patient(self, rental, device):
        import_logs(Log(device, after(30.5), counter=30).daily(range(1, 28), MORNING))
        reception = make.reception()
        resolve(only(), note="The card was full.", at=LATER, actor=reception)
        line = Access.objects.get(user=reception)
        assert (line.patient, line.action, line.at) == (rental.patient, Access.Action.CHANGED, LATER)

    def test_resolving_one_without_a_rental_is_an_access_to_nobody(self, shelved):
        import_logs(month(shelved))
        reception = make.reception()
        resolve(only(), note="Demonstrated to students.", at=LATER, actor=reception)
        assert not Access.objects.filter(user=reception).exists()

    def test_one_that_later_data_closed_comes_back_when_it_is_true_again(self, rental, device):
        import_logs(month(device), at=after(31))
        make.take_back(rental, counter=30, at=after(31))
        assert found() == []
        Discrepancy.objects.create(
            kind="past_nominal",
            subject=f"allowance {device.allowances.get().pk}",
            state="closed",
            closed_as="explained",
            clinic=device.clinic,
            device=device,
            why="",
            action="",
            opened_at=MORNING,
            closed_at=MORNING,
            note=EXPLAINED,
        )
        import_logs(Log(device, after(60), counter=53).daily(range(31, 54), after(32)))
        assert "past_nominal" in found()
        assert Discrepancy.objects.get(kind="past_nominal").closed_at is None

    def test_resolving_needs_a_note_and_an_open_discrepancy(self, shelved):
        import_logs(month(shelved))
        with pytest.raises(Refusal, match="Write what was found"):
            resolve(only(), note=" ", at=LATER, actor=make.reception())
        opened = only()
        resolve(only(), note="Seen.", at=LATER, actor=make.reception())
        with pytest.raises(Refusal, match="closed already"):
            resolve(opened, note="Seen.", at=LATER, actor=make.reception())
