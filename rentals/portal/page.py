"""What all pages for patients have in common: no sign-in of staff, no trace in the browser, forms of our own only;
and, behind the door, one moment, one rental, and a page that tells nothing to anybody else."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, ClassVar

import pghistory
from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import decorator_from_middleware
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from config.models import Clinic
from config.refusals import Refusal
from rentals.models import PortalSession, Rental
from rentals.portal_sessions import continue_session, is_open

WAYS = (
    ("my-hire", _("My hire")),
    ("my-days", _("My treatments")),
    ("my-care", _("How to use it")),
    ("my-documents", _("Documents")),
    ("my-preferences", _("Reminders")),
)

Answer = Callable[..., HttpResponseBase]


class PlainForm(forms.Form):
    """Its labels are sentences of their own, without a colon after them."""

    def __init__(self, *data: Any, **options: Any) -> None:
        super().__init__(*data, **{"label_suffix": "", **options})


class BirthForm(PlainForm):
    """What opens a page that a link in a mail leads to."""

    date_of_birth = forms.DateField(
        label=_("Your date of birth"),
        widget=forms.DateInput({"type": "date", "autocomplete": "bday"}, format="%Y-%m-%d"),
    )


def show(request: HttpRequest, name: str, *, status: int = 200, **context: Any) -> HttpResponse:
    """The page `name`, which tells no other site where its reader came from."""
    sites = Clinic.objects.exclude(phone="")
    response = render(request, f"rentals/portal/{name}.html", {"sites": sites, **context}, status=status)
    return unreferred(response)


def unreferred(response: HttpResponse) -> HttpResponse:
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

    def by_nobody_of_staff(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            pghistory.context(user=None)  # even where somebody of staff is signed in, in the same browser
        return view(request, *args, **kwargs)

    guarded: Answer = login_not_required(csrf_exempt(check_token(never_cache(by_nobody_of_staff))))
    return guarded


class BasePatientPage(View):
    """A page about the one rental that the session is for. Whoever has no session gets one and the same 404, whatever
    was asked for."""

    template: ClassVar[str]
    request: HttpRequest
    session: PortalSession
    rental: Rental

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.now = timezone.now()  # the one moment of this request, UTC
        session = continue_session(request.COOKIES.get(settings.PATIENT_COOKIE_NAME, ""), at=self.now)
        if session is None:
            return show(request, "closed", status=404)
        self.session, self.rental = session, session.link.rental
        with timezone.override(self.clinic.zone):
            answer = self.answer_or_busy(request, *args, **kwargs)
        # Looked at again: what was read after the hire was given to another patient is that one's.
        return answer if is_open(session, at=self.now) else show(request, "closed", status=404)

    def answer_or_busy(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The page, or one that asks to come back, where what it shows is being changed in this instant."""
        try:
            return super().dispatch(request, *args, **kwargs)
        except Refusal:
            return show(request, "busy", status=409, clinic=self.clinic, ways=WAYS)

    @property
    def clinic(self) -> Clinic:
        return self.rental.clinic

    @property
    def today(self) -> date:
        """The clinic's local day."""
        return self.clinic.day_of(self.now)

    def show(self, *, status: int = 200, **context: Any) -> HttpResponse:
        opens_next = self.clinic.next_open_day(self.today)
        surroundings = {
            "opens_next": opens_next,
            "next_hours": opens_next and self.clinic.hours_on(opens_next),
            "rental": self.rental,
            "clinic": self.clinic,
            "today": self.today,
            "now": self.now,
            "ways": WAYS,
            "thanks": "thanks" in self.request.GET,
        }
        return show(self.request, self.template, status=status, **{**surroundings, **context})


class BaseAskingPage(BasePatientPage):
    """A page with one form. What sending it does stands in `act`: call one verb."""

    form_class: ClassVar[type[forms.BaseForm]]
    leads_to: ClassVar[str] = "my-hire"
    act: Callable[[Mapping[str, Any]], None]

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show_form(self.make_form())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.make_form(request.POST)
        if not form.is_valid():
            return self.show_form(form, status=422)
        try:
            self.act(form.cleaned_data)
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
            return self.show_form(form, status=refusal.status)
        return unreferred(HttpResponseRedirect(reverse(self.leads_to) + "?thanks"))

    def make_form(self, *data: Any) -> Any:
        return self.form_class(*data, **self.form_arguments())

    def form_arguments(self) -> dict[str, Any]:
        return {}

    def show_form(self, form: forms.BaseForm, status: int = 200) -> HttpResponse:
        return self.show(form=form, status=status)
