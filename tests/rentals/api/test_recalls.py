"""A recall by the API: what became of the reservations, and who can be told how."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from devices.models import Device, Recall
from patients.models import Patient
from rentals.models.states import State
from tests import make
from tests.rentals.api.client import code

pytestmark = pytest.mark.django_db


def notice(device, **entries):
    return {"part_number": device.model.part_number, "serials": [device.serial], "reason": "Notice 7", **entries}


def test_it_says_where_each_reservation_went_and_which_are_at_risk(api, clinic):
    now, device = timezone.now(), make.device(clinic)
    moved = make.book(clinic, at=now, device=device)
    later = clinic.day_of(now) + timedelta(days=42)
    pinned = make.book(clinic, at=now, device=device, starts_on=later, pinned=True)
    spare = make.device(clinic)
    status, recall = api.post("/recalls/", notice(device))
    assert status == 201
    assert recall["reservations_moved"] == [
        {"reference": moved.reference, "from_device": device.serial, "to_device": spare.serial}
    ]
    assert recall["reservations_at_risk"] == [
        {"reference": pinned.reference, "starts_on": pinned.starts_on.isoformat(), "pinned": True}
    ]


def test_it_says_how_each_holder_can_be_told_but_neither_address_nor_number(api, clinic):
    device = make.device(clinic)
    rental = make.rental(State.CLOSED, clinic, device=device, treatments=14)
    Patient.objects.filter(pk=rental.patient_id).update(phone="", state="deceased")
    (holder,) = api.post("/recalls/", notice(device))[1]["holders_before"]
    assert holder["contact"] == {"email": True, "phone": False, "state": "deceased"}
    assert holder["treatments"] == 14
    assert rental.patient.email not in json.dumps(holder)


def test_patients_of_another_site_are_only_counted(api, clinic):
    device = make.device()
    rental = make.rental(State.CLOSED, device=device)
    Device.objects.filter(pk=device.pk).update(clinic=clinic)
    recall = api.post("/recalls/", notice(device))[1]
    assert (recall["holders_before"], recall["holders_elsewhere"]) == ([], 1)
    assert rental.reference not in json.dumps(recall)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({"part_number": "71034999"}, (400, "does_not_exist", "part_number")),
        ({"reason": "  "}, (400, "blank", "reason")),
        ({"serials": []}, (400, "min_length", "serials")),
    ],
)
def test_a_notice_that_cannot_be_is_400(api, clinic, entries, expected):
    assert code(api.post("/recalls/", notice(make.device(clinic), **entries))) == expected
    assert not Recall.objects.exists()
