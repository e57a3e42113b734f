"""Counter readings: kept always, flagged when they cannot be (I5)."""

from datetime import timedelta

import pytest

from devices.models import Allowance, Device
from devices.readings import allowance_at, record_reading
from tests import make
from tests.shared import shared

pytestmark = pytest.mark.django_db
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@shared
def device():
    """Its screen showed 100 at `NOW`."""
    return make.device(counter=100, at=make.NOW)


def read(device, counter, at, **details):
    return record_reading(device, counter, read_at=at, now=make.NOW + 90 * DAY, actor=None, **details)


@pytest.mark.parametrize(
    ("counter", "minutes", "flag"),
    [
        (100, 0, ""),
        (101, 0, ""),  # the one under way
        (102, 0, "counter_jump"),
        (102, 20, ""),
        (103, 39, "counter_jump"),
        (103, 40, ""),
        (99, 40, "counter_down"),
        (0, 40, "counter_down"),
    ],
)
def test_a_reading_goes_down_or_up_by_no_more_than_the_time_allows(device, counter, minutes, flag):
    reading = read(device, counter, make.NOW + minutes * MINUTE)
    assert (reading.flag, reading.trusted) == (flag, not flag)


@pytest.mark.parametrize(
    ("counter", "flag"), [(99, "counter_down"), (100, ""), (110, ""), (120, ""), (121, "counter_jump")]
)
def test_a_late_entry_fits_between_its_neighbours(device, counter, flag):
    read(device, 120, make.NOW + 20 * DAY)
    assert read(device, counter, make.NOW + 10 * DAY).flag == flag


def test_what_is_in_doubt_judges_nothing(device):
    assert read(device, 9999, make.NOW + DAY).flag == "counter_jump"
    assert read(device, 101, make.NOW + 2 * DAY).flag == ""


def test_the_same_reading_twice_is_one(device):
    """I7."""
    first = read(device, 105, make.NOW + DAY)
    assert read(device, 105, make.NOW + DAY) == first
    assert read(device, 105, make.NOW + DAY, source="return") != first


def test_a_device_nobody_read_has_nothing_to_be_compared_with():
    device = make.device(counter=None)
    assert read(device, 250, make.NOW).trusted


def test_a_new_allowance_carries_the_used_number_on(device):
    """I5: a counter that starts again renews nothing; used goes on from what was carried over."""
    read(device, 120, make.NOW + 20 * DAY)
    Allowance.objects.create(
        device=device,
        number=2,
        cause="reset",
        began_at=make.NOW + 21 * DAY,
        nominal_treatments=343,
        carried_over=120,
        counter_at_start=0,
        provisional=True,
    )
    assert read(device, 3, make.NOW + 25 * DAY).trusted
    now = Device.objects.with_counters().get(pk=device.pk)
    assert (now.counter, now.used_treatments, now.remaining_treatments) == (3, 123, 220)


def test_a_reading_belongs_to_the_allowance_of_its_moment(device):
    second = Allowance.objects.create(
        device=device, number=2, cause="card", began_at=make.NOW + 10 * DAY, nominal_treatments=343
    )
    first = device.allowances.get(number=1)
    assert allowance_at(device, make.NOW - DAY) == first
    assert allowance_at(device, make.NOW + 10 * DAY - MINUTE) == first
    assert allowance_at(device, make.NOW + 10 * DAY) == second
    assert read(device, 2, make.NOW + 11 * DAY).allowance == second
    assert Device.objects.with_counters().get(pk=device.pk).remaining_treatments == 341


@pytest.mark.parametrize("number", [1, 3])
def test_counters_of_one_device_or_three_take_one_query(number, django_assert_num_queries):
    devices = [make.device(counter=5).pk for _ in range(number)]
    with django_assert_num_queries(1):
        counted = Device.objects.with_counters().filter(pk__in=devices)
        assert [device.used_treatments for device in counted] == [5] * number
