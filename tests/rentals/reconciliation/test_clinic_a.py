"""A whole clinic of 200 days, with every kind of fault, against the truth about it (T12)."""

from collections import Counter
from datetime import datetime

import pytest

from devices.models import Device, Reading
from rentals.models import Discrepancy, Pause, Rental, Treatment
from rentals.reconciliation.days import counted, days_of
from tests.shared import shared
from tests.usage import CLINIC_A, LATER, import_file, load_clinic_a, truth_of_clinic_a

pytestmark = pytest.mark.django_db

TRUTH = truth_of_clinic_a()


@shared
def taken():
    load_clinic_a()
    return import_file((CLINIC_A / "usage.csv").read_bytes())


def treatments():
    sessions = Treatment.objects.sessions().select_related("device", "rental")
    return {f"{t.device.serial}/{t.rental.external_reference if t.rental else '-'}/{t.n}": t for t in sessions}


def test_clinic_a_is_taken_whole_and_each_bad_line_named(taken):
    assert (taken.status, taken.duplicate) == ("done", TRUTH["expect"]["duplicates"])
    assert taken.accepted == TRUTH["records"] + Pause.objects.count()
    rejected = {bad["line"]: bad["reason"] for bad in taken.rejected}
    assert set(rejected) == {bad["line"] for bad in TRUTH["expect"]["rejected"]}
    assert all(bad["why"] in rejected[bad["line"]] for bad in TRUTH["expect"]["rejected"])


def test_clinic_a_gives_every_treatment_to_the_rental_that_had_the_device(taken):
    assert set(treatments()) == set(TRUTH["treatments"])


def test_clinic_a_gets_the_true_starts(taken):
    for name, treatment in treatments().items():
        wrong_by = treatment.started_corrected - datetime.fromisoformat(TRUTH["treatments"][name])
        assert abs(wrong_by.total_seconds()) <= 120, name


def test_clinic_a_has_the_true_days(taken):
    rentals = list(Rental.objects.select_related("clinic"))
    days = days_of(rentals, LATER)
    wrong = []
    for rental in rentals:
        found, truth = counted(days[rental.pk]), TRUTH["rentals"][rental.external_reference]
        # Nobody can see what is missing from the log; those treatments were all done.
        done = truth["done_days"] - truth["missing_log"]
        if (found.done, found.short, found.paused) != (done, truth["short_days"], truth["paused_days"]):
            wrong.append((rental.external_reference, found, truth))
    assert not wrong


def test_clinic_a_opens_exactly_the_planted_discrepancies(taken):
    names = {"clock": "clock_in_doubt", "counter_went_down": "counter_down", "missing_log": "log_missing"}
    planted = Counter(names.get(fault["kind"], fault["kind"]) for fault in TRUTH["faults"])
    del planted["zero_length"]  # kept, reports nothing
    planted["unknown_device"] = 2
    assert Counter(Discrepancy.objects.values_list("kind", flat=True)) == planted
    for kind in ("clock", "over_prescribed", "missing_log", "past_nominal"):
        found = Discrepancy.objects.filter(kind=names.get(kind, kind)).values_list(
            "rental__external_reference", flat=True
        )
        assert sorted(found) == sorted(fault["rental"] for fault in TRUTH["faults"] if fault["kind"] == kind)


@pytest.mark.parametrize(
    ("serial", "used"), [("0223135503", 78 + 53 + 29), ("0321000121", 63 + 64), ("1119107194", 73 + 71 + 40)]
)
def test_clinic_a_counts_on_where_a_counter_started_again(taken, serial, used):
    device = Device.objects.with_counters().get(serial=serial)
    assert (device.used_treatments, device.remaining_treatments) == (used, 343 - used)
    assert not Reading.objects.filter(device=device, trusted=False).exists()


@pytest.mark.parametrize("name", ["usage.csv", "usage.jsonl"])
def test_clinic_a_again_accepts_nothing(taken, name):
    before = sorted(Treatment.objects.values_list()), sorted(Discrepancy.objects.values_list("pk", "state"))
    again = import_file((CLINIC_A / name).read_bytes())
    assert (again.status, again.accepted) == ("done", 0)
    assert before == (sorted(Treatment.objects.values_list()), sorted(Discrepancy.objects.values_list("pk", "state")))
