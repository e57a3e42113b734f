"""Recorded wrongly, over the API: a manager names the other device, or the other patient."""

from datetime import timedelta

import pytest
from django.utils import timezone

from config.models import User
from rentals.models.states import State
from tests import make
from tests.rentals.api.client import Api, code

pytestmark = pytest.mark.django_db


@pytest.fixture
def rental(clinic):
    return make.rental(State.ACTIVE, clinic, at=timezone.now() - timedelta(days=2))


def put_right(api, rental, what, **body):
    return api.post(f"/rentals/{rental.reference}/correct-{what}/", body)


def test_another_device_went_out(api, clinic, rental):
    device = make.device(clinic)
    status, answer = put_right(api, rental, "device", device=device.pk, counter_out=0, reason="Wrong shelf")
    assert (status, answer["device"]["id"]) == (200, device.pk)
    assert [holding["counter_out"] for holding in answer["holdings"]] == [0]


def test_two_that_were_mixed_up_are_both_put_right(api, clinic, rental):
    other = make.rental(State.ACTIVE, clinic, at=timezone.now() - timedelta(days=1))
    noted, device = rental.holdings.get().device, other.holdings.get().device
    put_right(api, rental, "device", device=device.pk, counter_out=0, reason="Wrong shelf")
    assert api.get(f"/rentals/{other.reference}/")[1]["device"]["id"] == noted.pk


def test_it_is_another_patients(api, clinic, rental):
    right = make.patient(clinic)
    status, answer = put_right(api, rental, "patient", patient=right.pk, reason="A namesake")
    assert (status, answer["patient"]) == (200, right.pk)


@pytest.mark.parametrize(
    ("what", "body", "expected"),
    [
        ("device", {"counter_out": 0, "reason": " "}, (400, "blank", "reason")),
        ("device", {"counter_out": -1, "reason": "x"}, (400, "min_value", "counter_out")),
        ("patient", {"reason": "x"}, (400, "required", "patient")),
    ],
)
def test_what_cannot_be_right_is_said_by_field(api, clinic, rental, what, body, expected):
    device = {"device": make.device(clinic).pk} if what == "device" else {}
    assert code(put_right(api, rental, what, **device, **body)) == expected


@pytest.mark.parametrize("role", sorted(set(User.Role.values) - {User.Role.MANAGER}))
def test_only_a_manager_puts_right(clinic, rental, role):
    api = Api(make.user(role, clinic))
    assert put_right(api, rental, "device")[0] == put_right(api, rental, "patient")[0] == 403


def test_what_happened_to_two_rentals_at_once_says_who_has_the_device(api, clinic, rental):
    gone = make.rental(State.LOST, clinic, at=timezone.now() - timedelta(days=3), ended=timezone.now())
    device = gone.holdings.get().device
    answer = put_right(api, rental, "device", device=device.pk, counter_out=0, reason="Wrong shelf")
    assert code(answer) == (409, "device_unavailable", "device")
    assert answer[1]["conflict"]["reference"] == gone.reference
