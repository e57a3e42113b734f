"""Every error in one format: `type`, `errors[{code, detail, attr}]`, and at a 409 `conflict` and `alternatives`."""

from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_standardized_errors.handler import exception_handler as standardized_handler
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.response import Response

from config.refusals import Refusal


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"
    default_detail = gettext_lazy("This is more than one request may carry; send it in parts, or usage data as a file.")


def exception_handler(error: Exception, context: Any) -> Response | None:
    """The answer to `error`; what nobody foresaw becomes a 500 that tells nothing and is logged."""
    if isinstance(error, Refusal):
        return answer_to(error)
    if isinstance(error, RequestDataTooBig):
        error = TooLarge()
    elif isinstance(error, SuspiciousOperation):
        error = ParseError(_("This request cannot be read; compare it with the documentation."))
    return standardized_handler(error, context)


def answer_to(refusal: Refusal) -> Response:
    """How the API says a Refusal."""
    body: dict[str, Any] = {
        "type": "validation_error" if refusal.status == status.HTTP_400_BAD_REQUEST else "client_error",
        "errors": [{"code": refusal.code, "detail": refusal.message, "attr": refusal.field}],
    }
    if refusal.status == status.HTTP_409_CONFLICT:
        body |= {"conflict": refusal.conflict, "alternatives": refusal.alternatives}
    return Response(body, status=refusal.status)
