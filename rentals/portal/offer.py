"""The page of an offer, opened by the link in its mail and the date of birth, without a sign-in."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views import View

from config.refusals import Refusal
from rentals.booking.offers import accept_offer, decline_offer
from rentals.links import has_lost_device, is_answered, is_taken_back, open_link
from rentals.models import Rental
from rentals.portal.page import BirthForm, for_patients, show

ANSWERS = {"accept": accept_offer, "decline": decline_offer}


class OfferPage(View):
    """An offer, and the answer to it. Opening the link changes nothing and shows nothing: mail scanners do that.

    Whatever is wrong (the date, the key, an offer that is over, too many tries), the page says the same. The date is
    sent along with the answer as well, so that nothing of the patient is kept between. Where a contact person is told
    beside the patient, the first answer counts, and whoever comes later is told of it.
    """

    request: HttpRequest

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        return show(request, "ask", form=BirthForm())

    def post(self, request: HttpRequest, key: str) -> HttpResponse:
        form = BirthForm(request.POST)
        if not form.is_valid():
            return show(request, "ask", form=form)
        try:
            rental = open_link(key, form.cleaned_data["date_of_birth"], at=timezone.now())
        except Refusal:
            return self.ask_to_come_back()
        if rental is None:
            return self.refuse()
        if is_answered(rental) or is_taken_back(rental):
            return self.show_end(rental, before=True)
        answer = request.POST.get("answer", "")
        return self.take(answer, rental) if answer in ANSWERS else self.show_rental("offer", rental, form=form)

    def take(self, answer: str, rental: Rental) -> HttpResponse:
        try:
            answered = ANSWERS[answer](rental, at=timezone.now(), actor=None)
        except Refusal as refusal:
            rental.refresh_from_db()
            if is_answered(rental) or is_taken_back(rental):
                return self.show_end(rental, before=True)
            return self.ask_to_come_back() if refusal.code == "busy" else self.refuse()
        return self.show_end(answered)

    def show_end(self, rental: Rental, *, before: bool = False) -> HttpResponse:
        """What became of the offer; `before`: not by the answer that was given just now."""
        taken_back, lost = is_taken_back(rental), has_lost_device(rental)
        return self.show_rental("answered", rental, before=before, taken_back=taken_back, lost=lost)

    def ask_to_come_back(self) -> HttpResponse:
        """For a moment in which somebody else changes what the offer is about; it says nothing about the date."""
        return show(self.request, "busy", status=409)

    def refuse(self) -> HttpResponse:
        return show(self.request, "ask", form=BirthForm(), refused=True)

    def show_rental(self, name: str, rental: Rental, **context: Any) -> HttpResponse:
        """A page that says something of the rental, by its clinic's clock."""
        clinic = rental.clinic
        with timezone.override(clinic.zone):
            hours = clinic.hours_on(rental.starts_on)
            return show(self.request, name, rental=rental, clinic=clinic, hours=hours, **context)


offer_page = for_patients(OfferPage.as_view())
