"""Booking a rental for a patient: devices are offered for the dates and treatments typed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from config.refusals import Refusal
from patients.models import Patient
from rentals.booking.alternatives import alternatives_for
from rentals.booking.book import Booking, book
from rentals.booking.finding import find_devices
from rentals.booking.waiting import enquire
from rentals.desk.forms.booking import BookingForm, CourseForm, usual_course
from rentals.desk.offers import entries_of, offers_for, only_looks
from rentals.desk.page import BaseFormPage, BasePage
from rentals.desk.views.patients import patient_seen
from rentals.models import Rental


class Book(BaseFormPage):
    """Book a device for a patient, or put them on the waiting list when none fits."""

    action = "rentals.book"
    template = "rentals/desk/book.html"
    form_class = BookingForm

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        self.patient = patient_seen(self, pk)
        return super().get(request)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        self.patient = patient_seen(self, pk)
        return super().get(request) if only_looks(request) else super().post(request)

    def form_arguments(self) -> dict[str, Any]:
        usual = usual_course(self.patient, self.patient.clinic.day_of(self.now))
        return {"actor": self.actor, "patient": self.patient, "initial": {**usual, **entries_of(self.request)}}

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        booking = Booking(patient=self.patient, clinic=self.patient.clinic, **given)
        if "wait" in self.request.POST:
            rental = enquire(booking, at=self.now, actor=self.actor)
            return self.go(rental_address(rental), f"{self.patient.name} is on the waiting list.")
        rental = book(booking, at=self.now, actor=self.actor)
        return self.go(rental_address(rental), "Booked. Next: the agreement, the bond and the hand-over.")

    def show_form(self, form: Any, status: int = 200) -> HttpResponse:
        self.record([self.patient.pk])
        if form.is_bound:
            form.mark_unanswered()
        return super().show_form(form, status)

    def context(self) -> dict[str, Any]:
        entries = entries_of(self.request) or self.form_arguments()["initial"]
        return {"patient": self.patient, **offers(self, self.patient, entries)}


class Offers(BasePage):
    """The part of the booking page that shows which devices fit; changes nothing."""

    action = "rentals.book"
    template = "rentals/desk/offers.html"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        patient = patient_seen(self, pk)
        return self.show(patient=patient, **offers(self, patient, entries_of(request)))


def offers(page: BasePage, patient: Patient, entries: Mapping[str, Any]) -> dict[str, Any]:
    """For the templates: what fits the course in `entries`, or what is wrong with it, as `book` would say."""
    course = CourseForm(entries)
    shown = {"course": course, "takes": course.fields}
    if not course.is_valid():
        return shown
    need = replace(course.need(patient), asked_by=page.actor)
    try:
        found = find_devices(need, at=page.now, actor=page.actor)
    except Refusal as refusal:
        return {**shown, "course_refusal": refusal}
    instead = [] if found.fitting else alternatives_for(need, page.now)
    offered = offers_for(found, need, str(entries.get("device", "")), page.now)
    return {**shown, **offered, "instead": {"alternatives": instead}}


def rental_address(rental: Rental) -> str:
    return reverse("rental", args=[rental.reference])
