"""The API against its own description: whatever the description allows or forbids is sent, and answered as it says."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, settings
from schemathesis.generation import GenerationMode

from config.models import ApiToken, OpeningHours
from rentals.models import UsageImport
from rentals.models.states import State
from tests import make

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("schema")]

# What the description cannot say: ids that exist, days in order, times that have come, texts that are not blank.
BEYOND_THE_DESCRIPTION = {
    "does_not_exist",
    "blank",
    "invalid",
    "invalid_choice",
    "in_the_future",
    "too_far_back",
    "out_of_reach",
    "no_offset",
    "required",
    "null_characters_not_allowed",
    "not_usage_data",
    "too_long",
    "unstorable",
}  # Keys are tested one by one in test_access.py; here every request carries a good one.
EXCLUDED = [schemathesis.checks.positive_data_acceptance, schemathesis.checks.ignored_auth]

EXAMPLES = int(os.environ.get("CALLUS_EXAMPLES", "4"))  # of each operation; `make drill` sends many more

schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
schema.app = get_wsgi_application()


class World:
    """Something of every kind, so that requests reach the verbs and not only the look-up of an id."""

    def __init__(self) -> None:
        now = timezone.now()
        then = now - timedelta(hours=2)
        clinic = make.clinic(at=then)
        OpeningHours.objects.create(clinic=clinic, weekday=6)  # the test may run on a Sunday
        manager = make.manager()
        rentals = [make.rental(state, clinic, at=then, ended=now, treatments=2, actor=manager) for state in State]
        device = make.device(clinic, at=then)
        self.headers = {"Authorization": f"Token {ApiToken.objects.issue(manager, now)}"}
        self.references = [rental.reference for rental in rentals]
        self.ids = {
            "clinic": clinic.pk,
            "patient": make.patient(clinic, at=now).pk,
            "device": device.pk,
            "part_number": device.model.part_number,
        }
        self.pks = {"devices": device.pk, "usage": UsageImport.objects.create(created_at=now).pk}

    def aim(self, case: Any, example: int) -> None:
        """Put real ids where the description can only ask for some number."""
        if "reference" in case.path_parameters:
            case.path_parameters["reference"] = self.references[example % len(self.references)]
        if "id" in case.path_parameters:
            case.path_parameters["id"] = self.pks[case.operation.path.split("/")[3]]
        for carrier in (case.body, case.query):
            if isinstance(carrier, dict):
                carrier.update({name: value for name, value in self.ids.items() if name in carrier})


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """One world for all, in one transaction, whose connection the application must not close after each request."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    with django_db_blocker.unblock(), transaction.atomic():
        yield World()
        transaction.set_rollback(True)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answer_is_one_that_the_description_names(case: Any, world: World) -> None:
    as_described = case.meta.generation.mode is GenerationMode.POSITIVE
    if as_described:
        world.aim(case, len(repr(case.body)))
    response = case.call(headers=world.headers)
    case.validate_response(response, excluded_checks=EXCLUDED)
    if as_described and response.status_code == 400:
        assert {error["code"] for error in response.json()["errors"]} <= BEYOND_THE_DESCRIPTION
