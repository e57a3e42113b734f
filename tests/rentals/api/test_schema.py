"""The API's description is complete: made without a warning, every operation with its errors."""

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def test_description_is_made_without_a_warning(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))


def test_description_is_openapi_3_1(schema):
    assert schema["openapi"].startswith("3.1")


def test_every_operation_says_what_it_does_and_how_it_refuses(schema):
    for methods in schema["paths"].values():
        for method, operation in methods.items():
            refusals = {"400", "401", "403"} | ({"409", "413", "415"} if method == "post" else set())
            assert refusals <= operation["responses"].keys(), operation["operationId"]
            assert operation["description"], operation["operationId"]
            keyed = any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
            assert (
                keyed
                == ("422" in operation["responses"])
                == (method == "post" and operation["operationId"] != "patients_search")
            )


def test_unknown_fields_are_ruled_out_in_the_description_too(schema):
    components = schema["components"]["schemas"]
    assert components["NewRental"]["additionalProperties"] is False
    assert components["NewRental"]["properties"]["planned_treatments"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 2147483647,
    }
