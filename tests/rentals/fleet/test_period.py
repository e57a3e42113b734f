"""Where a period begins and ends: at the midnights of each clinic, and never after the moment of asking."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import LazySettings

from config.models import Clinic
from devices.models import Device
from rentals import ledger
from rentals.buy_out import buy_out
from rentals.custody import report_kept
from rentals.fleet.figures import Figures, fleet_figures, period
from rentals.models.states import State
from tests import make
from tests.refusals import refused_as
from tests.usage import Log, import_logs

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ASKED = datetime(2026, 6, 1, tzinfo=UTC)  # long after everything


@pytest.fixture(autouse=True)
def _own_folder(settings: LazySettings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def figures(clinic: Clinic, first: str, last: str, at: datetime = ASKED) -> Figures:
    return fleet_figures([clinic], date.fromisoformat(first), date.fromisoformat(last), at)


def device_of(clinic: Clinic) -> Device:
    return make.device(clinic, at=datetime(2026, 1, 1, tzinfo=UTC))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "start", "day"),
    [
        ("Australia/Sydney", "2026-02-28T23:30", "2026-03-01"),  # half past ten in the morning
        ("Australia/Sydney", "2026-02-28T13:00", "2026-03-01"),  # midnight
        ("Australia/Sydney", "2026-02-28T12:59:59", "2026-02-28"),
        ("Australia/Perth", "2026-02-28T23:30", "2026-03-01"),
        ("Australia/Perth", "2026-02-28T13:00", "2026-02-28"),
        ("America/Los_Angeles", "2026-02-28T23:30", "2026-02-28"),
    ],
)
def test_session_counts_on_the_day_it_had_at_the_clinic(zone, start, day):
    clinic = make.clinic(time_zone=zone)
    device = device_of(clinic)
    import_logs(Log(device, moment(start) + 2 * DAY, counter=1).session(1, moment(start)), at=ASKED)
    day_before, day_after = (str(date.fromisoformat(day) + step) for step in (-DAY, DAY))
    assert figures(clinic, day, day).treatments_delivered == 1
    assert figures(clinic, day_before, day_before).treatments_delivered == 0
    assert figures(clinic, day_after, day_after).treatments_delivered == 0


def test_sessions_without_a_rental_and_of_lost_devices_were_delivered_and_empty_records_were_not():
    clinic = make.clinic()
    rental = make.rental(State.LOST, clinic, device=device_of(clinic))
    log = Log(rental.holdings.get().device, make.NOW + 15 * DAY, counter=3)
    log.session(1, make.NOW + DAY).session(2, make.NOW + 2 * DAY, seconds=0).session(3, make.NOW + 14 * DAY + HOUR)
    import_logs(log, at=ASKED)
    found = figures(clinic, "2026-03-01", "2026-03-31")
    assert (found.treatments_delivered, found.devices) == (2, 0)


def test_rental_over_both_ends_of_a_period_uses_only_what_lies_inside():
    clinic = make.clinic()
    device = device_of(clinic)
    make.rental(State.RETURNED, clinic, device=device, at=moment("2026-02-27T13:00"), ended=moment("2026-03-10T13:00"))
    assert figures(clinic, "2026-03-01", "2026-03-10").utilisation_percent == 100.0
    assert figures(clinic, "2026-02-26", "2026-03-01").utilisation_percent == 50.0
    assert figures(clinic, "2026-03-09", "2026-03-12").utilisation_percent == 50.0
    assert figures(clinic, "2026-03-11", "2026-03-12").utilisation_percent == 0.0
    assert figures(clinic, "2026-02-20", "2026-02-27").utilisation_percent == 0.0
    assert figures(clinic, "2025-12-01", "2025-12-31").utilisation_percent is None, "nobody owned it then"


def test_local_day_of_25_hours_is_one_day():
    clinic = make.clinic()
    out, back = moment("2026-04-04T06:00"), moment("2026-04-05T01:30")  # back 12.5 hours after that midnight
    make.rental(State.RETURNED, clinic, device=device_of(clinic), at=out, ended=back)
    found = figures(clinic, "2026-04-05", "2026-04-05")
    assert found.seconds_owned == 25 * 3600
    assert found.utilisation_percent == 50.0


def test_device_that_is_still_out_was_used_until_the_moment_of_asking():
    clinic = make.clinic()
    make.rental(State.ACTIVE, clinic, device=device_of(clinic), at=moment("2026-03-02T13:00"))
    found = figures(clinic, "2026-03-01", "2026-03-31", at=moment("2026-03-04T13:00"))
    assert (found.seconds_out, found.seconds_owned, found.days) == (2 * 86400, 4 * 86400, 5)


def test_device_entered_after_its_hand_over_is_never_used_for_more_than_all_the_time():
    clinic = make.clinic()
    out = moment("2026-03-02T01:00")
    device = make.device(clinic, counter=None, at=out + 3 * DAY)
    rental = make.book(clinic, device=device, at=out)
    make.hand_over(rental, at=out)
    found = figures(clinic, "2026-03-01", "2026-03-10", at=out + 5 * DAY)
    assert (found.utilisation_percent, found.seconds_out) == (100.0, 2 * 86400)


def test_adherence_looks_at_the_days_inside_only():
    clinic = make.clinic()
    device = device_of(clinic)
    make.rental(State.RETURNED, clinic, device=device, treatments=5)  # 2 to 16 March
    import_logs(Log(device, make.NOW + 15 * DAY, counter=5).daily(range(1, 6), make.NOW + DAY), at=ASKED)
    assert figures(clinic, "2026-03-03", "2026-03-07").adherence_percent == 100.0
    assert figures(clinic, "2026-03-07", "2026-03-08").adherence_percent == 50.0
    assert figures(clinic, "2026-03-08", "2026-03-31").adherence_percent == 0.0
    assert figures(clinic, "2026-03-01", "2026-03-02").adherence_percent is None, "the hand-over day was empty"
    assert figures(clinic, "2026-02-01", "2026-02-28").adherence_percent is None


@pytest.mark.parametrize(
    ("zone", "out", "session", "back", "day"),
    [
        ("Australia/Sydney", "2026-02-27T01:00", "2026-02-28T13:05", "2026-02-28T13:45", "2026-03-01"),  # 00:45 there
        (
            "America/Los_Angeles",
            "2026-03-08T06:30",
            "2026-03-08T07:05",
            "2026-03-20T01:00",
            "2026-03-07",
        ),  # 22:30
    ],
)
def test_rental_that_only_touches_a_period_counts_with_that_day(zone, out, session, back, day):
    clinic = make.clinic(time_zone=zone)
    device = device_of(clinic)
    make.rental(State.RETURNED, clinic, device=device, at=moment(out), ended=moment(back), treatments=1)
    import_logs(Log(device, ASKED, counter=1).session(1, moment(session)), at=ASKED)
    assert figures(clinic, day, day).adherence_percent == 100.0


def test_what_is_reversed_leaves_the_income_of_the_day_it_was_charged_as_it_was():
    clinic = make.clinic()
    rental = make.rental(State.RETURNED, clinic, device=device_of(clinic))  # hire of 120.00 on 16 March
    hire = rental.ledger.get(kind="hire")
    ledger.reverse(hire, reason="On the house", at=make.NOW + 20 * DAY, actor=make.manager())  # on 22 March
    days = {"before": "2026-03-15", "charged": "2026-03-16", "between": "2026-03-17", "reversed": "2026-03-22"}
    income = {name: figures(clinic, day, day).income for name, day in days.items()}
    assert income == {"before": 0, "charged": Decimal("120.00"), "between": 0, "reversed": Decimal("-120.00")}
    assert figures(clinic, "2026-03-01", "2026-03-31").income == 0


def test_payments_and_bonds_are_no_income():
    clinic = make.clinic()
    rental = make.rental(State.ACTIVE, clinic, device=device_of(clinic))
    ledger.pay(rental, kind="hire", amount=Decimal(60), method="cash", at=make.NOW, actor=make.manager())
    found = figures(clinic, "2026-03-01", "2026-03-31")
    assert (found.income, found.bonds_held) == (0, Decimal("300.00"))


def test_a_device_that_a_patient_buys_is_income_on_that_day_less_the_hire_credited():
    clinic = make.clinic()
    rental = make.rental(State.ACTIVE, clinic, device=device_of(clinic))
    ledger.pay(rental, kind="hire", amount=Decimal(120), method="cash", at=make.NOW, actor=make.manager())
    price = buy_out(rental, make.NOW + DAY).price
    report_kept(rental, reason="Bought", price=price, at=make.NOW + DAY, actor=make.manager())
    charged = figures(clinic, "2026-03-03", "2026-03-03").income
    assert (price, charged) == (Decimal("4440.00"), Decimal("4560.00"))


def test_rental_is_overdue_from_the_midnight_after_its_due_day():
    clinic = make.clinic()
    make.rental(State.ACTIVE, clinic, device=device_of(clinic))  # due on 30 March, when Sydney is 11 hours ahead
    last_second, midnight = moment("2026-03-30T12:59:59"), moment("2026-03-30T13:00")
    assert figures(clinic, "2026-03-01", "2026-03-31", at=last_second).overdue == 0
    assert figures(clinic, "2026-03-01", "2026-03-31", at=midnight).overdue == 1


class TestCapacity:
    """What devices past their nominal number, promised too much or of unknown capacity do to the sums."""

    def counted(self, clinic: Clinic) -> tuple[int, ...]:
        found = figures(clinic, "2026-03-01", "2026-03-31", at=make.NOW)
        assert found.free == found.remaining - found.promised + found.overpromised
        return found.remaining, found.promised, found.free, found.overpromised

    def test_device_past_nominal_takes_nothing_from_the_others(self):
        clinic = make.clinic()
        make.device(clinic, nominal=150, counter=190)
        make.device(clinic, nominal=150, counter=50)
        assert self.counted(clinic) == (100, 0, 100, 0)

    def test_device_is_past_nominal_from_the_first_treatment_beyond(self):
        clinic = make.clinic()
        for counter in (149, 150, 151):
            make.device(clinic, nominal=150, counter=counter)
        assert figures(clinic, "2026-03-01", "2026-03-31", at=make.NOW).past_nominal == 1

    def test_promise_beyond_what_a_device_has_left_takes_nothing_from_the_others(self):
        clinic = make.clinic()
        worn, _ = make.device(clinic, nominal=150, counter=140), make.device(clinic, nominal=150, counter=50)
        make.book(clinic, device=worn, planned_treatments=28, override={"capacity": "A new one comes"})
        assert self.counted(clinic) == (110, 28, 100, 18)

    def test_device_of_unknown_capacity_is_left_out_with_what_it_is_promised(self):
        clinic = make.clinic()
        unknown = make.device(clinic, nominal=None, counter=50)
        make.book(clinic, device=unknown, accept_unknown_capacity=True)
        assert self.counted(clinic) == (0, 0, 0, 0)

    @pytest.mark.parametrize("condition", ["lost", "sold", "retired"])
    def test_device_that_left_the_fleet_offers_nothing(self, condition):
        clinic = make.clinic()
        make.device(clinic, condition=condition)
        assert self.counted(clinic) == (0, 0, 0, 0)


class TestDefault:
    """The last 28 local days, up to today."""

    def test_it_ends_on_the_latest_of_the_clinics_todays(self):
        perth, auckland = make.clinic(time_zone="Australia/Perth"), make.clinic(time_zone="Pacific/Auckland")
        night = moment("2026-03-02T14:00")
        assert period([perth], None, None, night) == (date(2026, 2, 3), date(2026, 3, 2))
        assert period([perth, auckland], None, None, night) == (date(2026, 2, 4), date(2026, 3, 3))
        assert period([], None, None, night) == (date(2026, 2, 3), date(2026, 3, 2))

    def test_an_end_left_open_is_filled_in(self):
        clinic = make.clinic()
        assert period([clinic], None, date(2026, 1, 28), make.NOW) == (date(2026, 1, 1), date(2026, 1, 28))
        assert period([clinic], date(2026, 1, 1), None, make.NOW) == (date(2026, 1, 1), date(2026, 3, 2))

    def test_days_out_of_order_are_refused_by_the_field_to_correct(self):
        clinic = make.clinic()
        yesterday, tomorrow = date(2026, 3, 1), date(2026, 3, 3)
        assert period([clinic], tomorrow, tomorrow, make.NOW) == (tomorrow, tomorrow)
        assert refused_as("invalid", period, [clinic], tomorrow, yesterday, make.NOW).field == "to"
        assert refused_as("invalid", period, [clinic], tomorrow, None, make.NOW).field == "from"
