"""Lists: what they show, how they are narrowed down, and that rows cost no queries."""

from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from patients.models import Access
from rentals.models import Discrepancy, Holding, Rental
from rentals.models.states import State
from tests import make
from tests.rentals.api.client import Api

pytestmark = pytest.mark.django_db

ROW = ["reference", "external_reference", "state", "patient", "device", "clinic", "starts_on", "due_on"]


def open_discrepancy(rental: Rental) -> Discrepancy:
    return Discrepancy.objects.create(
        kind="silent_device",
        subject=rental.reference,
        clinic=rental.clinic,
        device=rental.holdings.get().device,
        rental=rental,
        why="Nothing was heard of it.",
        action="Ask.",
        opened_at=make.NOW,
    )


def queries(api: Api, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert api.get(path)[0] == 200
    return len(captured)


def test_three_rows_cost_no_more_queries_than_one():
    clinic = make.clinic()
    api = Api(make.manager())
    course = f"clinic={clinic.pk}&starts_on=2026-03-09&due_on=2026-03-30&treatments=20"
    lists = ["/clinics/", "/device-models/", "/devices/", "/rentals/", "/usage/discrepancies/"]
    paths = [*lists, f"/availability/?{course}"]

    def add() -> None:
        make.device(clinic)
        open_discrepancy(make.rental(State.ACTIVE, clinic))

    add()
    api.get("/clinics/")
    one = {path: queries(api, path) for path in paths}
    add()
    add()
    make.clinic()
    assert {path: queries(api, path) for path in paths} == one


def test_rows_of_a_rental_cost_no_queries_either():
    clinic = make.clinic()
    api = Api(make.manager())
    rental = make.rental(State.ACTIVE, clinic)
    path = f"/rentals/{rental.reference}/"
    open_discrepancy(rental)
    one = queries(api, path)
    for number in range(3):
        api.post(f"{path}payments/", {"kind": "hire", "amount": "1.00", "method": "cash"})
        Discrepancy.objects.create(
            kind="silent_device",
            subject=str(number),
            rental=rental,
            device=rental.holdings.get().device,
            opened_at=make.NOW,
        )
    for _ in range(2):
        other = make.device(clinic)
        assert api.post(f"{path}swap/", {"counter_out": 0, "device": other.pk, "counter_in": 0})[0] == 200
    assert queries(api, path) == one


def test_rental_list_shows_the_contract_and_of_the_patient_only_the_id():
    clinic = make.clinic()
    rental = make.rental(State.ACTIVE, clinic, external_reference="K-7")
    (row,) = Api(make.auditor()).rows("/rentals/")
    assert list(row) == [*ROW, "overdue", "at_risk", "priority", "offer_expires_at"]
    assert (row["reference"], row["external_reference"], row["patient"]) == (rental.reference, "K-7", rental.patient_id)
    device = rental.holdings.get().device
    assert row["device"] == {"id": device.pk, "serial": device.serial}
    assert rental.patient.family_name not in str(row)


def found(api: Api, **query: Any) -> set[str]:
    return {row["reference"] for row in api.rows("/rentals/", **query)}


def test_rentals_are_narrowed_down():
    here, there = make.clinic(), make.clinic()
    api = Api(make.manager())
    now = timezone.now()
    active = make.rental(State.ACTIVE, here, external_reference="K-7")
    reserved = make.rental(State.RESERVED, there, at=now, starts_on=there.next_open_day(there.day_of(now)))
    device = active.holdings.get().device
    every = {active.reference, reserved.reference}
    only = {active.reference}
    assert found(api) == every
    assert found(api, state="active") == only
    assert found(api, clinic=here.pk) == only
    assert found(api, patient=active.patient_id) == only
    assert found(api, device=device.pk) == only
    assert found(api, external_reference="K-7") == only
    assert found(api, search=device.serial[2:]) == only
    assert found(api, search=active.reference.lower()) == only
    assert found(api, overdue="true") == only, "booked for March, and nobody has brought it back since"
    assert found(api, overdue="false") == {reserved.reference}
    assert found(api, at_risk="true") == set()
    Holding.objects.filter(rental=reserved).update(device=None)
    assert found(api, at_risk="true") == {reserved.reference}
    assert api.get(f"/rentals/{reserved.reference}/")[1]["device"] is None


def test_devices_are_narrowed_down_and_ordered():
    clinic = make.clinic()
    api = Api(make.manager())
    worn = make.device(clinic, counter=300, serial="A1")
    fresh = make.device(clinic, counter=0, serial="A2")
    unknown = make.device(clinic, nominal=None, serial="B1", condition="repair")

    def serials(**query: Any) -> list[str]:
        return [row["serial"] for row in api.rows("/devices/", **query)]

    assert serials() == ["A1", "A2", "B1"]
    assert serials(condition="repair") == serials(availability="unavailable") == [unknown.serial]
    assert serials(min_free=100) == [fresh.serial]
    assert serials(min_free=43) == [worn.serial, fresh.serial]
    assert serials(search="a") == ["A1", "A2"]
    assert serials(clinic=clinic.pk + 1) == []
    assert serials(ordering="free_treatments") == ["A1", "A2", "B1"]
    assert serials(ordering="-free_treatments") == ["A2", "A1", "B1"]
    assert serials(ordering="-condition,-serial") == ["B1", "A2", "A1"]
    (row,) = api.rows("/devices/", search="A1")
    assert row == api.get(f"/devices/{worn.pk}/")[1]
    assert row["remaining_treatments"] == row["free_treatments"] == 43


def test_pages_hold_what_was_asked_for_and_never_overlap():
    clinic = make.clinic()
    model = make.device_model()
    for _ in range(5):
        make.device(clinic, model=model)
    api = Api(make.manager())
    pages = [api.get("/devices/", page=page, page_size=2, ordering="condition")[1] for page in (1, 2, 3)]
    assert [page["count"] for page in pages] == [5] * 3
    assert len({row["id"] for page in pages for row in page["results"]}) == 5
    assert pages[0]["previous"] is None
    assert pages[2]["next"] is None
    assert "page=3" in pages[1]["next"]


def test_each_patient_on_a_page_is_recorded_in_one_insert():
    clinic = make.clinic()
    user = make.reception(clinic)
    patients = {make.rental(State.ACTIVE, clinic).patient_id for _ in range(3)}
    api = Api(user)
    with CaptureQueriesContext(connection) as captured:
        api.rows("/rentals/", page_size=2)
    assert sum('INSERT INTO "patients_access"' in query["sql"] for query in captured) == 1
    api.rows("/rentals/", page_size=2, page=2)
    listed = Access.objects.filter(user=user, action="listed").values_list("patient", flat=True)
    assert sorted(listed) == sorted(patients)


def test_reading_a_rental_is_recorded():
    rental = make.rental(State.ACTIVE)
    user = make.auditor()
    Api(user).get(f"/rentals/{rental.reference}/")
    assert list(Access.objects.filter(user=user).values_list("patient", "action")) == [(rental.patient_id, "read")]


def test_discrepancies_are_narrowed_down():
    here, there = make.clinic(), make.clinic()
    rental = make.rental(State.ACTIVE, here)
    opened = open_discrepancy(rental)
    other = open_discrepancy(make.rental(State.ACTIVE, there))
    api = Api(make.manager())

    def ids(**query: Any) -> list[int]:
        return [row["id"] for row in api.rows("/usage/discrepancies/", **query)]

    assert ids() == [other.pk, opened.pk]
    assert ids(rental=rental.reference) == ids(device=opened.device_id) == [opened.pk]
    assert ids(state="closed") == ids(kind="log_missing") == []
    assert ids(kind="silent_device", state="open") == [other.pk, opened.pk]
    assert [row["id"] for row in Api(make.manager(here)).rows("/usage/discrepancies/")] == [opened.pk]


@time_machine.travel(make.NOW, tick=False)
def test_devices_say_when_they_will_probably_run_out():
    clinic = make.clinic()
    now = make.NOW
    shelf = make.device(clinic)
    unknown = make.rental(State.ACTIVE, clinic, device=make.device(clinic, nominal=None), accept_unknown_capacity=True)
    out = make.rental(State.ACTIVE, clinic, at=now - timedelta(days=3), device=make.device(clinic, nominal=42))
    api = Api(make.auditor())
    rows = {row["id"]: row["runs_out_on"] for row in api.rows("/devices/")}
    ids = [rental.holdings.get().device_id for rental in (unknown, out)]
    assert (rows[shelf.pk], rows[ids[0]]) == (None, None)
    ahead = date.fromisoformat(rows[ids[1]]) - clinic.day_of(now)
    assert timedelta(days=40) < ahead < timedelta(days=60)
    assert api.get(f"/devices/{ids[1]}/")[1]["runs_out_on"] == rows[ids[1]]
