"""Booking a rental in one page: the patient found or written down, devices offered for the course that is typed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from config.models import Clinic
from config.refusals import Refusal
from patients.models import Access, Patient
from rentals.booking.alternatives import alternatives_for
from rentals.booking.book import Booking, book
from rentals.booking.finding import find_devices
from rentals.booking.newcomer import book_newcomer
from rentals.booking.waiting import enquire
from rentals.desk.forms.booking import BookingForm, CourseForm, usual_course
from rentals.desk.offers import entries_of, offers_for, only_looks
from rentals.desk.page import BaseFormPage, BasePage
from rentals.desk.views.patients import patient_seen
from rentals.models import Rental
from rentals.search import patients_like

FEWEST_SIGNS = 3  # before anybody is looked for while somebody types
MOST_FOUND = 8


class BaseBookingPage(BasePage):
    """What the parts of the booking page have in common: for whom it is, and at which clinic."""

    action = "rentals.book"

    @cached_property
    def patient(self) -> Patient | None:
        """The patient of the address, or the one chosen in the form; None until then. 404 for one that nobody sees."""
        chosen = str(self.kwargs.get("pk") or self.request.POST.get("patient", ""))
        return patient_seen(self, int(chosen)) if chosen.isdecimal() and len(chosen) < 10 else None

    @property
    def clinic(self) -> Clinic:
        return self.patient.clinic if self.patient else self.site


class Book(BaseFormPage, BaseBookingPage):
    """Book a device for a patient, or put them on the waiting list when none fits."""

    template = "rentals/desk/book.html"
    form_class = BookingForm

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.get(request) if only_looks(request) else super().post(request)

    def form_arguments(self) -> dict[str, Any]:
        usual = usual_course(self.clinic, self.clinic.day_of(self.now))
        about = {"actor": self.actor, "clinic": self.clinic, "patient": self.patient}
        return {**about, "initial": {**usual, **entries_of(self.request)}}

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        waits = "wait" in self.request.POST
        rental = self.booked(given, waits=waits)
        done = _("Booked. Next: the agreement, the bond and the hand-over.")
        said = _("%(patient)s is on the waiting list.") % {"patient": rental.patient.name} if waits else done
        return self.go(reverse("rental", args=[rental.reference]), said)

    def booked(self, given: dict[str, Any], *, waits: bool) -> Rental:
        when: dict[str, Any] = {"at": self.now, "actor": self.actor}
        if self.patient is None:
            return book_newcomer(given.pop("newcomer"), given, clinic=self.site, waits=waits, **when)
        booking = Booking(patient=self.patient, clinic=self.clinic, **given)
        return enquire(booking, **when) if waits else book(booking, **when)

    def show_form(self, form: Any, status: int = 200) -> HttpResponse:
        if self.patient:
            self.record([self.patient.pk])
        if form.is_bound:
            form.mark_unanswered()
        if self.refusal and self.refusal.code == "possible_duplicate":
            form.ask_again()
        return super().show_form(form, status)

    def context(self) -> dict[str, Any]:
        entries = entries_of(self.request) or self.form_arguments()["initial"]
        is_open = "pk" not in self.kwargs  # for anybody: the patient is chosen on the page
        known = {"found": found(self, entries.get("words", "")), "alike": self.alike()} if is_open else {}
        return {"patient": self.patient, "is_open": is_open, **known, **offers(self, entries)}

    def alike(self) -> list[Patient]:
        """Those who may be the new patient."""
        refused = self.refusal and self.refusal.conflict and self.refusal.conflict.get("patients")
        known = list(Patient.objects.visible_to(self.actor).filter(pk__in=refused or []).select_related("clinic"))
        self.record([patient.pk for patient in known], Access.Action.LISTED)
        return known


class Offers(BaseBookingPage):
    """The part of the booking page that shows which devices fit; changes nothing."""

    template = "rentals/desk/offers.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.show(patient=self.patient, **offers(self, entries_of(request)))


class FindForBooking(BaseBookingPage):
    """The part of the booking page that shows who fits what is typed; each is recorded as found."""

    template = "rentals/desk/book_found.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        return self.show(patient=self.patient, found=found(self, request.POST.get("words", "")))


def found(page: BaseBookingPage, words: str) -> dict[str, Any]:
    """For the templates: the first patients that `words` could mean, and whether there are more."""
    words = words.replace("\x00", "").strip()
    if len(words) < FEWEST_SIGNS:
        return {}
    group = patients_like(words, page.today, page.actor)
    shown = group.shown[:MOST_FOUND]
    page.record([patient.pk for patient in shown], Access.Action.SEARCHED)
    return {"patients": shown, "more": len(group.shown) - len(shown) + group.more, "searched": True}


def offers(page: BaseBookingPage, entries: Mapping[str, Any]) -> dict[str, Any]:
    """For the templates: what fits the course in `entries`, or what is wrong with it, as `book` would say."""
    course = CourseForm(entries)
    shown = {"course": course, "takes": course.fields}
    if not course.is_valid():
        return shown
    need = replace(course.need(page.clinic, page.patient), asked_by=page.actor)
    try:
        fitting = find_devices(need, at=page.now, actor=page.actor)
    except Refusal as refusal:
        return {**shown, "course_refusal": refusal}
    instead = [] if fitting.fitting else alternatives_for(need, page.now)
    offered = offers_for(fitting, need, str(entries.get("device", "")), page.now)
    return {**shown, **offered, "instead": {"alternatives": instead}}
