"""A device's life in one picture, and in words."""

from datetime import timedelta

import pytest

from devices.models import ConditionChange, Device
from rentals.custody import inspect_unit
from rentals.desk.device_story import device_story
from rentals.desk.life import (
    LEFT,
    RIGHT,
    USED_BOTTOM,
    USED_TOP,
    WEEKS_BOTTOM,
    WEEKS_TOP,
    Life,
    life_of,
    with_its_life,
)
from rentals.models.states import State
from rentals.reconciliation.readings import take_reading
from tests import make
from tests.shared import shared
from tests.usage import Log, import_logs

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
BEFORE, NOW = make.NOW - 100 * DAY, make.NOW


@shared
def site():
    return make.clinic(at=BEFORE)


def known(device: Device) -> Device:
    return with_its_life(Device.objects.select_related("clinic")).get(pk=device.pk)


def life(device: Device) -> Life:
    return life_of(known(device), NOW)


def hired(site, **more):
    """A device that was out for twenty of a hundred days."""
    device = make.device(site, at=BEFORE, nominal=100)
    make.rental(State.CLOSED, device=device, at=BEFORE + 10 * DAY, ended=BEFORE + 30 * DAY, **more)
    return device


def test_a_hire_is_a_bar_of_its_length(site):
    (bar,) = life(hired(site)).out
    assert (bar.x - LEFT) / (RIGHT - LEFT) == pytest.approx(0.1, abs=0.005)
    assert bar.width / (RIGHT - LEFT) == pytest.approx(0.2, abs=0.005)
    assert bar.words.endswith(": 2 December 2025 to 22 December 2025")


def test_who_still_has_it_reaches_to_the_right_end(site):
    device = make.device(site, at=BEFORE)
    make.rental(State.ACTIVE, device=device, at=NOW - 10 * DAY)
    (bar,) = life(device).out
    assert bar.x + bar.width == pytest.approx(RIGHT, abs=0.2)
    assert bar.words.endswith("to now")


def test_it_is_in_quarantine_until_it_passes_and_in_repair_after_it_failed(site):
    device = make.device(site, at=BEFORE)
    rental = make.rental(State.RETURNED, device=device, at=BEFORE + 10 * DAY, ended=BEFORE + 30 * DAY)
    make.inspect(rental, passed=False, at=BEFORE + 32 * DAY)
    inspect_unit(device, passed=True, checks={}, at=BEFORE + 40 * DAY, actor=make.reception(site))
    bars = life(device).unready
    assert [bar.tone for bar in bars] == ["quarantine", "repair"]
    assert [round(bar.width / (RIGHT - LEFT) * 100) for bar in bars] == [2, 8]


@pytest.mark.parametrize(("verb", "tone"), [("lost", "lost"), ("kept", "sold")])
def test_a_device_that_did_not_come_back_is_gone_from_then_on(site, verb, tone):
    device = make.device(site, at=BEFORE)
    make.rental(State(verb), device=device, at=BEFORE + 10 * DAY, ended=BEFORE + 30 * DAY)
    last = life(device).unready[-1]
    assert last.tone == tone
    assert last.x + last.width == pytest.approx(RIGHT, abs=0.2)


def test_a_retired_one_is_gone_too(site):
    device, manager = make.device(site, at=BEFORE), make.manager()
    ConditionChange.objects.create(device=device, before="ready", after="retired", reason="Old", at=NOW, by=manager)
    assert [bar.tone for bar in life(device).unready] == ["retired"]


def test_treatments_stand_week_by_week_as_high_as_they_are_many(site):
    device = make.device(site, at=BEFORE)
    log = Log(device, NOW).daily(range(1, 8), BEFORE + timedelta(hours=1)).daily([8, 9], BEFORE + 14 * DAY)
    import_logs(log)
    seen = life(device)
    assert [bar.height for bar in seen.weeks] == [WEEKS_BOTTOM - WEEKS_TOP, pytest.approx(2 / 7 * 50, abs=0.1)]
    assert seen.weeks[1].words.endswith("2 treatments")


def test_what_was_used_climbs_towards_what_it_may_deliver(site):
    device, reception = make.device(site, at=BEFORE, nominal=100), make.reception(site)
    take_reading(device, 50, read_at=BEFORE + 50 * DAY, at=NOW, actor=reception)
    seen = life(device)
    *_, last = seen.used[0].split()
    assert float(last.split(",")[1]) == (USED_TOP + USED_BOTTOM) / 2
    assert [float(place.split(",")[1]) for place in seen.nominal[0].split()] == [USED_TOP, USED_TOP]


@pytest.mark.parametrize("times", [1, 3])
def test_picture_and_words_cost_the_same_however_long_its_life(site, times, django_assert_num_queries):
    device = make.device(site, at=BEFORE)
    for time in range(times):
        begun = BEFORE + (28 * time + 3) * DAY
        make.rental(State.CLOSED, device=device, at=begun, ended=begun + 20 * DAY)
    with django_assert_num_queries(8):
        whole = known(device)
    with django_assert_num_queries(3):
        life_of(whole, NOW)
    with django_assert_num_queries(0):
        words = [happening.what for happening in device_story(whole)]
    assert sum(what.startswith("Out with rental") for what in words) == times
    assert words[-1] == "Allowance of 343 treatments: first"
