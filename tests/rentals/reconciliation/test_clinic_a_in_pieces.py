"""The same clinic by another format, in pieces and in any order: it comes out the same (T12, I7)."""

from collections import Counter

import pytest

from devices.models import Device
from rentals.history import Loaded
from rentals.models import Discrepancy, Pause, Treatment
from rentals.reconciliation.recompute import recompute
from tests.shared import shared
from tests.usage import CLINIC_A, LATER, import_file, load_clinic_a, truth_of_clinic_a

pytestmark = pytest.mark.django_db

TRUTH = truth_of_clinic_a()


@shared
def loaded() -> Loaded:
    return load_clinic_a()


def treatments():
    sessions = Treatment.objects.sessions().select_related("device", "rental")
    return {f"{t.device.serial}/{t.rental.external_reference if t.rental else '-'}/{t.n}" for t in sessions}


def test_clinic_a_as_json_lines_says_the_same(loaded):
    taken = import_file((CLINIC_A / "usage.jsonl").read_bytes())
    assert (taken.accepted, taken.duplicate, taken.rejected) == (TRUTH["records"] + Pause.objects.count(), 0, [])
    assert treatments() == set(TRUTH["treatments"])
    assert import_file((CLINIC_A / "usage.csv").read_bytes()).accepted == 0


def test_clinic_a_comes_out_the_same_in_pieces_and_in_any_order(loaded):
    header, *lines = (CLINIC_A / "usage.csv").read_text().splitlines(keepends=True)
    pieces = [lines[start : start + 300] for start in range(0, len(lines), 300)]
    for piece in reversed(pieces):
        import_file("".join([header, *piece]).encode())
    assert recompute(Device.objects.values_list("pk", flat=True), LATER, keep=False).total == 0
    assert treatments() == set(TRUTH["treatments"])
    device = Device.objects.with_counters().get(serial="0223135503")
    assert device.used_treatments == 78 + 53 + 29
    open_now = Counter(Discrepancy.objects.filter(state="open").values_list("kind", flat=True))
    assert open_now["counter_down"] == 5
    assert open_now["log_missing"] == 3
    assert not open_now["counter_log_mismatch"]
    assert not open_now["counter_jump"]
