"""The API's description (OpenAPI 3.1), read from the operations of the views."""

from typing import Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema as SpectacularSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from rentals.api.authentication import SCHEME
from rentals.api.endpoint import BaseList, Endpoint, Operation
from rentals.api.fields import Input
from rentals.api.idempotency import HEADER, LONGEST_KEY


class Error(serializers.Serializer):
    code = serializers.CharField(help_text="Stable; programs may rely on it.")
    detail = serializers.CharField(help_text="For the person at the desk: what to do next.")
    attr = serializers.CharField(allow_null=True, help_text="The field to correct.")


class ErrorAnswer(serializers.Serializer):
    type = serializers.ChoiceField(["validation_error", "client_error", "server_error"])
    errors = Error(many=True)  # type: ignore[assignment]  # a serializer's own attribute, but the format's name too


class ConflictAnswer(ErrorAnswer):
    """The state of things is against it."""

    conflict = serializers.DictField(allow_null=True, help_text="What is in the way: a reference, dates.")
    alternatives = serializers.ListField(
        child=serializers.DictField(),
        help_text="What would fit: another device; another day, with a device free then; another site with a device; "
        "a shorter first period with a device, and `then` a second device for the rest.",
    )


CONFLICT = OpenApiExample(
    "A device that is taken",
    value={
        "type": "client_error",
        "errors": [
            {
                "code": "device_unavailable",
                "detail": "Device 1121004711 cannot be had on these days; choose another device or other days.",
                "attr": "device",
            }
        ],
        "conflict": {
            "reference": "7KQ2M9XA",
            "starts_on": "2026-03-02",
            "due_on": "2026-03-30",
            "free_from": "2026-04-01",
        },
        "alternatives": [{"device": {"id": 7, "serial": "1121004712"}, "free_treatments": 120}],
    },
    response_only=True,
    status_codes=["409"],
)


NOTHING_FITS = OpenApiExample(
    "No device for these days and treatments",
    value={
        "type": "client_error",
        "errors": [
            {
                "code": "device_unavailable",
                "detail": "No device fits these dates and treatments; see what would fit, or choose other dates.",
                "attr": None,
            }
        ],
        "conflict": {"why_not": {"blocked": 11, "not_ready": 2}},
        "alternatives": [
            {"starts_on": "2026-03-16", "due_on": "2026-04-13", "device": {"id": 7, "serial": "1121004712"}},
            {"clinic": {"id": 2, "name": "Harbour"}, "device": {"id": 31, "serial": "1121004799"}},
            {
                "device": {"id": 7, "serial": "1121004712"},
                "starts_on": "2026-03-02",
                "due_on": "2026-03-16",
                "treatments": 14,
                "then": {
                    "device": {"id": 9, "serial": "1121004730"},
                    "starts_on": "2026-03-16",
                    "due_on": "2026-03-30",
                    "treatments": 14,
                },
            },
        ],
    },
    response_only=True,
    status_codes=["409"],
)


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "rentals.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": f"`{SCHEME} <key>`; `manage.py api_token USERNAME` prints a key.",
        }


class AutoSchema(SpectacularSchema):
    """Describes an Endpoint by its `operations`."""

    @property
    def operation(self) -> Operation:
        return cast(Endpoint, self.view).operations[self.method]

    def _is_list_view(self, serializer: Any = None) -> bool:
        return self.method == "GET" and isinstance(self.view, BaseList)

    def get_operation_id(self) -> str:
        return self.operation.id

    def get_tags(self) -> list[str]:
        return [self.operation.id.partition("_")[0]]

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)
        if isinstance(serializer, Input):
            schema["additionalProperties"] = False
        return schema

    def get_override_parameters(self) -> list[Any]:
        parameters: list[Any] = [self.operation.query] if self.operation.query().fields else []
        if self.method == "POST" and not self.operation.repeatable:
            parameters.append(
                OpenApiParameter(
                    HEADER,
                    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
                    OpenApiParameter.HEADER,
                    description="The same key, the same answer: send a request again without doing it twice.",
                )
            )
        return parameters

    def get_request_serializer(self) -> Any:
        form = self.operation.form
        return {"application/json": self.operation.input, "multipart/form-data": form} if form else self.operation.input

    def get_response_serializers(self) -> Any:
        errors = {status: OpenApiResponse(ErrorAnswer, text) for status, text in self.errors().items()}
        if self.method == "POST" or self.operation.refuses:
            examples = [CONFLICT, NOTHING_FITS]
            errors[409] = OpenApiResponse(ConflictAnswer, "The state of things is against it.", examples)
        return {self.operation.status: self.operation.output} | errors

    def errors(self) -> dict[int, str]:
        """What may be answered instead, by status."""
        post = self.method == "POST"
        has_query = bool(self.operation.query().fields) or self._is_list_view()
        found = {
            400: "The request itself cannot be right." if post or has_query else "An unknown parameter.",
            401: "No valid key.",
            403: "Your role may not do this.",
        }
        if "{" in self.path or self._is_list_view():
            found[404] = "Not there, or not for you to see."
        if post:
            found |= {413: "More than one request may carry.", 415: "Not the type of content expected."}
        if post and not self.operation.repeatable:
            found[422] = "The key was sent before with another body."
        return found
