"""The planner: against the exact optimum on small sites, sound and never worse than greedy on larger ones."""

import subprocess
import sys
from dataclasses import replace
from random import Random

import pytest

from rentals.booking.planner import Plan, PlannedDevice, Reservation, Site, greedy, is_sound, model, plan
from rentals.booking.planner.neighbourhood import choices
from tests.rentals.booking import exact
from tests.rentals.booking.sites import TODAY, running_site, small_site

pytestmark = pytest.mark.xdist_group("planner")  # one worker plans the large sites

ROOMY = PlannedDevice(
    id=1,
    free=100,
    free_at_pace=100,
    busy=(),
    turnaround=1,
    usable_until=None,
    reusable=True,
    patients=frozenset(),
    nominal=343,
    idle_rank=0,
)
COURSE = Reservation(
    id=11, patient=1, device=1, first_day=TODAY, last_day=TODAY + 9, treatments=40, accepts_unknown=False
)
LATER = replace(COURSE, id=12, patient=2, first_day=TODAY + 11, last_day=TODAY + 20)


def device(number: int, **changes) -> PlannedDevice:
    return replace(ROOMY, **({"id": number, "idle_rank": number} | changes))


def shuffled(site: Site, rng: Random) -> Site:
    devices, reservations = (rng.sample(rows, len(rows)) for rows in (site.devices, site.reservations))
    return Site(tuple(devices), tuple(reservations))


@pytest.fixture(scope="module", autouse=True)
def no_emergency():
    """The tests ask for the plan as it is, also on a machine so busy that the brake would strike."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "SECONDS", 60)
        yield


@pytest.fixture(scope="module")
def sites():
    """The first is solved whole, the others part by part."""
    sizes = [(15, 24, 3), (40, 60, 2), (40, 60, 3), (40, 60, 4)]
    return [
        running_site(Random(number), devices=devices, reservations=reservations, troubles=troubles, crowded=True)
        for number, (devices, reservations, troubles) in enumerate(sizes)
    ]


@pytest.fixture(scope="module")
def plans(sites, no_emergency):
    return [plan(site) for site in sites]


class TestAgainstTheOptimum:
    def test_300_small_sites_are_planned_as_well_as_can_be(self):
        rng = Random(4)
        sites = [small_site(rng) for _ in range(300)]
        best = [exact.best_figures(site) for site in sites]
        ours = [exact.figures(site, plan(site).where) for site in sites]
        simple = [exact.figures(site, greedy(site).where) for site in sites]
        assert ours == best
        assert sum(found[0] for found in simple) > sum(found[0] for found in best), "greedy alone would do as well"

    def test_the_figures_of_a_plan_are_its_own(self):
        rng = Random(5)
        for site in [small_site(rng) for _ in range(20)]:
            found = plan(site)
            unplaced, _, moves, stranded = exact.figures(site, found.where)
            assert (found.unplaced, found.moves, found.stranded) == (unplaced, moves, stranded)


class TestLargerSites:
    def test_every_plan_is_sound(self, sites, plans):
        assert all(is_sound(site, found.where) for site, found in zip(sites, plans, strict=True))

    def test_none_is_worse_than_greedy_and_some_place_more(self, sites, plans):
        simple = [greedy(site) for site in sites]
        assert all(is_sound(site, found.where) for site, found in zip(sites, simple, strict=True))
        assert all(found.rank <= other.rank for found, other in zip(plans, simple, strict=True))
        assert any(found.unplaced < other.unplaced for found, other in zip(plans, simple, strict=True))

    def test_the_same_site_has_the_same_plan_in_whatever_order_it_is_given(self, sites, plans):
        rng = Random(6)
        for site, found in zip(sites, plans, strict=True):
            assert plan(shuffled(site, rng)).where == found.where


def test_those_who_come_back_to_a_device_keep_to_the_pace_if_another_is_new_on_it():
    newcomer, back = replace(COURSE, id=13, device=None, treatments=10), replace(LATER, id=14, first_day=TODAY + 30)
    back = replace(back, last_day=TODAY + 40)
    site = Site((device(1, free_at_pace=70),), (LATER, newcomer, back))
    start = Plan(site, {12: None, 13: 1, 14: None})
    found = model.placed(start, choices(start, {12, 14}, 9), model.Effort())
    assert found.unplaced == 1
    assert is_sound(site, found.where)


def test_the_brake_leaves_a_sound_plan(sites, monkeypatch):
    monkeypatch.setattr(model, "SECONDS", 0)
    for site in sites:
        found = plan(site)
        assert is_sound(site, found.where)
        assert found.rank <= greedy(site).rank


def test_nothing_is_loaded_for_a_plan_that_needs_no_solver():
    program = (
        "import sys; from tests.rentals.booking.test_planner import *;"
        "plan(Site((device(1, busy=((TODAY, TODAY + 3),)), device(2), device(3)), (COURSE, LATER)));"
        "assert 'ortools' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


class TestWhatAPlanPrefers:
    def where(self, *devices, reservations=(COURSE,)):
        return plan(Site(tuple(devices), tuple(reservations))).where

    def test_what_can_stay_stays(self):
        assert self.where(device(1), device(2, free=40), reservations=(COURSE, LATER)) == {11: 1, 12: 1}

    def test_the_smallest_sufficient_device_takes_over(self):
        overdue = device(1, busy=((TODAY - 9, TODAY + 3),))
        assert self.where(overdue, device(2), device(3, free=50), device(4, free=39))[11] == 3

    def test_unknown_capacity_comes_last_even_for_who_accepts_it(self):
        row = replace(COURSE, device=None, accepts_unknown=True)
        unknown = device(1, free=None, free_at_pace=None, nominal=0)
        assert self.where(unknown, device(2, free=3000), reservations=[row])[11] == 2
        assert self.where(unknown, reservations=[row])[11] == 1

    def test_a_device_in_use_is_used_up_before_another_is_opened(self):
        row = replace(LATER, device=None)
        assert self.where(device(1), device(2, free=41), reservations=[COURSE, row])[12] == 1

    def test_of_equals_the_smaller_is_taken_then_the_longest_idle(self):
        row = replace(COURSE, device=None)
        assert self.where(device(1), device(2, nominal=150), device(3, nominal=150), reservations=[row])[11] == 2
        assert self.where(device(1), device(2, idle_rank=0), reservations=[row])[11] == 2

    def test_another_makes_room_for_what_fits_one_device_only(self):
        large = replace(COURSE, device=None, treatments=90)
        small = replace(COURSE, id=12, device=2)
        devices = [device(1, free=50), device(2)]
        assert greedy(Site(tuple(devices), (large, small))).unplaced == 1
        assert self.where(*devices, reservations=[large, small]) == {11: 2, 12: 1}

    def test_where_one_must_go_without_it_is_the_one_that_starts_last(self):
        sooner, later = replace(COURSE, device=None), replace(COURSE, id=12, first_day=TODAY + 1)
        assert self.where(device(1), reservations=[sooner, later]) == {11: 1, 12: None}


class TestSoundness:
    def sound(self, carrier, *rows):
        site = Site((carrier,), rows)
        return is_sound(site, {row.id: carrier.id for row in rows})

    @pytest.mark.parametrize(
        ("changes", "sound"),
        [
            ({}, True),
            ({"busy": ((TODAY - 5, TODAY),)}, True),
            ({"busy": ((TODAY - 5, TODAY + 1),)}, False),
            ({"busy": ((TODAY + 10, TODAY + 12),)}, False),
            ({"busy": ((TODAY + 11, TODAY + 12),)}, True),
            ({"free": 40}, True),
            ({"free": 39}, False),
            ({"free": 40, "free_at_pace": 10}, True),
            ({"free": None, "free_at_pace": None}, False),
            ({"usable_until": TODAY + 9}, True),
            ({"usable_until": TODAY + 8}, False),
            ({"reusable": False}, True),
            ({"reusable": False, "patients": frozenset({1, 2})}, True),
            ({"reusable": False, "patients": frozenset({2})}, False),
            ({"patients": frozenset({2})}, True),
        ],
    )
    def test_a_device_carries_what_it_may(self, changes, sound):
        assert self.sound(device(1, **changes), COURSE) is sound

    def test_what_is_new_on_a_device_counts_on_the_observed_pace(self):
        assert not self.sound(device(1, free_at_pace=39), replace(COURSE, device=2))
        assert not self.sound(device(1, free_at_pace=79), COURSE, replace(LATER, device=None))
        assert self.sound(device(1, free_at_pace=79), COURSE, LATER)

    def test_two_share_a_device_one_after_the_other_only(self):
        assert self.sound(device(1), COURSE, LATER)
        assert not self.sound(device(1), COURSE, replace(LATER, first_day=TODAY + 10))
        assert not self.sound(device(1, free=79), COURSE, LATER)
        assert not self.sound(device(1, reusable=False, patients=frozenset({1, 2})), COURSE, LATER)

    def test_a_plan_names_each_reservation_and_only_devices_of_the_site(self):
        site = Site((device(1),), (COURSE,))
        assert is_sound(site, {11: None})
        assert not is_sound(site, {})
        assert not is_sound(site, {11: 2})
