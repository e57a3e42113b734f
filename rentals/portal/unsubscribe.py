"""Saying no to advice by the link in a mail (RFC 8058): a program's POST, or a person's button, without a sign-in."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from config.models import Clinic
from rentals.reminders.texts.unsubscribe import unsubscribe


@login_not_required
@csrf_exempt  # the mail program that sends the one-click POST has no cookie, and the signed token is all it can know
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe_page(request: HttpRequest, key: str) -> HttpResponse:
    """A page with a button; sent, nothing that is not strictly about the hire is mailed any more.

    Opening the address changes nothing: mail scanners do that. The page says the same for a token that is not ours
    as for one that is, until the button is pressed.
    """
    done = request.method == "POST" and unsubscribe(key, at=timezone.now())
    context = {"done": done, "refused": request.method == "POST" and not done}
    sites = Clinic.objects.exclude(phone="")
    status = 404 if context["refused"] else 200
    response = render(request, "rentals/portal/unsubscribe.html", {**context, "sites": sites}, status=status)
    response["Referrer-Policy"] = "no-referrer"
    return response
