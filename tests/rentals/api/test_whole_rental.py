"""A whole rental over the API, from the patient to the refund."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests import make
from tests.rentals.api.client import Api

pytestmark = pytest.mark.django_db


def test_whole_rental_ends_closed_with_nothing_owed_and_the_device_ready():
    now = timezone.now()
    clinic = make.clinic(at=now)
    device = make.device(clinic, counter=10, at=now - timedelta(days=60))
    api = Api(make.manager(clinic))
    out, back = now - timedelta(days=20), now - timedelta(hours=1)
    starts_on = clinic.day_of(out)
    due_on = clinic.next_open_day(clinic.day_of(now) + timedelta(days=10))

    patient = {
        "given_name": "Ada",
        "family_name": "Example",
        "date_of_birth": "1990-05-17",
        "email": "ada@patients.example",
        "phone": "0400 000 000",
        "clinic": clinic.pk,
        "email_reminders": True,
    }
    status, registered = api.post("/patients/", patient)
    assert status == 201

    days = {"clinic": clinic.pk, "starts_on": starts_on, "due_on": due_on}
    status, found = api.get("/availability/", **days, treatments=30)
    assert status == 200
    assert [offer["device"]["serial"] for offer in found["results"]] == [device.serial]

    booking = {
        "patient": registered["id"],
        "clinic": clinic.pk,
        "starts_on": str(starts_on),
        "due_on": str(due_on),
        "planned_treatments": 30,
        "prescribed_per_day": 1,
        "indication": make.indication(),
        "screening": make.screening(),
        "device": found["results"][0]["device"]["id"],
    }
    status, rental = api.post("/rentals/", booking)
    assert (status, rental["state"], rental["bond"]) == (201, "reserved", {"due": "300.00", "held": "0.00"})
    path = f"/rentals/{rental['reference']}"

    def verb(name: str, body: dict) -> dict:
        status, answer = api.post(f"{path}/{name}/", body)
        assert status == 200, answer
        assert answer == api.get(f"{path}/")[1]
        return answer

    assert verb("sign", {"name": "Ada Example", "accepted_terms_version": rental["terms_version"]})["signed"] is True
    verb("payments", {"kind": "bond", "amount": "300.00", "method": "card"})
    parts = ["main_unit", "transducer", "charger"]
    handed_over = {"counter": 10, "parts": parts, "delivery": {"method": "desk"}, "at": out.isoformat()}
    assert verb("hand-over", handed_over)["state"] == "active"
    assert verb("return", {"counter": 29, "parts": parts, "notes": "", "at": back.isoformat()})["state"] == "returned"
    fees = [{"kind": "cleaning", "amount": "25.00"}]
    settled = verb("inspect", {"passed": True, "checks": {"output": "ok"}, "fees": fees})
    assert (settled["state"], settled["ledger"]["balance"]) == ("closed", "-95.00")  # 300 less 3 weeks and the fee
    closed = verb("payments", {"kind": "refund", "amount": "95.00", "method": "transfer"})
    assert (closed["state"], closed["ledger"]["balance"]) == ("closed", "0.00")

    status, device_now = api.get(f"/devices/{device.pk}/")
    assert device_now["condition"] == "ready"
    assert (device_now["used_treatments"], device_now["remaining_treatments"]) == (29, 343 - 29)
