"""A recall reaches every named unit, whoever has it now and everyone who had it."""

from datetime import date, timedelta

import pytest

from config.refusals import Refusal
from devices.models import Device
from patients.models import Access
from rentals.recall import start_recall
from tests import make

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def clinic():
    return make.clinic()


@pytest.fixture
def model():
    return make.device_model()


def recall(model, *serials, actor=None, at=make.NOW):
    return start_recall(
        model=model, serials=serials, reason="Housing may overheat", at=at, actor=actor or make.manager()
    )


def condition(device):
    return Device.objects.get(pk=device.pk).condition


def test_it_names_who_has_a_unit_now_and_everyone_before(clinic, model):
    device = make.device(clinic, model=model)
    before = make.rental("closed", device=device, at=make.NOW - 90 * DAY)
    now = make.rental("active", device=device)
    found = recall(model, device.serial, "9999999999")
    assert [holding.rental for holding in found.holders_before] == [before]
    assert [holding.rental for holding in found.holders_now] == [now]
    assert (found.devices, found.unknown_serials) == ([device], ["9999999999"])
    assert condition(device) == "recalled"


def test_a_reserved_unit_is_taken_from_its_reservation(clinic, model):
    device = make.device(clinic, model=model)
    rental = make.rental("reserved", device=device)
    found = recall(model, device.serial)
    assert rental.holdings.get().device is None
    assert (rental.moves.last().verb, rental.moves.last().new_state) == ("at_risk", "reserved")
    assert found.holders_now == found.holders_before == []


def test_a_recalled_unit_is_booked_by_nobody(clinic, model):
    device = make.device(clinic, model=model)
    recall(model, device.serial)
    with pytest.raises(Refusal) as refusal:
        make.book(clinic, starts_on=date(2026, 6, 1))
    assert refusal.value.conflict == {"why_not": {"not_ready": 1}}


def test_only_the_named_units_of_that_part_number_are_touched(clinic, model):
    named, unnamed, namesake = (
        make.device(clinic, model=model, serial="1121000001"),
        make.device(clinic, model=model, serial="1121000002"),
        make.device(clinic, serial="1121000001"),
    )
    recall(model, "1121000001")
    assert [condition(device) for device in (named, unnamed, namesake)] == ["recalled", "ready", "ready"]


def test_a_notice_without_serials_means_every_unit_of_the_part_number(clinic, model):
    devices = [make.device(clinic, model=model) for _ in range(2)]
    other = make.device(clinic)
    assert {device.pk for device in recall(model).devices} == {device.pk for device in devices}
    assert [condition(device) for device in (*devices, other)] == ["recalled", "recalled", "ready"]


@pytest.mark.parametrize(
    ("before", "after"),
    [("quarantine", "recalled"), ("repair", "recalled"), ("lost", "lost"), ("sold", "sold"), ("retired", "retired")],
)
def test_a_unit_that_left_the_fleet_keeps_its_condition_but_is_listed(clinic, model, before, after):
    device = make.device(clinic, model=model, condition=before)
    assert recall(model, device.serial).devices == [device]
    assert condition(device) == after


def test_a_manager_of_one_clinic_recalls_there_only(clinic, model):
    here, elsewhere = make.device(clinic, model=model), make.device(model=model)
    found = recall(model, here.serial, elsewhere.serial, actor=make.manager(clinic))
    assert (found.devices, found.unknown_serials) == ([here], [elsewhere.serial])
    assert condition(elsewhere) == "ready"


def test_each_holder_shown_is_a_recorded_read(clinic, model):
    """I10."""
    device, actor = make.device(clinic, model=model), make.manager()
    patients = {
        make.rental(state, device=device, at=at).patient_id
        for state, at in (("closed", make.NOW - 90 * DAY), ("active", make.NOW))
    }
    recall(model, device.serial, actor=actor)
    shown = Access.objects.filter(user=actor, action="listed").values_list("patient_id", flat=True)
    assert set(shown) == patients
