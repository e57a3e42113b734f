"""Usage data over the API: readings, imports, treatments, days and discrepancies."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from rentals.models import UsageImport
from rentals.models.states import State
from rentals.reconciliation.imports import run_import
from tests import make
from tests.rentals.api.client import Api, code

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def read_out(rental: Any, now: Any, sessions: int) -> dict[str, Any]:
    """One session an evening from the day of the hand-over on, by a clock that is right."""
    device = rental.holdings.get().device
    zone = rental.clinic.zone
    first = rental.handed_over_at + timedelta(hours=2)
    return {
        "serial": device.serial,
        "part_number": device.model.part_number,
        "read_out_at": now.isoformat(),
        "device_clock": str(now.astimezone(zone).replace(tzinfo=None, microsecond=0)),
        "counter": sessions,
        "treatments": [
            {
                "n": number + 1,
                "started": str((first + timedelta(days=number)).astimezone(zone).replace(tzinfo=None, microsecond=0)),
                "seconds": 1200,
                "outcome": "completed",
                "code": "",
            }
            for number in range(sessions)
        ],
        "pauses": [],
    }


def imported(api: Api, posted: tuple[int, Any]) -> dict[str, Any]:
    """What became of an import, once the worker has taken it."""
    assert posted[0] == 202, posted[1]
    assert api.get(f"/usage/imports/{posted[1]['id']}/")[1]["status"] == "queued"
    run_import(posted[1]["id"], at=timezone.now())
    return api.get(f"/usage/imports/{posted[1]['id']}/")[1]


def test_read_outs_count_for_the_rental_and_show_on_its_days(api, clinic):
    now = timezone.now().replace(microsecond=0)
    rental = make.rental(State.ACTIVE, clinic, at=now - timedelta(days=5))
    result = imported(api, api.post("/usage/imports/", {"readouts": [read_out(rental, now, 4)]}))
    assert (result["status"], result["accepted"], result["duplicate"], result["rejected"]) == ("done", 4, 0, [])
    shown = api.get(f"/rentals/{rental.reference}/")[1]
    assert shown["treatments"] == shown["adherence"]["done"] == 4
    days = api.rows(f"/rentals/{rental.reference}/days/")
    treated = [day for day in days if day["treatments"]]  # which they are, the hour of this run decides
    assert [(day["treatments"], day["status"]) for day in treated] == [(1, "done")] * 4
    rows = api.rows(f"/devices/{rental.holdings.get().device_id}/treatments/")
    assert [row["n"] for row in rows] == [1, 2, 3, 4]
    assert {row["rental"] for row in rows} == {rental.reference}
    assert list(rows[0]) == [
        "n",
        "started_device",
        "started_corrected",
        "offset_seconds",
        "method",
        "seconds",
        "outcome",
        "rental",
    ]


def test_same_data_as_a_file_of_json_lines_changes_nothing(api, clinic):
    now = timezone.now().replace(microsecond=0)
    data = read_out(make.rental(State.ACTIVE, clinic, at=now - timedelta(days=5)), now, 4)
    imported(api, api.post("/usage/imports/", {"readouts": [data]}))
    file = SimpleUploadedFile("usage.jsonl", json.dumps(data).encode())
    again = imported(api, api.post("/usage/imports/", {"file": file}, format="multipart"))
    assert (again["accepted"], again["duplicate"]) == (0, 4)


def test_bad_line_is_named_and_the_good_ones_are_taken(api, clinic):
    header = "serial,part_number,read_out_at,device_clock,counter,n,started,seconds,outcome"
    device = make.device(clinic)
    good = f"{device.serial},,2026-03-02T10:00:00+11:00,2026-03-02 10:00:00,1,1,2026-03-01 20:00:00,1200,completed"
    file = SimpleUploadedFile("usage.csv", "\n".join([header, good, good.replace("1200", "long")]).encode())
    result = imported(api, api.post("/usage/imports/", {"file": file}, format="multipart"))
    assert (result["status"], result["accepted"]) == ("done", 1)
    assert [rejected["line"] for rejected in result["rejected"]] == [3]


@pytest.mark.parametrize("content", [b"\x89PNG\r\n", b"hello", b"\0" * 1000, b"a,b,c\n1,2,3\n"])
def test_file_that_is_no_usage_data_is_400_and_not_kept(api, content):
    file = SimpleUploadedFile("usage.csv", content)
    assert code(api.post("/usage/imports/", {"file": file}, format="multipart"))[:2] == (400, "not_usage_data")
    assert not UsageImport.objects.exists()


@pytest.mark.parametrize(
    ("body", "expected", "field"),
    [
        ({}, "required", "readouts"),
        ({"readouts": []}, "min_length", "readouts"),
        ({"readouts": ["x"]}, "not_a_dict", "readouts.0"),
        ({"readouts": {}}, "not_a_list", "readouts"),
        ({"read_outs": []}, "unknown_field", "read_outs"),
    ],
)
def test_read_outs_of_the_wrong_shape_are_400(api, body, expected, field):
    status, answer = api.post("/usage/imports/", body)
    assert status == 400
    assert (expected, field) in {(error["code"], error["attr"]) for error in answer["errors"]}


def test_form_without_a_file_or_with_something_else_is_400(api):
    assert code(api.post("/usage/imports/", {"colour": "red"}, format="multipart")) == (400, "unknown_field", "colour")


def test_import_is_seen_by_colleagues_only(clinic):
    now = timezone.now()
    mine = UsageImport.objects.create(created_at=now, uploaded_by=make.reception(clinic))
    path = f"/usage/imports/{mine.pk}/"
    assert Api(make.reception(clinic)).get(path)[0] == 200
    assert Api(make.manager()).get(path)[0] == 200
    assert code(Api(make.manager(make.clinic())).get(path)) == (404, "not_found", None)


def test_reading_is_trusted_or_flagged_with_why_and_opens_a_discrepancy(api, clinic):
    now = timezone.now()
    device = make.device(clinic, counter=100, at=now - timedelta(days=30))
    path = f"/devices/{device.pk}/readings/"
    status, trusted = api.post(path, {"counter": 104, "read_at": (now - timedelta(hours=2)).isoformat()})
    assert (status, trusted["trusted"], trusted["flag"], trusted["why"]) == (201, True, None, None)
    status, doubtful = api.post(path, {"counter": 90, "read_at": (now - timedelta(hours=1)).isoformat()})
    assert (status, doubtful["trusted"], doubtful["flag"]) == (201, False, "counter_down")
    assert doubtful["why"]
    assert api.get(f"/devices/{device.pk}/")[1]["counter"] == 104
    assert code(api.post(path, {"counter": 104, "read_at": (now + timedelta(days=1)).isoformat()}))[:2] == (
        400,
        "in_the_future",
    )
    (discrepancy,) = api.rows("/usage/discrepancies/", device=device.pk)
    assert (discrepancy["kind"], discrepancy["state"], discrepancy["rental"]) == ("counter_down", "open", None)
    assert discrepancy["device"] == {"id": device.pk, "serial": device.serial}
    resolve = f"/usage/discrepancies/{discrepancy['id']}/resolve/"
    assert code(api.post(resolve, {"note": ""}))[:2] == (400, "blank")
    assert api.post(resolve, {"note": "Misread"})[1]["state"] == "closed"
    assert code(api.post(resolve, {"note": "Misread"}))[:2] == (409, "wrong_state")
