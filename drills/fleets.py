"""Twenty simulated fleets of thirty devices against the truth: rentals, starts, days and faults (T12)."""

from tempfile import TemporaryDirectory

from django.db import transaction
from django.test import override_settings

from tests.fleets import Fleet, make_faultless_fleet, make_fleet
from tests.fleets.checking import check_days, check_treatments, check_used, differences, found_faults, load
from tests.usage import import_file

FLEETS, FAULTLESS, DEVICES, DAYS = 20, 4, 30, 160


def drill() -> dict[str, object]:
    fleets = [make_fleet(number, devices=DEVICES, days=DAYS) for number in range(FLEETS)]
    faultless = [make_faultless_fleet(number, devices=DEVICES, days=DAYS) for number in range(FAULTLESS)]
    with TemporaryDirectory() as folder, override_settings(MEDIA_ROOT=folder):
        worst = [lived_through(fleet) for fleet in (*fleets, *faultless)]
    return {
        "fleets, and such without faults": f"{FLEETS}, {FAULTLESS}",
        "treatments": sum(len(fleet.sessions) for fleet in (*fleets, *faultless)),
        "attributed to the wrong rental": 0,
        "worst error of a start, seconds": max(worst),
        "days of rentals judged wrongly": 0,
        "faults planted": sum(fleet.faults.total() for fleet in fleets),
        "faults not found, faults invented": "0, 0",
        "differences after a rebuild": 0,
    }


def lived_through(fleet: Fleet) -> float:
    """Bring the fleet in, hold it against the truth and forget it; returns the worst error of a start in seconds."""
    with transaction.atomic():
        load(fleet)
        imported = import_file(*fleet.csv())
        assert (imported.status, len(imported.rejected)) == ("done", fleet.rejected), imported.failure
        worst = check_treatments(fleet)
        check_days(fleet)
        check_used(fleet)
        found = found_faults()
        assert found == fleet.faults, (found - fleet.faults, fleet.faults - found)
        assert differences() == 0
        transaction.set_rollback(True)
    return worst
