"""Rebuilding what is derived: it finds what is not as the raw records tell, puts it right, and changes nothing else."""

import os
from datetime import UTC, datetime, timedelta
from io import StringIO
from random import Random

import pytest
from django.core.management import CommandError, call_command

from devices.models import Device
from rentals.models import Discrepancy, Holding, Pause, Treatment
from rentals.reconciliation.readings import take_reading
from rentals.reconciliation.recompute import Differences, recompute
from tests import make
from tests.shared import shared
from tests.usage import LATER, Log, import_logs

pytestmark = pytest.mark.django_db

MORNING = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)


def after(days: float) -> datetime:
    return MORNING + timedelta(days=days)


@shared
def device():
    """One that its patient used for forty days, its counter set back after twenty."""
    device = make.device(at=MORNING - timedelta(days=60))
    rental = make.rental("active", device=device, at=MORNING - timedelta(hours=12), days=49)
    make.take_back(rental, counter=20, at=after(41))
    first = Log(device, after(20.5), counter=20).daily(range(1, 21), MORNING).pause("2026-03-10", "2026-03-12")
    import_logs(first, Log(device, after(41.5), counter=20).daily(range(1, 21), after(21)))
    return device


def found(device) -> Differences:
    return recompute([device.pk], LATER, keep=False)


def test_what_was_kept_from_import_to_import_is_what_the_records_tell(device):
    assert found(device) == Differences()


TAMPERINGS = {
    "treatments": lambda: Treatment.objects.filter(n=7).update(rental=None, offset_seconds=0),
    "pauses": lambda: Pause.objects.update(days=("2026-04-01", "2026-04-03")),
    "allowances": lambda: Device.objects.get().allowances.filter(number=2).update(carried_over=3),
    "holdings": lambda: Holding.objects.update(used_back=1),
    "discrepancies": lambda: Discrepancy.objects.filter(state="open").update(why="Nothing."),
}


@pytest.mark.parametrize("kind", TAMPERINGS)
def test_each_kind_that_was_changed_behind_its_back_is_found_and_put_right(device, kind):
    assert TAMPERINGS[kind]()
    before = found(device)
    assert getattr(before, kind) >= 1
    assert found(device) == before
    assert recompute([device.pk], LATER) == before
    assert found(device) == Differences()


def test_days_that_follow_from_it_are_counted(device):
    Treatment.objects.filter(n=7).update(rental=None)
    assert found(device) == Differences(treatments=2, days=2)


class TestCommand:
    def run(self, *arguments: str) -> str:
        said = StringIO()
        call_command("reconcile", *arguments, stdout=said)
        return said.getvalue()

    def test_it_says_how_many_of_each_differed(self, device):
        TAMPERINGS["holdings"]()
        with pytest.raises(CommandError, match=r"1 of what was kept is not what the records tell\."):
            self.run("--all", "--check")
        said = self.run(device.serial)
        assert "holdings               1\n" in said
        assert "1 devices: 1 of what was kept" in said
        assert "1 devices: 0 of what was kept" in self.run("--all", "--check")

    @pytest.mark.parametrize("arguments", [(), ("--all", "x"), ("x",)])
    def test_it_asks_for_devices_that_there_are(self, device, arguments):
        with pytest.raises(CommandError, match="serial"):
            self.run(*arguments)


@pytest.mark.parametrize("seed", range(int(os.environ.get("CALLUS_FLEETS", "3"))))
def test_in_any_order_of_read_outs_and_readings_no_treatment_counts_twice(seed):
    """A counter that is set back once or twice, read-outs that lack sessions, readings that are typed in late."""
    chance = Random(seed)
    device = make.device(nominal=None, at=MORNING - timedelta(days=30))
    resets = chance.sample(range(15, 55), chance.choice([1, 2]))
    sessions, shown, n = [], {}, 0
    for day in range(65):
        n = 0 if day in resets else n
        if chance.random() < 0.85:
            n += 1
            sessions.append((n, day))
        shown[day] = n
    ends = [*sorted(chance.sample(range(5, 64), 3)), 64]
    doings = [("screen", day, None) for day in chance.sample(range(2, 65), 4)]
    for since, until in zip([-1, *ends], ends, strict=False):
        log = Log(device, after(until + 0.4), counter=shown[until])
        for number, day in [each for each in sessions if since < each[1] <= until][chance.choice([0, 0, 3, 8]) :]:
            log.session(number, after(day))
        doings.append(("log", until, log))
    chance.shuffle(doings)
    for _, day, log in doings:
        if log:
            import_logs(log)
        else:
            take_reading(device, shown[day], read_at=after(day + 0.5), at=LATER, actor=None)
    assert Device.objects.with_counters().get(pk=device.pk).used_treatments <= len(sessions)
    assert found(device) == Differences()
