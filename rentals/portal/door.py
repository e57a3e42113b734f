"""The way in and out: a link in a mail and the date of birth, and the button that ends a visit."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views import View

from config.refusals import Refusal
from rentals.portal.page import BasePatientPage, BirthForm, for_patients, show, unreferred
from rentals.portal_sessions import end_session, open_session


class Door(View):
    """Opening the link changes nothing and shows nothing of anybody: mail scanners do that, some of them twice.

    Whatever is wrong (the date, the key, a lock, a hire long over), the page says the same; only while another try is
    being judged, or the rental changed, does it ask to come back, for the date may be right.
    """

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        return show(request, "door", form=BirthForm())

    def post(self, request: HttpRequest, key: str) -> HttpResponse:
        form = BirthForm(request.POST)
        if not form.is_valid():
            return show(request, "door", form=form)
        try:
            opened = open_session(key, form.cleaned_data["date_of_birth"], at=timezone.now())
        except Refusal:
            return show(request, "busy", status=409)
        return let_in(opened) if opened else show(request, "door", form=BirthForm(), refused=True)


def let_in(session_key: str) -> HttpResponse:
    """On to the pages, without the link's key in the address.

    The cookie is strict: a mail leads to the door, which asks anew, and from there on every step is our own page's.
    It ends with the browser, and the session before that.
    """
    response = unreferred(HttpResponseRedirect(reverse("my-hire")))
    response.set_cookie(
        settings.PATIENT_COOKIE_NAME, session_key, httponly=True, secure=not settings.LOCAL, samesite="Strict"
    )
    return response


class SignOut(BasePatientPage):
    """Ends the visit; what is open in another browser goes on."""

    template = "signed_out"

    def post(self, request: HttpRequest) -> HttpResponse:
        end_session(self.session, at=self.now)
        response = show(request, "signed_out")
        response.delete_cookie(settings.PATIENT_COOKIE_NAME, samesite="Strict")
        return response


door = for_patients(Door.as_view())
sign_out = for_patients(SignOut.as_view())
