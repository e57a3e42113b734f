"""Who gets in: keys, roles, clinics, and views about which nobody decided."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import URLPattern
from rest_framework.serializers import Serializer

from config.models import ApiToken, User
from config.roles import MATRIX
from devices.models import Device
from rentals.api import documentation
from rentals.api.endpoint import Endpoint, Operation
from rentals.api.urls import urlpatterns
from rentals.models import Rental
from rentals.models.states import State
from tests import make
from tests.rentals.api.client import ROOT, Api, code
from tests.shared import shared

pytestmark = pytest.mark.django_db

OPEN = {documentation.Schema, documentation.Documentation, documentation.Nothing}


def view_of(pattern: URLPattern) -> Any:
    callback: Any = pattern.callback
    return callback.cls


ENDPOINTS: list[tuple[URLPattern, str]] = [
    (pattern, method)
    for pattern in urlpatterns
    if view_of(pattern) not in OPEN
    for method in view_of(pattern).operations
]
NAMES = [f"{method} {pattern.pattern}" for pattern, method in ENDPOINTS]


def address(pattern: URLPattern, pk: int = 0, reference: str = "0") -> str:
    return "/" + str(pattern.pattern).replace("<int:pk>", str(pk)).replace("<reference:reference>", reference)


def ask(api: Api, method: str, path: str) -> tuple[int, dict]:
    return api.get(path) if method == "GET" else api.post(path)


def test_every_operation_is_known_by_a_name_of_its_own():
    names = [view_of(pattern).operations[method].id for pattern, method in ENDPOINTS]
    assert len(set(names)) == len(names) == 36


@shared
def users() -> dict[User.Role, User]:
    """By role, one who works at every clinic."""
    return {role: make.user(role) for role in User.Role}


@shared
def theirs() -> Rental:
    """Of a clinic other than one's own."""
    return make.rental(State.ACTIVE)


@shared
def of_both(theirs) -> tuple[User, User]:
    """The manager of one clinic, and that of the other."""
    return make.manager(make.clinic()), make.manager(theirs.clinic)


@pytest.mark.parametrize(("pattern", "method"), ENDPOINTS, ids=NAMES)
def test_each_operation_asks_for_a_key_and_for_a_role_that_may(users, pattern, method):
    path = address(pattern)
    answer = Client(raise_request_exception=False).generic(method, ROOT + path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    allowed = MATRIX[view_of(pattern).operations[method].action]
    for role, user in users.items():
        status = ask(Api(user), method, path)[0]
        assert (status == 403) == (role not in allowed), (role, status)


@pytest.mark.parametrize(("pattern", "method"), [pair for pair in ENDPOINTS if "<" in str(pair[0].pattern)])
def test_what_belongs_to_another_clinic_is_not_there(theirs, of_both, pattern, method):
    path = address(pattern, pk=theirs.holdings.get().device_id, reference=theirs.reference)
    stranger, owner = map(Api, of_both)
    assert code(ask(stranger, method, path)) == (404, "not_found", None)
    if "usage" not in path:
        assert ask(owner, method, path)[0] != 404


def test_lists_show_only_the_clinics_one_works_for(theirs):
    here = make.clinic()
    api = Api(make.manager(here))
    assert [clinic["id"] for clinic in api.rows("/clinics/")] == [here.pk]
    assert api.rows("/devices/") == []
    assert api.rows("/rentals/") == []
    assert api.post("/patients/search/", {"name": theirs.patient.family_name}) == (200, {"matches": []})


def test_ids_of_another_clinic_in_a_body_read_like_ids_of_nobody(theirs):
    here, there = make.clinic(), theirs.clinic
    device = theirs.holdings.get().device
    body = {"patient": theirs.patient_id, "clinic": there.pk, "device": device.pk}
    api = Api(make.manager(here))
    status, answer = api.post("/rentals/", body)
    problems = {error["attr"]: error["code"] for error in answer["errors"]}
    assert status == 400
    assert [problems[name] for name in body] == ["does_not_exist"] * 3
    assert answer == {**api.post("/rentals/", body)[1]}
    device_body = {"serial": "1", "part_number": device.model.part_number, "clinic": there.pk, "condition": "ready"}
    assert code(api.post("/devices/", device_body)) == (400, "does_not_exist", "clinic")


@pytest.mark.parametrize(
    "authorization", ["Token wrong", "Token", "Token \u00e9", "Bearer {key}", "Basic {key}", "{key}", ""]
)
def test_anything_but_a_valid_key_is_401(authorization):
    key = ApiToken.objects.issue(make.manager(), make.NOW)
    answer = Client().get(f"{ROOT}/clinics/", headers={"Authorization": authorization.format(key=key)})
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] in {"authentication_failed", "not_authenticated"}


def test_key_of_somebody_who_has_left_opens_nothing():
    user = make.manager()
    api = Api(user)
    assert api.get("/clinics/")[0] == 200
    user.is_active = False
    user.save(update_fields=["is_active"])
    assert code(api.get("/clinics/")) == (401, "authentication_failed", None)


def test_session_of_a_browser_opens_nothing_here():
    client = Client()
    client.force_login(make.manager())
    assert client.get(f"{ROOT}/clinics/").status_code == 401


def test_command_prints_a_key_that_works_and_keeps_only_its_hash(capsys):
    user = make.manager()
    call_command("api_token", user.username)
    key = capsys.readouterr().out.strip()
    assert Client().get(f"{ROOT}/clinics/", headers={"Authorization": f"Token {key}"}).status_code == 200
    assert key not in str(list(ApiToken.objects.values()))
    with pytest.raises(CommandError, match="No active user"):
        call_command("api_token", "nobody")


def test_history_names_the_user_of_the_key():
    clinic = make.clinic()
    user = make.manager(clinic)
    body = {"serial": "9", "part_number": make.device_model().part_number, "clinic": clinic.pk, "condition": "ready"}
    status, added = Api(user).post("/devices/", body)
    assert status == 201
    device: Any = Device.objects.get(pk=added["id"])
    event = device.events.get()
    assert event.pgh_context.metadata["user"] == user.pk


def test_view_without_an_action_is_refused_when_the_code_is_loaded():
    with pytest.raises(ImproperlyConfigured, match="Forgotten"):

        class Forgotten(Endpoint):
            pass

    with pytest.raises(ImproperlyConfigured, match="Misspelt"):

        class Misspelt(Endpoint):
            operations = {"GET": Operation("misspelt", "devices.raed", Serializer)}


def test_nobody_but_those_signed_in_reads_the_documentation(settings):
    paths = [f"{ROOT}/schema/", f"{ROOT}/docs/"]
    settings.EMBEDDED = True
    assert [Client().get(path).status_code for path in paths] == [200, 200]
    settings.EMBEDDED = False
    assert [Client(raise_request_exception=False).get(path).status_code for path in paths] == [401, 401]
    signed_in = Client()
    signed_in.force_login(make.auditor())
    assert [signed_in.get(path).status_code for path in paths] == [200, 200]


def test_documentation_page_loads_nothing_from_elsewhere(settings):
    settings.EMBEDDED = True
    page = Client().get(f"{ROOT}/docs/").content.decode()
    assert "//" not in page.replace("<!DOCTYPE html>", "")
    assert "<script>" not in page
