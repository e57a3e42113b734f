"""What all pages for patients have in common: no sign-in of staff, no trace in the browser, forms of our own only."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.utils.decorators import decorator_from_middleware
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from config.models import Clinic

Answer = Callable[..., HttpResponseBase]


class BirthForm(forms.Form):
    """What opens a page that a link in a mail leads to."""

    date_of_birth = forms.DateField(
        label="Your date of birth", widget=forms.DateInput({"type": "date", "autocomplete": "bday"}, format="%Y-%m-%d")
    )


def show(request: HttpRequest, name: str, *, status: int = 200, **context: Any) -> HttpResponse:
    """The page `name`, which tells no other site where its reader came from."""
    sites = Clinic.objects.exclude(phone="")
    response = render(request, f"rentals/portal/{name}.html", {"sites": sites, **context}, status=status)
    response["Referrer-Policy"] = "no-referrer"
    return response


class CsrfOfUnnamedOrigin(CsrfViewMiddleware):
    """Django's check by cookie and token, for pages that tell nobody where a form comes from.

    A page with `Referrer-Policy: no-referrer` makes browsers send its forms with `Origin: null`.
    """

    @property
    def allowed_origins_exact(self) -> set[str]:
        return {"null"}


check_token = decorator_from_middleware(CsrfOfUnnamedOrigin)


def for_patients(view: Answer) -> Answer:
    """`view` for somebody who has no sign-in, kept by no browser; exempt from the check of all other forms, not from
    this one."""
    guarded: Answer = login_not_required(csrf_exempt(check_token(never_cache(view))))
    return guarded
