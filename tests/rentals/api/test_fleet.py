"""The report on the fleet over the API: who may ask, what may be asked, and how it is answered."""

import csv
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from openpyxl import load_workbook

from patients.models import Access
from rentals.fleet.definitions import DEFINITIONS
from rentals.fleet.exports import FORMATS
from rentals.fleet.figures import fleet_figures
from rentals.models.states import State
from tests import make
from tests.rentals.api.client import ROOT, Api, code

pytestmark = pytest.mark.django_db

REPORT = "/reports/fleet/"
CONTRACT = [
    "devices", "treatments_delivered", "remaining", "promised", "free", "utilisation_percent", "adherence_percent",
    "overdue", "income", "bonds_held", "runway_weeks",
]  # fmt: skip
DAYS = {"from": "2026-03-01", "to": "2026-03-28"}


def report(api: Api, **query: Any) -> dict[str, Any]:
    status, answer = api.get(REPORT, **query)
    assert status == 200, answer
    return answer


def test_report_has_the_fields_of_the_contract_and_its_period(api, clinic):
    make.rental(State.RETURNED, clinic)
    answer = report(api, **DAYS)
    assert [name for name in CONTRACT if name not in answer] == []
    assert (answer["from"], answer["to"], answer["clinic"]) == ("2026-03-01", "2026-03-28", clinic.pk)
    assert (answer["income"], answer["bonds_held"]) == ("120.00", "300.00")
    assert (answer["devices"], answer["remaining"], answer["runway_weeks"]) == (1, 329, 5.0)
    assert answer["by_condition"] == {
        "ready": 0, "quarantine": 1, "repair": 0, "recalled": 0, "lost": 0, "sold": 0, "retired": 0,
    }  # fmt: skip
    assert answer["by_availability"] == {"available": 0, "reserved": 0, "out": 0, "overdue": 0, "unavailable": 1}


def written(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal | date) else value


def test_report_says_what_the_figures_say(api, clinic):
    make.rental(State.ACTIVE, clinic)
    figures = fleet_figures([clinic], make.NOW.date(), make.NOW.date(), timezone.now())
    answer = report(api, **{"from": str(make.NOW.date()), "to": str(make.NOW.date())})
    for definition in DEFINITIONS:
        value = getattr(figures, definition.name)
        assert answer[definition.name] == written(value), definition.name
    assert answer["utilisation_percent"] == 50.0, "out from noon on"


def test_clinics_are_counted_together_and_one_by_one():
    clinics = [make.clinic("Bondi"), make.clinic("Hobart")]
    for clinic in clinics:
        make.device(clinic)
    answer = report(Api(make.auditor()))
    assert (answer["clinic"], answer["devices"]) == (None, 2)
    assert [(part["clinic"], part["name"], part["devices"]) for part in answer["by_clinic"]] == [
        (clinics[0].pk, "Bondi", 1),
        (clinics[1].pk, "Hobart", 1),
    ]
    one = report(Api(make.manager()), clinic=clinics[1].pk)
    assert (one["clinic"], one["devices"], len(one["by_clinic"])) == (clinics[1].pk, 1, 1)


def test_only_clinics_one_works_for_are_counted():
    here, there = make.clinic(), make.clinic()
    make.device(here)
    make.device(there)
    api = Api(make.manager(here))
    assert report(api)["devices"] == 1
    elsewhere = api.get(REPORT, clinic=there.pk)
    assert code(elsewhere) == (400, "does_not_exist", "clinic")
    nowhere = api.get(REPORT, clinic=there.pk + 1000)
    assert str(elsewhere[1]).replace(str(there.pk), "n") == str(nowhere[1]).replace(str(there.pk + 1000), "n")
    for suffix in ("csv", "xlsx", "pdf"):
        assert there.name.encode() not in downloaded(api, suffix)[1]


@pytest.mark.parametrize("role", ["reception", "clinician"])
@pytest.mark.parametrize("suffix", ["json", "csv", "xlsx", "pdf"])
def test_report_is_for_managers_and_auditors(role, suffix):
    assert code(Api(make.user(role)).get(REPORT, format=suffix)) == (403, "permission_denied", None)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"from": "2026-03-02", "to": "2026-03-01"}, ("invalid", "to")),
        ({"from": "2199-01-01"}, ("invalid", "from")),
        ({"from": "2026-02-30"}, ("invalid", "from")),
        ({"to": "1.3.2026"}, ("invalid", "to")),
        ({"to": "0001-01-01"}, ("out_of_reach", "to")),
        ({"from": ""}, ("blank", "from")),
        ({"form": "2026-03-01"}, ("unknown_field", "form")),
        ({"first": "2026-03-01"}, ("unknown_field", "first")),
        ({"format": "html"}, ("invalid_choice", "format")),
        ({"format": "CSV"}, ("invalid_choice", "format")),
        ({"clinic": "all"}, ("invalid", "clinic")),
        ({"clinic": "0"}, ("does_not_exist", "clinic")),
    ],
)
def test_wrong_question_is_named_with_its_field(api, query, expected):
    assert code(api.get(REPORT, **query)) == (400, *expected)
    assert code(api.get(REPORT, **query | {"format": query.get("format", "pdf")})) == (400, *expected)


def test_period_is_the_last_28_days_unless_asked_otherwise(api, clinic):
    today = clinic.day_of(timezone.now())
    answer = report(api)
    assert (answer["from"], answer["to"]) == (str(today - timedelta(days=27)), str(today))
    earlier = report(api, to="2026-03-28")
    assert (earlier["from"], earlier["to"]) == ("2026-03-01", "2026-03-28")
    assert report(api, **{"from": "2026-03-01"})["to"] == str(today)


@pytest.mark.parametrize("days", [("1850-01-01", "2199-12-31"), ("1850-01-01", "1850-01-01"), ("2199-12-31",) * 2])
def test_period_may_be_as_long_and_as_far_away_as_days_go(api, clinic, days):
    make.rental(State.RETURNED, clinic)
    answer = report(api, **dict(zip(("from", "to"), days, strict=True)))
    assert answer["income"] == ("120.00" if days[0] != days[1] else "0.00")


def downloaded(api: Api, suffix: str, **query: Any) -> tuple[Any, bytes]:
    answer = api.client.get(ROOT + REPORT, {"format": suffix, **query})
    assert answer.status_code == 200
    return answer, answer.content


@pytest.mark.parametrize(
    ("suffix", "content_type"),
    [
        ("csv", "text/csv; charset=utf-8"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("pdf", "application/pdf"),
    ],
)
def test_file_is_kept_under_a_name_of_its_own(suffix, content_type):
    clinic = make.clinic("Bondi Beach")
    make.clinic()
    answer, _ = downloaded(Api(make.auditor()), suffix, clinic=clinic.pk, **DAYS)
    assert answer["Content-Type"] == content_type
    name = f"fleet-bondi-beach-2026-03-01-to-2026-03-28.{suffix}"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'


def test_files_are_described_beside_the_json():
    [described] = [
        methods["get"]
        for path, methods in SchemaGenerator().get_schema(request=None, public=True)["paths"].items()
        if path.endswith(REPORT)
    ]
    kinds = {kind.content_type.partition(";")[0] for kind in FORMATS.values()}
    assert set(described["responses"]["200"]["content"]) == {"application/json"} | kinds


def test_files_say_what_the_json_says(api, clinic):
    make.rental(State.RETURNED, clinic)
    json = report(api, **DAYS)
    heading, row = csv.reader(StringIO(downloaded(api, "csv", **DAYS)[1].decode()))
    said = dict(zip(heading, row, strict=True))
    assert said["clinic"] == clinic.name
    names = [definition.name for definition in DEFINITIONS]
    assert [said[name] for name in names] == ["" if json[name] is None else str(json[name]) for name in names]
    sheet = load_workbook(BytesIO(downloaded(api, "xlsx", **DAYS)[1])).worksheets[0]
    assert [cell.value for cell in sheet[2]][3] == json["devices"]
    assert downloaded(api, "pdf", **DAYS)[1].startswith(b"%PDF")


def test_report_shows_no_patient_and_so_is_no_access_to_one(clinic):
    rental = make.rental(State.ACTIVE, clinic)
    user = make.manager(clinic)
    api = Api(user)
    shown = str(report(api)) + downloaded(api, "csv")[1].decode()
    assert rental.patient.family_name not in shown
    assert rental.reference not in shown
    assert not Access.objects.filter(user=user).exists()


@pytest.mark.parametrize("suffix", ["json", "csv", "xlsx", "pdf"])
def test_three_clinics_and_rentals_cost_the_queries_of_one(suffix):
    api = Api(make.manager())
    numbers = []
    for _ in range(3):
        make.rental(State.ACTIVE, at=timezone.now() - timedelta(days=3))
        with CaptureQueriesContext(connection) as queries:
            downloaded(api, suffix)
        numbers.append(len(queries))
    assert numbers[0] == numbers[1] == numbers[2]
