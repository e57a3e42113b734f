"""What a rental tells of its past: its moves with their reasons, and what was overridden at the booking."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.models import Clinic
from rentals.lifecycle import record
from rentals.models import Rental
from rentals.models.states import State
from tests import make
from tests.rentals.api.client import Api
from tests.rentals.api.test_verbs import booking_of, verb

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def shown(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def detail(api: Api, rental: Rental) -> dict[str, Any]:
    status, answer = api.get(f"/rentals/{rental.reference}/")
    assert status == 200, answer
    return answer


def test_whole_short_life_shows_its_history(clinic):
    user, then = make.manager(clinic), timezone.now() - 2 * DAY
    api = Api(user)
    rental = make.rental(State.RESERVED, clinic, at=then, actor=user)
    out, back = then + timedelta(hours=1), then + DAY
    verb(api, rental, "sign", name="Ada", accepted_terms_version=1)
    verb(api, rental, "payments", kind="bond", amount="300.00", method="card")
    delivery = {"method": "desk"}
    verb(api, rental, "hand-over", counter=0, parts=list(make.ALL_PARTS), delivery=delivery, at=shown(out))
    verb(api, rental, "return", counter=1, parts=list(make.ALL_PARTS), notes="", at=shown(back))
    status, closed = verb(api, rental, "inspect", passed=True, checks={}, fees=[])
    assert (status, closed["state"]) == (200, "closed")
    history = detail(api, rental)["history"]
    assert list(history[0]) == ["verb", "state", "at", "recorded_at", "by", "reason"]
    assert [(move["verb"], move["state"]) for move in history] == [
        ("book", "reserved"),
        ("sign", "reserved"),
        ("pay", "reserved"),
        ("hand_over", "active"),
        ("take_back", "returned"),
        ("inspect", "closed"),
    ]
    assert {(move["by"], move["reason"]) for move in history} == {(user.username, "")}
    booked, _, _, handed_over, returned, _ = history
    assert booked["at"] == booked["recorded_at"] == shown(then)
    assert (handed_over["at"], returned["at"]) == (shown(out), shown(back))
    assert handed_over["recorded_at"] > handed_over["at"], "it was entered later than it happened"


@pytest.mark.parametrize(
    ("state", "name", "expected"),
    [
        (State.RESERVED, "cancel", ("cancel", "cancelled")),
        (State.ACTIVE, "lost", ("report_lost", "lost")),
        (State.ACTIVE, "kept", ("report_kept", "kept")),
    ],
)
def test_reason_of_an_early_end_can_be_read(clinic, state, name, expected):
    user = make.manager(clinic)
    rental = make.rental(state, clinic, at=timezone.now() - DAY)
    _, answer = verb(Api(user), rental, name, reason="Moved abroad")
    last = answer["history"][-1]
    assert (last["verb"], last["state"]) == expected
    assert (last["reason"], last["by"]) == ("Moved abroad", user.username)


def test_reason_of_being_at_risk_can_be_read(api, clinic):
    device = make.device(clinic)
    rental = make.rental(State.RESERVED, clinic, device=device)
    notice = {"part_number": device.model.part_number, "serials": [device.serial], "reason": "Notice 7"}
    recall = api.post("/recalls/", notice)[1]["id"]
    last = detail(api, rental)["history"][-1]
    assert (last["verb"], last["state"]) == ("at_risk", "reserved")
    assert last["reason"] == f"recall {recall}: from {device.serial} to no device"


def test_move_that_nobody_is_named_for_is_by_null(api, clinic):
    rental = make.rental(State.RESERVED, clinic)
    record(rental, "at_risk", old=rental.state, at=make.NOW, now=make.NOW, actor=None, reason="recall")
    last = detail(api, rental)["history"][-1]
    assert (last["verb"], last["by"]) == ("at_risk", None)


def booked(api: Api, clinic: Clinic, **wishes: Any) -> dict[str, Any]:
    status, rental = api.post("/rentals/", booking_of(clinic, **wishes))
    assert status == 201, rental
    return rental


def test_override_shows_the_reason_given_at_the_booking(clinic):
    make.device(clinic)
    wishes = {"planned_treatments": 344, "override": {"capacity": "New card ordered"}}
    named = make.device(clinic).pk
    more_than_is_left = booked(Api(make.manager(clinic)), clinic, **wishes, device=named)
    assert more_than_is_left["override"] == {"capacity": "New card ordered", "pathological": None}
    fracture = {"indication": make.indication("pathological"), "override": {"pathological": "Stable"}}
    pathological = booked(Api(make.clinician(clinic)), clinic, **fracture)
    assert pathological["override"] == {"capacity": None, "pathological": "Stable"}


def test_accepted_unknown_capacity_is_shown(api, clinic):
    device = make.device(clinic, nominal=None)
    unknown = booked(api, clinic, device=device.pk, accept_unknown_capacity=True)
    assert unknown["accept_unknown_capacity"] is True
    make.device(clinic)
    plain = booked(api, clinic)
    assert plain["accept_unknown_capacity"] is False
    assert plain["override"] == {"capacity": None, "pathological": None}


def test_three_moves_cost_no_more_queries_than_one(clinic):
    rental = make.rental(State.RESERVED, clinic, at=timezone.now())
    api = Api(make.manager(clinic))

    def queries(moves: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert len(detail(api, rental)["history"]) == moves
        return len(captured)

    one = queries(1)
    for pinned in (True, False):
        verb(Api(make.manager(clinic)), rental, "pin", pinned=pinned)
    assert queries(3) == one
