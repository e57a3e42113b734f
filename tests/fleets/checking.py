"""A fleet brought in, and held against the truth about it."""

from collections import Counter

from devices.models import Device
from rentals.history import load_fleet
from rentals.models import Discrepancy, Rental, Treatment
from rentals.reconciliation.days import counted, days_of
from rentals.reconciliation.recompute import recompute
from rentals.reconciliation.renewal import Ruling, begin_allowance
from tests import make
from tests.fleets.truth import Fleet, Session
from tests.usage import LATER

NEAR = 120  # seconds
READINGS = ("counter_down", "counter_jump")  # about a device, whoever had it


def load(fleet: Fleet) -> None:
    assert not load_fleet(fleet.document, at=LATER).left_out
    for serial, at in fleet.cards:
        device, card = Device.objects.get(serial=serial), Ruling("card", "Its card was full.")
        begin_allowance(device, card, counter=0, at=at, now=LATER, actor=make.manager())


def taken(fleet: Fleet) -> list[tuple[Treatment, Session]]:
    """Each treatment with what it was in truth; none is missing and none is there twice."""
    truth = {(session.serial, session.n, session.counting): session for session in fleet.sessions}
    pairs = []
    for treatment in Treatment.objects.sessions().select_related("device", "rental"):
        [key] = [
            (session.serial, session.n, session.counting)
            for counting in range(1, 5)
            if (session := truth.get((treatment.device.serial, treatment.n, counting)))
            and abs((session.shown - treatment.started_device).total_seconds()) <= 1
        ]
        pairs.append((treatment, truth.pop(key)))
    assert not truth
    return pairs


def check_treatments(fleet: Fleet) -> float:
    """All stand with the right rental and start within two minutes of the truth; returns the worst error in seconds."""
    pairs = taken(fleet)
    given = [(treatment.rental and treatment.rental.external_reference, truth.rental) for treatment, truth in pairs]
    assert [pair for pair in given if pair[0] != pair[1]] == []
    errors = {
        truth: abs((treatment.started_corrected - truth.start).total_seconds())
        for treatment, truth in pairs
        if truth.serial not in fleet.rough
    }
    assert [truth for truth, error in errors.items() if error > NEAR] == []
    return max(errors.values())


def check_days(fleet: Fleet) -> None:
    rentals = list(Rental.objects.select_related("clinic"))
    days = days_of(rentals, LATER)
    found = {rental.external_reference: counted(days[rental.pk]) for rental in rentals}
    told = {key: {"done": day.done, "short": day.short, "paused": day.paused} for key, day in found.items()}
    assert told == {key: dict(day) for key, day in fleet.days.items()}


def found_faults() -> Counter[tuple[str, str | None, str | None]]:
    found: Counter[tuple[str, str | None, str | None]] = Counter()
    for open_one in Discrepancy.objects.filter(state="open").select_related("device", "rental"):
        rental = open_one.rental.external_reference if open_one.rental and open_one.kind not in READINGS else None
        found[open_one.kind, open_one.device.serial if open_one.device else None, rental] += 1
    return found


def check_used(fleet: Fleet) -> None:
    used = {device.serial: device.used_treatments for device in Device.objects.with_counters()}
    assert used == fleet.used


def differences() -> int:
    return recompute(Device.objects.values_list("pk", flat=True), LATER, keep=False).total
