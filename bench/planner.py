"""A site of 200 devices and 400 reservations planned, against the greedy plan alone that is always at hand.

The answer has to come within 2 s, as the site's devices are locked meanwhile; that is for the slowest of the sites.
"""

import time
from collections.abc import Callable
from random import Random

from bench import Measurement
from rentals.booking.planner import Plan, Site, greedy, plan
from tests.rentals.booking.sites import running_site

SITES = 5


def measure() -> list[Measurement]:
    small = running_site(Random(0), devices=10, reservations=20, troubles=3, crowded=True)
    print(f"    loading the solver, with a first small plan, took {seconds(plan, small):.2f} s", flush=True)
    return [compared(20, crowded=False), compared(20, crowded=True), compared(1, crowded=False)]


def compared(troubles: int, *, crowded: bool) -> Measurement:
    """`plan` against `greedy`, both on their slowest of the same sites, where so many devices are late, low or old."""
    sites = [
        running_site(Random(seed), devices=200, reservations=400, troubles=troubles, crowded=crowded)
        for seed in range(SITES)
    ]
    for site in sites:
        print(f"    {described(site)}", flush=True)
    what = f"{'crowded, ' if crowded else ''}{troubles} of 200 devices in trouble"
    ours, greedily = (max(seconds(planned, site) for site in sites) for planned in (plan, greedy))
    return Measurement(what, ours, "greedy alone", greedily)


def described(site: Site) -> str:
    """What both plans leave unplaced and move; the processor's time says more than the clock on a busy machine."""
    simple, started = greedy(site), time.process_time()
    best, took = plan(Site(site.devices, site.reservations)), time.process_time() - started
    endangered = sum(simple.where[row.id] != row.device for row in site.reservations)
    assert best.rank <= simple.rank
    return (
        f"{endangered} endangered: greedy leaves {simple.unplaced} unplaced and moves {simple.moves}, "
        f"the plan {best.unplaced} and {best.moves} (processor {took:.2f} s)"
    )


def seconds(planned: Callable[[Site], Plan], site: Site) -> float:
    fresh = Site(site.devices, site.reservations)  # a site remembers what it has looked up
    started = time.perf_counter()
    planned(fresh)
    return time.perf_counter() - started
