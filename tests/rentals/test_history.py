"""A clinic's history: loaded as it was, once, complete or not at all."""

import copy
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from config.models import Clinic
from config.refusals import Refusal
from devices.models import Device, DeviceModel, Reading
from patients.models import Patient
from rentals import custody
from rentals.history import load_fleet
from rentals.models import Discrepancy, Holding, LedgerEntry, Move, Rental
from tests import make
from tests.usage import CLINIC_A, LATER, load_clinic_a

pytestmark = pytest.mark.django_db


def document(**changes: Any) -> dict[str, Any]:
    """Two devices, two patients, two rentals, the second still running."""
    return {
        "clinic": {"name": "Harbour", "time_zone": "Australia/Sydney"},
        "models": [{"part_number": "71034400", "name": "Exogen 343", "nominal_treatments": 343}],
        "devices": [
            {"serial": "0111000001", "part_number": "71034400", "counter_at_start": 5},
            {"serial": "0111000002", "part_number": "71034400", "counter_at_start": 0},
        ],
        "patients": [
            {"key": "P1", "given_name": "Zoë", "family_name": "One", "date_of_birth": "1990-01-01"},
            {"key": "P2", "given_name": "Ada", "family_name": "Two", "date_of_birth": "1991-01-01"},
        ],
        "rentals": [
            rental("R1"),
            rental("R2", serial="0111000002", patient="P2", returned_at=None, counter_back=None, counter_out=0),
        ],
        **changes,
    }


def rental(key: str, **changes: Any) -> dict[str, Any]:
    return {
        "key": key,
        "serial": "0111000001",
        "patient": "P1",
        "starts_on": "2026-01-06",
        "due_on": "2026-03-03",
        "handed_over_at": "2026-01-06T10:57:00+11:00",
        "returned_at": "2026-02-28T15:53:00+11:00",
        "prescribed_per_day": 2,
        "counter_out": 5,
        "counter_back": 76,
        **changes,
    }


def load(**changes: Any):
    return load_fleet(document(**changes), at=LATER)


def everything() -> list[list[Any]]:
    models = (Clinic, DeviceModel, Device, Patient, Rental, Holding, Move, Reading, Discrepancy)
    return [sorted(model.objects.values_list(), key=str) for model in models]


def test_a_finished_rental_is_closed_with_its_holding_moves_and_readings():
    load()
    found = Rental.objects.get(external_reference="R1")
    assert (found.state, found.recorded_from_history, found.patient.external_key) == ("closed", True, "P1")
    assert found.planned_treatments == 56 * 2
    assert found.handed_over_at == datetime(2026, 1, 5, 23, 57, tzinfo=UTC)
    holding = found.holdings.get()
    assert (holding.live, holding.counter_out, holding.counter_back) == (False, 5, 76)
    assert (holding.out.lower, holding.out.upper) == (found.handed_over_at, found.returned_at)
    assert (holding.used_out, holding.used_back) == (5, 76)
    moves = found.moves.order_by("pk").values_list("verb", "old_state", "new_state", "at")
    assert list(moves) == [
        ("book", "", "reserved", found.handed_over_at),
        ("hand_over", "reserved", "active", found.handed_over_at),
        ("take_back", "active", "returned", found.returned_at),
        ("inspect", "returned", "closed", found.returned_at),
    ]
    readings = Reading.objects.filter(device__serial="0111000001").order_by("read_at")
    assert list(readings.values_list("counter", "source", "trusted")) == [
        (5, "first", True),
        (5, "hand_over", True),
        (76, "return", True),
    ]
    assert not LedgerEntry.objects.exists()


def test_a_rental_still_running_goes_on_as_any_other():
    load()
    found = Rental.objects.get(external_reference="R2")
    assert (found.state, found.holdings.get().live, found.holdings.get().out.upper) == ("active", True, None)
    returned = custody.take_back(found, counter=9, parts=[], at=LATER, now=LATER, actor=make.manager())
    assert returned.state == "returned"


def test_the_planned_treatments_of_the_document_are_kept():
    load(rentals=[rental("R1", planned_treatments=40)])
    assert Rental.objects.get().planned_treatments == 40


def test_models_are_taken_as_signed_off_for_reuse():
    make.device_model(part_number="71034400", reuse=False)
    load()
    assert DeviceModel.objects.get().reuse_permitted


def test_a_second_run_changes_nothing():
    load()
    before = everything()
    again = load()
    assert (again.models, again.devices, again.patients, again.rentals, again.left_out) == (0, 0, 0, 0, [])
    assert everything() == before


def test_what_was_added_to_the_document_is_added():
    load()
    later = rental("R3", handed_over_at="2026-03-10T10:00:00+11:00", returned_at="2026-04-10T10:00:00+10:00",
                   counter_out=76, counter_back=100)  # fmt: skip
    assert load(rentals=[*document()["rentals"], later]).rentals == 1


def test_history_that_todays_rules_would_refuse_is_kept_and_flagged():
    went_down = rental("R3", handed_over_at="2026-03-10T10:00:00+11:00", returned_at="2026-04-10T10:00:00+10:00",
                       counter_out=0, counter_back=31)  # fmt: skip
    load(rentals=[rental("R1"), went_down])
    flags = Reading.objects.filter(device__serial="0111000001").order_by("read_at").values_list("flag", "trusted")
    assert list(flags) == [("", True)] * 3 + [("counter_down", False)] * 2
    [found] = Discrepancy.objects.all()
    assert (found.kind, found.rental.external_reference) == ("counter_down", "R3")
    assert Device.objects.with_counters().get(serial="0111000001").used_treatments == 76


def test_two_rentals_of_one_device_at_one_time_are_named_and_the_later_left_out():
    overlapping = rental("R3", handed_over_at="2026-02-20T10:00:00+11:00", returned_at="2026-04-10T10:00:00+10:00")
    loaded = load(rentals=[overlapping, rental("R1")])
    assert loaded.rentals == 1
    assert loaded.left_out == ["Rental R3: device 0111000001 was with another rental for part of that time."]
    assert load(rentals=[overlapping, rental("R1")]).left_out == loaded.left_out


def test_a_running_rental_of_a_device_that_is_not_there_is_left_out():
    load(rentals=[])
    Device.objects.filter(serial="0111000002").update(condition="lost")
    assert load().left_out == [
        "Rental R2: device 0111000002 is not there to be out now, or is booked for somebody else."
    ]


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("clinic",), None, "clinic is no object"),
        (("clinic", "time_zone"), "Sydney", "clinic: time_zone must be a name like Australia/Sydney"),
        (("models",), {}, "the document: models must be a list"),
        (("models", 0, "nominal_treatments"), 0, "models[0]: nominal_treatments must be a whole number from 1 on"),
        (("devices", 1, "serial"), 111000002, "devices[1]: serial must be a text"),
        (("devices", 1, "serial"), "0111000001", "devices: serial 0111000001 is there twice"),
        (("devices", 1, "part_number"), "X", "devices[1]: X is named nowhere in the document"),
        (("devices", 0, "counter_at_start"), -1, "devices[0]: counter_at_start must be a whole number"),
        (("patients", 0, "date_of_birth"), "01/01/1990", "patients[0]: date_of_birth must be a date like"),
        (("rentals", 0, "serial"), "9", "rentals[0]: 9 is named nowhere in the document"),
        (("rentals", 0, "patient"), "P9", "rentals[0]: P9 is named nowhere"),
        (("rentals", 0, "due_on"), "2026-01-06", "rentals[0]: due_on must come after starts_on"),
        (("rentals", 0, "handed_over_at"), "2026-01-06T10:57:00", "handed_over_at must be a time with its offset"),
        (("rentals", 0, "returned_at"), "2026-01-06T10:00:00+11:00", "returned_at must come after handed_over_at"),
        (("rentals", 0, "prescribed_per_day"), True, "prescribed_per_day must be a whole number"),
        (("rentals", 0, "counter_back"), None, "counter_back must be a whole number"),
        (("rentals", 1, "key"), "R1", "rentals: key R1 is there twice"),
    ],
)
def test_a_document_that_cannot_be_right_gets_one_sentence_and_writes_nothing(where, value, said):
    wrong = copy.deepcopy(document())
    place: Any = wrong
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = value
    with pytest.raises(Refusal) as refusal:
        load_fleet(wrong, at=LATER)
    assert said in refusal.value.message
    assert refusal.value.message.endswith("; nothing was loaded.")
    assert not Clinic.objects.exists()


def test_a_device_that_another_clinic_owns_is_refused_and_nothing_is_written():
    make.device(model=make.device_model(part_number="71034400"), serial="0111000001")
    with pytest.raises(Refusal) as refusal:
        load()
    assert refusal.value.code == "duplicate_device"
    assert not Clinic.objects.filter(name="Harbour").exists()


def test_clinic_a_is_loaded_whole_with_its_counters_that_went_down():
    loaded = load_clinic_a()
    assert (loaded.models, loaded.devices, loaded.patients, loaded.rentals, loaded.left_out) == (3, 18, 57, 57, [])
    assert Discrepancy.objects.filter(kind="counter_down").count() == 5
    first = Reading.objects.filter(source="first").select_related("device")
    for reading in first:
        assert reading.read_at <= min(reading.device.holdings.values_list("out__startswith", flat=True))
    assert load_clinic_a().rentals == 0


def test_the_command_prints_what_is_new(tmp_path: Path):
    said = io.StringIO()
    call_command("load_fleet", CLINIC_A / "fleet.json", stdout=said)
    assert said.getvalue() == "New: 3 models, 18 devices, 57 patients, 57 rentals; left out: 0.\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), ("{", "is not JSON"), (json.dumps(document(models=None)), "models must be a list")],
)
def test_the_command_says_in_one_line_what_is_wrong(tmp_path: Path, content, said):
    file = tmp_path / "fleet.json"
    if content:
        file.write_text(content)
    with pytest.raises(CommandError, match=said):
        call_command("load_fleet", file)


def test_a_device_that_was_never_out_begins_now():
    load(rentals=[])
    assert set(Reading.objects.values_list("read_at", flat=True)) == {LATER}
