"""A form sent twice (a double click, a reload, back and again) has one effect and one answer."""

import hashlib
from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseRedirectBase

from config.models import User
from config.refusals import Refusal
from rentals.models import StoredAnswer

FIELD = "once"  # written into each form by the tag `once`
LONGEST_KEY = 120


def act_once(request: HttpRequest, user: User, now: datetime, act: Callable[[], HttpResponse]) -> HttpResponse:
    """What `act` answers; for a form that was sent before, the way to where it led then.

    A refusal raised by `act` takes the note back, so that the corrected form can be sent. Raises
    `already_sent` when the form comes again with other entries.
    """
    key = request.POST.get(FIELD, "")[:LONGEST_KEY]
    if not key:
        return act()
    digest = digest_of(request)
    with transaction.atomic():
        stored, first = StoredAnswer.objects.get_or_create(
            user=user,
            method="POST",
            path=request.path,
            key=key,
            defaults={"body_digest": digest, "created_at": now},
        )
        if not first:
            return again(stored, digest)
        response = act()
        if isinstance(response, HttpResponseRedirectBase):
            StoredAnswer.objects.filter(pk=stored.pk).update(status=response.status_code, body=response.url.encode())
        else:  # a form shown again: nothing was done
            transaction.set_rollback(True)
    return response


def again(stored: StoredAnswer, digest: str) -> HttpResponse:
    if stored.body_digest != digest:
        raise Refusal(
            "already_sent",
            "This form was sent before with other entries, and those were recorded. Look at what is there now, "
            "then open the form anew for anything else.",
        )
    return HttpResponseRedirect(bytes(stored.body or b"").decode())


def digest_of(request: HttpRequest) -> str:
    """Tells forms with different entries apart, the names and sizes of files among them."""
    entries = sorted((name, values) for name, values in request.POST.lists() if name != "csrfmiddlewaretoken")
    files = sorted((name, file.name, file.size) for name, sent in request.FILES.lists() for file in sent)
    return hashlib.sha256(repr((entries, files)).encode()).hexdigest()
