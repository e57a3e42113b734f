"""Bringing devices into the inventory."""

import pytest
from django.db import IntegrityError, transaction

from config.refusals import Refusal
from devices.models import Device, DeviceModel
from devices.register import add_device
from tests import make

pytestmark = pytest.mark.django_db


def test_a_new_device_has_its_first_allowance_and_reading():
    device = make.device(nominal=343, counter=12, at=make.NOW)
    allowance, reading = device.allowances.get(), device.readings.get()
    assert (allowance.number, allowance.cause, allowance.nominal_treatments, allowance.began_at) == (
        1, "first", 343, make.NOW,
    )  # fmt: skip
    assert (reading.counter, reading.source, reading.trusted, reading.allowance) == (12, "first", True, allowance)


def test_the_allowance_keeps_the_nominal_number_of_its_time():
    device = make.device(nominal=343)
    DeviceModel.objects.update(nominal_treatments=167)
    assert Device.objects.with_counters().get(pk=device.pk).remaining_treatments == 343


def test_part_number_and_serial_identify_a_unit():
    device = make.device()
    details = {"model": device.model, "clinic": make.clinic(), "at": make.NOW, "actor": None}
    with pytest.raises(Refusal) as refusal:
        add_device(serial=device.serial, **details)
    assert (refusal.value.code, refusal.value.field) == ("duplicate_device", "serial")
    assert device.allowances.count() == device.readings.count() == 1
    namesake = add_device(serial=device.serial, **{**details, "model": make.device_model()})
    assert namesake.serial == device.serial


@pytest.mark.parametrize("columns", [{"serial": ""}, {"condition": "broken"}, {"serial": "1", "condition": "READY"}])
def test_the_database_knows_the_conditions_and_wants_a_serial(columns):
    device = make.device()
    with pytest.raises(IntegrityError), transaction.atomic():
        Device.objects.filter(pk=device.pk).update(**columns)


def test_a_sign_off_for_reuse_says_who_when_and_under_which_text():
    model = make.device_model()
    assert model.reuse_permitted
    assert not make.device_model(reuse=False).reuse_permitted
    for column in ("reuse_signed_off_by", "reuse_text"):
        with pytest.raises(IntegrityError, match="device_model_sign_off_complete"), transaction.atomic():
            DeviceModel.objects.filter(pk=model.pk).update(**{column: ""})


def test_a_user_with_named_clinics_sees_their_devices_only():
    here, elsewhere = make.device(), make.device()
    assert list(Device.objects.visible_to(make.reception(here.clinic))) == [here]
    assert set(Device.objects.visible_to(make.reception())) == {here, elsewhere}
