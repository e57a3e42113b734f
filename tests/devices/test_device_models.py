"""Device models: what is written down of them, and the sign-off for their reuse (I3)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from config.refusals import Refusal
from config.row_history import version_of
from devices.models import DeviceModel
from devices.models_setup import ModelFacts, add_model, change_model, sign_reuse_off, withdraw_reuse
from devices.register import add_device
from tests import make

pytestmark = pytest.mark.django_db

FACTS = ModelFacts(name="Exogen 343", part_number="71034300", nominal_treatments=343)
SIGNED = {"by": "Dr Lovelace, director", "text": "Cleaned and inspected each time.", "signed_at": make.NOW}


def refused(field, facts):
    with pytest.raises(Refusal) as refusal:
        add_model(facts)
    assert refusal.value.field == field
    assert not DeviceModel.objects.exists()
    return refusal.value


def test_a_new_model_goes_to_one_patient_only_until_reuse_is_signed_off():
    model = add_model(FACTS)
    assert not model.reuse_permitted
    sign_reuse_off(model, **SIGNED, at=make.NOW)
    model.refresh_from_db()
    assert model.reuse_permitted
    assert (model.reuse_signed_off_by, model.reuse_signed_off_at) == ("Dr Lovelace, director", make.NOW)
    withdraw_reuse(model)
    model.refresh_from_db()
    assert not model.reuse_permitted


def test_a_gtin_is_kept_as_a_barcode_has_it():
    assert add_model(replace(FACTS, gtin="9506000 134352")).gtin == "09506000134352"


@pytest.mark.parametrize("gtin", ["9506000134353", "12345", "nine"])
def test_a_gtin_with_a_wrong_check_digit_or_length_is_refused(gtin):
    assert "not a GTIN" in refused("gtin", replace(FACTS, gtin=gtin)).message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", " "),
        ("part_number", ""),
        ("nominal_treatments", 0),
        ("minutes_per_treatment", 0),
        ("minutes_per_treatment", 241),
        ("turnaround_days", 61),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(name, value):
    refused(name, replace(FACTS, **{name: value}))


def test_part_number_and_gtin_each_name_one_model():
    add_model(replace(FACTS, gtin="09506000134352"))
    for twin, field in (({}, "part_number"), ({"part_number": "71034301", "gtin": "9506000134352"}, "gtin")):
        with pytest.raises(Refusal) as refusal:
            add_model(replace(FACTS, **twin))
        assert (refusal.value.code, refusal.value.field) == ("duplicate_model", field)


def test_another_number_of_treatments_is_for_what_comes_from_now_on():
    model = add_model(FACTS)
    old = make.device(model=model)
    change_model(model, replace(FACTS, nominal_treatments=400), read=version_of(model))
    model.refresh_from_db()
    new = add_device(serial="2", model=model, clinic=old.clinic, at=make.NOW, actor=None)
    assert [one.allowances.get().nominal_treatments for one in (old, new)] == [343, 400]


def test_two_who_change_one_model_do_not_overwrite_each_other():
    model = add_model(FACTS)
    read = version_of(model)
    change_model(model, replace(FACTS, maker="Bioventus"), read=read)
    with pytest.raises(Refusal, match="changed this since") as refusal:
        change_model(model, replace(FACTS, maker="Smith"), read=read)
    assert refusal.value.code == "changed_meanwhile"
    with pytest.raises(Refusal, match="opened for something else"):
        change_model(model, FACTS, read=read + 1000)
    model.refresh_from_db()
    assert model.maker == "Bioventus"


def test_a_sign_off_has_a_name_and_a_text_and_is_not_of_tomorrow():
    model = add_model(FACTS)
    for wrong in ({"by": " "}, {"text": ""}, {"signed_at": make.NOW + timedelta(minutes=1)}):
        with pytest.raises(Refusal) as refusal:
            sign_reuse_off(model, **{**SIGNED, **wrong}, at=make.NOW)
        assert refusal.value.field == next(iter(wrong))
    with pytest.raises(Refusal, match="nothing to withdraw"):
        withdraw_reuse(model)
    sign_reuse_off(model, **SIGNED, at=make.NOW)
    with pytest.raises(Refusal, match="already"):
        sign_reuse_off(model, **SIGNED, at=make.NOW)
