"""Pages for patients: an offer, opened by the link in their mail and their date of birth, without a sign-in."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.utils import timezone
from django.utils.decorators import decorator_from_middleware
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from config.models import Clinic
from config.refusals import Refusal
from rentals.booking.offers import accept_offer, decline_offer
from rentals.links import open_link
from rentals.models import Rental

ANSWERS = {"accept": accept_offer, "decline": decline_offer}


class BirthForm(forms.Form):
    """What opens the page, sent along with the answer as well, so that nothing of the patient is kept between."""

    date_of_birth = forms.DateField(
        label="Your date of birth", widget=forms.DateInput({"type": "date", "autocomplete": "bday"}, format="%Y-%m-%d")
    )


class OfferPage(View):
    """An offer, and the answer to it. Opening the link changes nothing and shows nothing: mail scanners do that.

    Whatever is wrong (the date, the key, an offer that is over, too many tries), the page says the same.
    """

    request: HttpRequest

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        return self.show("ask", form=BirthForm())

    def post(self, request: HttpRequest, key: str) -> HttpResponse:
        form = BirthForm(request.POST)
        if not form.is_valid():
            return self.show("ask", form=form)
        rental = open_link(key, form.cleaned_data["date_of_birth"], at=timezone.now())
        answer = request.POST.get("answer", "")
        if rental is None:
            return self.refuse()
        return self.take(answer, rental) if answer in ANSWERS else self.show_rental("offer", rental, form=form)

    def take(self, answer: str, rental: Rental) -> HttpResponse:
        try:
            answered = ANSWERS[answer](rental, at=timezone.now(), actor=None)
        except Refusal:
            return self.refuse()
        return self.show_rental("answered", answered)

    def refuse(self) -> HttpResponse:
        return self.show("ask", form=BirthForm(), refused=True)

    def show_rental(self, name: str, rental: Rental, **context: Any) -> HttpResponse:
        """A page that says something of the rental, by its clinic's clock."""
        clinic = rental.clinic
        with timezone.override(clinic.zone):
            hours = clinic.hours_on(rental.starts_on)
            return self.show(name, rental=rental, clinic=clinic, hours=hours, **context)

    def show(self, name: str, **context: Any) -> HttpResponse:
        sites = Clinic.objects.exclude(phone="")
        response = render(self.request, f"rentals/portal/{name}.html", {"sites": sites, **context})
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
# Exempt from the check of all other pages, not from this one.
offer_page = login_not_required(csrf_exempt(check_token(never_cache(OfferPage.as_view()))))
