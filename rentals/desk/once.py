"""A form sent twice (a double click, a reload, back and again) has one effect and one answer."""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal
from rentals.form_digest import digest_of_form
from rentals.models import StoredAnswer

FIELD = "once"  # written into each form by the tag `once`
LONGEST_KEY = 120


def answered_before(request: HttpRequest, user: User) -> HttpResponseRedirect | None:
    """The way to where this form led when it was sent before; None for one that comes for the first time.

    Raises `already_sent` when it comes again with other entries.
    """
    key = key_of(request)
    stored = key and StoredAnswer.objects.filter(user=user, method="POST", path=request.path, key=key).first()
    return answer_again(stored, request) if stored else None


def act_once(
    request: HttpRequest, user: User, now: datetime, act: Callable[[], HttpResponseRedirect]
) -> HttpResponseRedirect:
    """Where `act` leads; a twin of the form that is sent at the same moment waits, and is led there too.

    A refusal raised by `act` takes the note back, so that the corrected form can be sent.
    """
    key = key_of(request)
    if not key:
        return act()
    with transaction.atomic():
        stored, first = StoredAnswer.objects.get_or_create(
            user=user,
            method="POST",
            path=request.path,
            key=key,
            defaults={"body_digest": digest_of_form(request), "created_at": now},
        )
        if not first:
            return answer_again(stored, request)
        response = act()
        StoredAnswer.objects.filter(pk=stored.pk).update(status=response.status_code, body=response.url.encode())
    return response


def key_of(request: HttpRequest) -> str:
    """The key of the form; "" for one that is none of ours."""
    key = request.POST.get(FIELD, "")[:LONGEST_KEY]
    return key if key.isalnum() else ""


def answer_again(stored: StoredAnswer, request: HttpRequest) -> HttpResponseRedirect:
    if stored.body_digest != digest_of_form(request):
        raise Refusal(
            "already_sent",
            _(
                "This form was sent before with other entries, and those were recorded. Look at what is there now, "
                "then open the form anew for anything else."
            ),
        )
    return HttpResponseRedirect(bytes(stored.body or b"").decode())
