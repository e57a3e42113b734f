"""Looking for a device through the API: what fits and why, what would, and what no rental can have."""

from collections.abc import Iterator

import pytest
import time_machine

from rentals.models import Rental
from tests import make
from tests.rentals.api.client import Api, code

pytestmark = pytest.mark.django_db
DAYS = {"starts_on": "2026-03-02", "due_on": "2026-03-30"}


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """Monday noon, on whatever day the test runs."""
    with time_machine.travel(make.NOW, tick=False) as traveller:
        yield traveller


def test_availability_says_what_fits_best_first_and_why_the_others_do_not():
    clinic = make.clinic()
    worn = make.device(clinic, counter=300)
    fresh = make.device(clinic)
    unknown = make.device(clinic, nominal=None)
    make.device(clinic, counter=340)
    make.device(clinic, condition="repair")
    asked = {"clinic": clinic.pk, "starts_on": "2026-03-02", "due_on": "2026-03-30", "treatments": 28}
    api = Api(make.auditor())
    status, answer = api.get("/availability/", **asked)
    assert (status, answer["count"], answer["next"], answer["alternatives"]) == (200, 2, None, [])
    assert [offer["device"]["id"] for offer in answer["results"]] == [worn.pk, fresh.pk]
    assert answer["why_not"] == {"not_ready": 1, "unknown_capacity": 1, "too_few_treatments": 1}
    assert answer["results"][0] == {
        "device": {
            "id": worn.pk,
            "serial": worn.serial,
            "model": {
                "id": worn.model_id,
                "name": "Exogen 250",
                "part_number": worn.model.part_number,
                "nominal_treatments": 343,
            },
            "condition": "ready",
            "availability": "available",
        },
        "free_treatments": 43,
        "reason": "It has 43 free treatments and would keep 15 after this course of 28; the next best would keep 315.",
    }
    assert [(offer["device"]["id"], offer["free_treatments"]) for offer in answer["unknown_capacity"]] == [
        (unknown.pk, None)
    ]
    first, second = (api.get("/availability/", **asked, page_size=1, page=page)[1] for page in (1, 2))
    assert [first["results"], second["results"]] == [answer["results"][:1], answer["results"][1:]]
    assert "page=2" in first["next"]


def test_availability_where_nothing_fits_says_what_would():
    here, there = make.clinic(), make.clinic("Harbour")
    held = make.rental("reserved", here).holdings.get().device
    other = make.device(there)
    asked = {"clinic": here.pk, "starts_on": "2026-03-02", "due_on": "2026-03-30", "treatments": 28}
    _, answer = Api(make.reception()).get("/availability/", **asked)
    assert (answer["count"], answer["results"], answer["why_not"]) == (0, [], {"blocked": 1})
    later = {"starts_on": "2026-04-01", "due_on": "2026-04-29", "device": {"id": held.pk, "serial": held.serial}}
    elsewhere = {
        "clinic": {"id": there.pk, "name": "Harbour"},
        "device": {"id": other.pk, "serial": other.serial},
    }
    assert answer["alternatives"] == [later, elsewhere]
    # Only what the asker may see.
    assert Api(make.reception(here)).get("/availability/", **asked)[1]["alternatives"] == [later]


# What no rental can have, as it is refused when a device is looked for and when it is booked; what would work.
IMPOSSIBLE = [
    ({"due_on": "2026-03-01"}, (400, "invalid", "due_on"), "choose 3 March 2026 or a later day"),
    ({"due_on": "2026-03-02"}, (400, "invalid", "due_on"), "choose 3 March 2026 or a later day"),
    ({"due_on": "2028-03-02"}, (400, "invalid", "due_on"), "here until 1 March 2028"),
    ({"treatments": 0}, (400, "min_value", "treatments"), "greater than or equal to 1"),
    ({"treatments": 10_000}, (400, "invalid", "treatments"), "the most that one here has free is 300"),
    ({"treatments": 2**31}, (400, "max_value", "treatments"), "less than or equal to 2147483647"),
    ({"treatments": 10**30}, (400, "max_value", "treatments"), "less than or equal to 2147483647"),
    ({"starts_on": "2026-02-26"}, (400, "too_far_back", "starts_on"), "at most 3 days back"),
    ({"starts_on": "2026-03-08"}, (409, "clinic_closed", "starts_on"), "the next open day is Monday 9 March 2026"),
    ({"due_on": "2026-03-29"}, (409, "clinic_closed", "due_on"), "the next open day is Monday 30 March 2026"),
    ({"starts_on": "1700-01-01"}, (400, "out_of_reach", "starts_on"), "Write a day from 1850-01-01"),
    ({"clinic": 999_999}, (400, "does_not_exist", "clinic"), "the lists have the ids"),
    ({"clinic": 10**30}, (400, "does_not_exist", "clinic"), "the lists have the ids"),
]


def look_for(api, clinic, changes):
    return api.get("/availability/", **{"clinic": clinic.pk, **DAYS, "treatments": 28, **changes})


def book_with(api, clinic, changes):
    changes = {("planned_treatments" if name == "treatments" else name): value for name, value in changes.items()}
    course = {"planned_treatments": 28, "prescribed_per_day": 1}
    who = {"patient": make.patient(clinic).pk, "clinic": clinic.pk}
    asked = {"indication": make.indication(), "screening": make.screening()}
    return api.post("/rentals/", {**who, **DAYS, **course, **asked, **changes})


@pytest.mark.parametrize("ask", [look_for, book_with])
@pytest.mark.parametrize(("changes", "expected", "said"), IMPOSSIBLE)
def test_what_no_rental_can_have_is_refused_with_what_would_work(ask, changes, expected, said):
    clinic = make.clinic()
    make.device(clinic, counter=43)
    answer = ask(Api(make.reception(clinic)), clinic, changes)
    status, refused_as, field = code(answer)
    assert (status, refused_as, field.replace("planned_treatments", "treatments")) == expected
    assert said in answer[1]["errors"][0]["detail"]
    if status == 409:
        assert answer[1]["alternatives"] == [{field: {"starts_on": "2026-03-09", "due_on": "2026-03-30"}[field]}]
    assert Rental.objects.count() == 0


def test_a_device_is_added_with_its_dates_and_offered_within_them():
    clinic = make.clinic()
    api = Api(make.manager(clinic))
    body = {"serial": "9", "part_number": make.device_model().part_number, "clinic": clinic.pk, "condition": "ready"}
    status, added = api.post("/devices/", {**body, "shelf_until": "2026-03-29", "service_due_on": None})
    assert status == 201
    _, shown = api.get(f"/devices/{added['id']}/")
    assert (shown["shelf_until"], shown["service_due_on"]) == ("2026-03-29", None)
    asked = {"clinic": clinic.pk, **DAYS, "treatments": 28}
    assert api.get("/availability/", **asked)[1]["why_not"] == {"shelf_or_service": 1}
    assert api.get("/availability/", **{**asked, "due_on": "2026-03-28"})[1]["count"] == 1
