"""What cannot be right gets a 4xx that says so, in one format, and leaves nothing behind."""

import json
from typing import Any

import pytest

from patients.models import Patient
from rentals.models import Rental
from rentals.models.states import State
from tests import make
from tests.rentals.api.client import ROOT, Api, code
from tests.shared import shared

pytestmark = pytest.mark.django_db

JSON = "application/json"


def patient_of(where: Any, /, **changes: Any) -> dict[str, Any]:
    return {
        "given_name": "Ada",
        "family_name": "Example",
        "date_of_birth": "1990-05-17",
        "email": "ada@patients.example",
        "phone": "",
        "clinic": where.pk,
        "email_reminders": True,
        **changes,
    }


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("given_name", "", "blank"),
        ("given_name", "  ", "blank"),
        ("given_name", None, "null"),
        ("given_name", 7, "invalid"),
        ("given_name", ["Ada"], "invalid"),
        ("given_name", "A" * 121, "max_length"),
        ("given_name", "A\0da", "null_characters_not_allowed"),
        ("date_of_birth", "17.5.1990", "invalid"),
        ("date_of_birth", "1990-02-30", "invalid"),
        ("date_of_birth", "0001-01-01", "out_of_reach"),
        ("date_of_birth", "2199-12-31", "in_the_future"),
        ("email", "ada", "invalid"),
        ("clinic", 10**30, "does_not_exist"),
        ("clinic", "1", "invalid"),
        ("clinic", True, "invalid"),
        ("clinic", 1.0, "invalid"),
        ("clinic", {"id": 1}, "invalid"),
        ("email_reminders", "true", "invalid"),
        ("email_reminders", 1, "invalid"),
        ("nickname", "Ada", "unknown_field"),
        ("nick\0name", "Ada", "unknown_field"),
    ],
)
def test_wrong_value_is_named_with_its_field(api, clinic, field, value, expected):
    before = Patient.objects.count()
    assert code(api.post("/patients/", patient_of(clinic, **{field: value}))) == (400, expected, field)
    assert Patient.objects.count() == before


def test_fields_left_out_are_named_all_at_once(api):
    status, answer = api.post("/patients/", {"surname": "Example"})
    assert status == 400
    assert answer["type"] == "validation_error"
    named = {error["attr"]: error["code"] for error in answer["errors"]}
    assert named["surname"] == "unknown_field"
    assert named["family_name"] == named["clinic"] == "required"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"\xff\xfe{}",
        b'{"given_name": NaN}',
        b'{"given_name": "\\ud800"}',
        b"[" * 100_000,
        b'{"clinic": ' + b"9" * 5000 + b"}",
    ],
    ids=["nothing", "half", "list", "text", "null", "not UTF-8", "NaN", "surrogate", "deep", "long number"],
)
def test_body_that_is_no_json_object_is_400(api, body):
    status, answer = api.post("/patients/", body, content_type=JSON)
    assert status == 400
    assert answer["errors"][0]["code"] in {"parse_error", "invalid", "null", "required"}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_other_type_of_content_is_415(api, content_type):
    assert code(api.post("/patients/", b"given_name=Ada", content_type=content_type))[:2] == (
        415,
        "unsupported_media_type",
    )


TWELVE_MEGABYTES = b'{"name": "' + b"a" * (12 << 20) + b'"}'


@pytest.mark.parametrize("key", [None, "once"])
@pytest.mark.parametrize("path", ["/patients/", "/patients/search/", "/usage/imports/"])
def test_body_of_twelve_megabytes_is_413(api, path, key):
    body = TWELVE_MEGABYTES
    assert code(api.post(path, body, content_type=JSON, key=key)) == (413, "body_too_large", None)


@pytest.mark.parametrize("key", ["valid", "wrong"])
def test_body_is_read_to_its_end_whatever_the_answer(api, key):
    """Else the server hangs up while the caller is still sending, and the answer is lost on the way."""
    if key == "wrong":
        api.client.credentials(HTTP_AUTHORIZATION="Token wrong")
    answer = api.client.post(f"{ROOT}/patients/", b" " * (12 << 20), content_type=JSON)
    assert answer.status_code == (413 if key == "valid" else 401)
    assert answer.wsgi_request.read(1) == b""


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"condition": "broken"}, "condition"),
        ({"availability": "soon"}, "availability"),
        ({"clinic": "x"}, "clinic"),
        ({"clinic": 10**30}, "clinic"),
        ({"min_free": "-1"}, "min_free"),
        ({"min_free": "1e400000"}, "min_free"),
        ({"search": "\0"}, "search"),
        ({"ordering": "colour"}, "ordering"),
        ({"page_size": "0"}, "page_size"),
        ({"page_size": "1001"}, "page_size"),
        ({"page_size": "ten"}, "page_size"),
        ({"conditon": "ready"}, "conditon"),
        ({"condition": ""}, "condition"),
    ],
)
def test_filter_that_means_nothing_is_400(api, query, field):
    status, answer = api.get("/devices/", **query)
    assert (status, answer["errors"][0]["attr"]) == (400, field)


@pytest.mark.parametrize("name", ["overdue", "at_risk"])
def test_yes_or_no_of_a_filter_is_true_or_false(api, name):
    assert api.get("/rentals/", **{name: "true"})[0] == 200
    assert code(api.get("/rentals/", **{name: "perhaps"})) == (400, "invalid_choice", name)


@pytest.mark.parametrize("page", ["2", "0", "-1", "x", "9" * 5000])
def test_page_that_is_not_there_is_404(api, page):
    assert code(api.get("/devices/", page=page)) == (404, "not_found", None)


@pytest.mark.parametrize(
    "path", ["/nothing/", "/devices/x/", "/devices/" + "9" * 40 + "/", "/rentals/%00/", "/rentals/abc/", "/clinics"]
)
def test_address_that_is_not_there_is_404_in_the_same_format(api, path):
    assert code(api.get(path)) == (404, "not_found", None)


def test_other_method_is_405_in_the_same_format(api, clinic):
    answer = api.client.delete(f"{ROOT}/devices/")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST"


@pytest.mark.parametrize("field", ["starts_on", "due_on", "treatments", "clinic"])
def test_availability_names_what_is_missing(api, clinic, field):
    query = {"clinic": clinic.pk, "starts_on": "2026-03-02", "due_on": "2026-03-30", "treatments": 28}
    del query[field]
    assert code(api.get("/availability/", **query)) == (400, "required", field)


def booking_of(clinic: Any, **changes: Any) -> dict[str, Any]:
    return {
        "patient": make.patient(clinic).pk,
        "clinic": clinic.pk,
        "starts_on": "2198-03-05",
        "due_on": "2198-03-30",
        "planned_treatments": 28,
        "prescribed_per_day": 1,
        "indication": make.indication(),
        "screening": make.screening(),
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "expected", "field"),
    [
        ({"prescribed_per_day": 7}, "max_value", "prescribed_per_day"),
        ({"indication": "tibia"}, "invalid", "indication.non_field_errors"),
        ({"indication": {"kind": "sprain", "site": "tibia"}}, "invalid_choice", "indication.kind"),
        ({"indication": {"kind": "fresh", "site": "tibia", "side": "l"}}, "unknown_field", "indication.side"),
        ({"screening": {"gap": {"answer": "maybe"}}}, "invalid_choice", "screening.gap.answer"),
        ({"screening": {"mood": {"answer": "no"}}}, "unknown_field", "screening.mood"),
        ({"override": {"everything": "yes"}}, "unknown_field", "override.everything"),
        ({"wait": "yes"}, "invalid", "wait"),
    ],
)
def test_wrong_booking_is_named_with_its_field(api, clinic, changes, expected, field):
    make.device(clinic)
    before = Rental.objects.count()
    assert code(api.post("/rentals/", booking_of(clinic, **changes))) == (400, expected, field)
    assert Rental.objects.count() == before


@shared
def active() -> Rental:
    return make.rental(State.ACTIVE)


@pytest.mark.parametrize(
    ("verb", "body", "expected", "field"),
    [
        ("return", {"counter": -1, "parts": []}, "min_value", "counter"),
        ("return", {"counter": 100_001, "parts": []}, "max_value", "counter"),
        ("return", {"counter": 1, "parts": ["lid"]}, "invalid_choice", "parts.0"),
        ("return", {"counter": 1, "parts": [], "at": "2026-03-02T09:00:00"}, "no_offset", "at"),
        ("return", {"counter": 1, "parts": [], "at": "0001-01-01T00:00:00Z"}, "out_of_reach", "at"),
        ("return", {"counter": 1, "parts": [], "at": "2199-01-01T00:00:00Z"}, "in_the_future", "at"),
        ("return", {"counter": 1, "parts": [], "at": 1772445600}, "invalid", "at"),
        ("payments", {"kind": "hire", "amount": "-5.00", "method": "card"}, "min_value", "amount"),
        ("payments", {"kind": "hire", "amount": "0.00", "method": "card"}, "invalid", "amount"),
        ("payments", {"kind": "hire", "amount": "5.005", "method": "card"}, "max_decimal_places", "amount"),
        ("payments", {"kind": "hire", "amount": "100000.00", "method": "card"}, "max_digits", "amount"),
        ("payments", {"kind": "hire", "amount": "1e9999", "method": "card"}, "max_digits", "amount"),
        ("payments", {"kind": "hire", "amount": "NaN", "method": "card"}, "invalid", "amount"),
        ("payments", {"kind": "gift", "amount": "5.00", "method": "card"}, "invalid_choice", "kind"),
        ("payments", {"kind": "hire", "amount": "5.00", "method": "shells"}, "invalid_choice", "method"),
        ("lost", {"reason": "a\0b"}, "null_characters_not_allowed", "reason"),
        ("swap", {"counter_out": 1, "device": 999_999_999, "counter_in": 1}, "does_not_exist", "device"),
    ],
)
def test_wrong_wish_of_a_verb_is_named_and_leaves_the_rental_alone(active, verb, body, expected, field):
    api = Api(make.manager())
    assert code(api.post(f"/rentals/{active.reference}/{verb}/", body)) == (400, expected, field)
    active.refresh_from_db()
    assert active.state == State.ACTIVE
    assert active.moves.last().verb == "hand_over"


def test_nul_deep_in_a_checklist_is_400(api, clinic):
    rental = make.rental(State.RETURNED, clinic)
    body = {"passed": True, "checks": {"a": [{"b": "\0"}]}, "fees": []}
    assert code(api.post(f"/rentals/{rental.reference}/inspect/", body)) == (400, "unstorable", "checks")


def test_serial_twice_is_a_conflict(api, clinic):
    device = make.device(clinic)
    body = {
        "serial": device.serial,
        "part_number": device.model.part_number,
        "clinic": clinic.pk,
        "condition": "ready",
    }
    status, answer = api.post("/devices/", body)
    assert (status, answer["errors"][0]["code"]) == (409, "duplicate_device")
    assert answer["conflict"] is None
    assert answer["alternatives"] == []
    assert json.dumps(answer)
    assert code(api.post("/devices/", {**body, "part_number": "71\0"})) == (
        400,
        "null_characters_not_allowed",
        "part_number",
    )
