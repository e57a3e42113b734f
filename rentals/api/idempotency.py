"""`Idempotency-Key`: the same request twice has one effect and one answer (I4).

The row of the key goes in first; a parallel twin waits on its unique index until the first one has
committed, and then reads the stored answer. Effect and answer commit together or not at all.
"""

import hashlib
from collections.abc import Callable

from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from config.refusals import Refusal, invalid
from rentals.form_digest import digest_of_form
from rentals.models import StoredAnswer

HEADER = "Idempotency-Key"
LONGEST_KEY = 120


def answer_once(request: Request, respond: Callable[[], Response]) -> HttpResponse:
    """What `respond` answers, or what it answered when this key came first.

    `respond` never raises for a 4xx, which is an answer too; a 5xx is rolled back and not stored, so
    that the request can be repeated. Raises `idempotency_key_reused` (422) for another body.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return respond()
    if not 1 <= len(key) <= LONGEST_KEY:
        raise invalid(
            HEADER,
            _("Write a key of 1 to %(longest_key)s characters.") % {"longest_key": LONGEST_KEY},
            code="idempotency_key_invalid",
        )
    digest = digest_of(request)
    with transaction.atomic():
        stored, first = StoredAnswer.objects.get_or_create(
            user=request.user,  # type: ignore[misc]  # signed in, or RolePermission had refused
            method=request.method,
            path=request.path,
            key=key,
            defaults={"body_digest": digest, "created_at": timezone.now()},
        )
        return answer_and_keep(stored, respond) if first else repeat(stored, digest)


def answer_and_keep(stored: StoredAnswer, respond: Callable[[], Response]) -> Response:
    response = respond()
    if status.is_server_error(response.status_code) or is_momentary(response):
        transaction.set_rollback(True)
        return response
    stored.status = response.status_code
    stored.body = JSONRenderer().render(response.data)
    stored.save(update_fields=["status", "body"])
    return response


def is_momentary(response: Response) -> bool:
    """Whether the answer says "try again": kept, it would be the answer for ever."""
    return status.is_client_error(response.status_code) and response.data["errors"][0]["code"] == "busy"


def repeat(stored: StoredAnswer, digest: str) -> HttpResponse:
    if stored.body_digest != digest:
        raise Refusal(
            "idempotency_key_reused",
            _("This key was sent before with another body; send a new key for a new request."),
            status=422,
        )
    return HttpResponse(bytes(stored.body or b""), status=stored.status, content_type="application/json")


def digest_of(request: Request) -> str:
    """Tells bodies apart; of a form only the content counts, its boundary is new each time."""
    return digest_of_form(request) if is_form(request) else hashlib.sha256(request.body).hexdigest()


def is_form(request: Request) -> bool:
    return request.content_type.startswith("multipart/")
