"""When a device runs out: the range is right as often as it says, and what it follows from is counted right."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rentals.reconciliation.forecast import Pace, forecasts_of, pace_of
from rentals.reconciliation.readings import take_reading
from rentals.reconciliation.renewal import Ruling, begin_allowance
from tests import make
from tests.shared import shared
from tests.usage import Log, import_logs

MORNING = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
OUT = MORNING - timedelta(hours=12)
PATIENTS = 1500


def after(days: float) -> datetime:
    return MORNING + timedelta(days=days)


def faithful(chance: Random, share: float) -> Callable[[int], float]:
    """One who follows the plan as well on each day."""
    return lambda day: share


def tiring(chance: Random, share: float) -> Callable[[int], float]:
    """One who does less and less."""
    return lambda day: share * max(0.4, 1 - 0.25 * day / 180)


def moody(chance: Random, share: float) -> Callable[[int], float]:
    """One with better and worse weeks."""
    weeks = [min(1.0, max(0.0, share + chance.gauss(0, 0.12))) for _ in range(600)]
    return lambda day: weeks[min(day // 7, 599)]


@pytest.mark.parametrize("kind", [faithful, tiring, moody])
@pytest.mark.parametrize("is_logged", [True, False])
def test_of_ten_patients_eight_run_out_within_the_range(kind, is_logged):
    chance = Random(20260302)
    hits = sum(is_within_range(chance, kind, is_logged) for _ in range(PATIENTS))
    assert 0.70 <= hits / PATIENTS <= 0.90


def is_within_range(chance: Random, kind, is_logged: bool) -> bool:
    """One patient, seen for some days, then followed until the device is empty."""
    prescribed, seen, left = chance.choice((1, 1, 2)), chance.randint(3, 28), chance.randint(15, 120)
    share = kind(chance, min(chance.betavariate(9, 1.6), 0.999))
    treat = lambda day: sum(chance.random() < share(day) for _ in range(prescribed))  # noqa: E731
    done = [treat(day) for day in range(seen)]
    squares = sum(each * each for each in done) - sum(done) ** 2 / seen if is_logged else None
    pace = pace_of(prescribed, delivered=sum(done), days=seen, squares=squares)
    earliest, _, latest = pace.days_for(left)
    day, delivered = 0, 0
    while delivered < left:
        delivered += treat(seen + day)
        day += 1
    return earliest <= day and (latest is None or day - 1 <= latest)


def test_few_days_are_judged_by_the_plan_and_many_by_themselves():
    new = pace_of(2, delivered=0, days=0, squares=0.0)
    settled = pace_of(2, delivered=28, days=28, squares=0.0)
    assert new.mean == pytest.approx(1.68)
    assert settled.mean == pytest.approx(1.1, abs=0.01)
    assert new.doubt > 5 * settled.doubt


def test_one_who_hardly_treats_has_no_latest_day():
    earliest, middle, latest = Pace(mean=0.1, variance=0.3, days=10).days_for(50)
    assert earliest < middle
    assert latest is None


def test_nothing_left_runs_out_at_once():
    assert Pace(1, 0.2, 10).days_for(0) == Pace(1, 0.2, 10).days_for(-3) == (0, 0, 0)


pytestmark = pytest.mark.django_db


@shared
def device():
    return make.device(nominal=50, counter=0, at=MORNING - timedelta(days=60))


@shared
def shelved():
    """Another, which nobody has."""
    return make.device(nominal=50, counter=0, at=MORNING - timedelta(days=60))


@shared
def rental(device):
    return make.rental("active", device=device, at=OUT, days=30, planned_treatments=30, counter=0)


def use(device, first: int, last: int, day: int = 0) -> None:
    """A treatment a day, numbered `first` to `last`, from that day of the rental on."""
    log = Log(device, after(day + last - first + 0.5), counter=last).daily(range(first, last + 1), after(day))
    import_logs(log, at=log.at)


def test_a_device_used_daily_runs_out_when_its_treatments_do(rental, device):
    use(device, 1, 20)
    found = forecasts_of([device.pk], after(19.5))[device.pk]
    assert (found.left, found.promised_later) == (30, 0)
    assert found.pace.mean == pytest.approx((20 + 4.2) / (19.5 + 0.5 + 5), abs=0.02)
    assert found.earliest and found.middle and found.latest
    assert found.earliest < found.middle < found.latest
    assert date(2026, 4, 20) <= found.middle <= date(2026, 4, 26)
    assert (found.lasts_rental, found.lasts_reservations) == ("yes", "")


@pytest.mark.parametrize(("nominal", "verdict"), [(40, "yes"), (29, "probably"), (28, "hardly"), (24, "no")])
def test_it_says_whether_it_lasts_the_rental(nominal, verdict):
    device = make.device(nominal=nominal, counter=0, at=MORNING - timedelta(days=60))
    make.rental("active", device=device, at=OUT, days=30, planned_treatments=15, counter=0)
    take_reading(device, 20, read_at=after(20), at=after(20), actor=None)
    assert forecasts_of([device.pk], after(20))[device.pk].lasts_rental == verdict


@pytest.mark.parametrize(("wanted", "verdict"), [(10, "yes"), (21, "hardly"), (24, "no")])
def test_it_says_whether_it_lasts_the_reservations(rental, device, wanted, verdict):
    use(device, 1, 20)
    planned = {"planned_treatments": wanted, "override": {"capacity": "Tested."}}
    make.book(device.clinic, device=device, starts_on=date(2026, 4, 20), days=28, at=after(20), **planned)
    found = forecasts_of([device.pk], after(20))[device.pk]
    assert (found.promised_later, found.lasts_reservations) == (wanted, verdict)


def test_only_the_last_four_weeks_speak(shelved):
    make.rental("active", device=shelved, at=OUT, days=91, planned_treatments=40, counter=0)
    for day, counter in ((10, 20), (30, 20), (58, 48)):
        take_reading(shelved, counter, read_at=after(day), at=after(day), actor=None)
    found = forecasts_of([shelved.pk], after(58))[shelved.pk]
    assert found.pace.mean == pytest.approx((28 + 4.2) / 33)


def test_it_counts_on_from_the_last_sign_and_never_says_a_day_that_has_passed(rental, device):
    use(device, 1, 20)
    late = forecasts_of([device.pk], after(100))[device.pk]
    assert late.earliest == late.middle == device.clinic.day_of(after(100))
    assert late.seen_at == after(19.5)


def test_a_new_card_begins_anew(rental, device):
    use(device, 1, 20)
    begin_allowance(device, Ruling("card", "Full."), counter=0, at=after(19.6), now=after(19.6), actor=make.manager())
    found = forecasts_of([device.pk], after(20))[device.pk]
    assert (found.left, found.pace.days) == (50, pytest.approx(5, abs=0.01))


def test_who_has_none_and_what_nobody_knows_has_no_forecast():
    shelf = make.device()
    unknown = make.rental("active", device=make.device(nominal=None), accept_unknown_capacity=True)
    reserved = make.rental("reserved")
    devices = [shelf.pk, unknown.holdings.get().device_id, reserved.holdings.get().device_id]
    assert forecasts_of(devices, make.NOW) == {}


def test_three_devices_cost_no_more_queries_than_one(rental, device):
    others = [make.rental("active", device.clinic, at=OUT).holdings.get().device_id for _ in range(2)]
    for devices in ([device.pk], [device.pk, *others]):
        with CaptureQueriesContext(connection) as captured:
            assert len(forecasts_of(devices, after(1))) == len(devices)
        assert len(captured) == 2
