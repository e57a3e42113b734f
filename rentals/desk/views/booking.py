"""Booking a rental for a patient: devices are offered for the dates and treatments typed."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from config.refusals import Refusal
from patients.models import Patient
from rentals import ledger
from rentals.booking.availability import Need, alternatives_for, find_devices, sentence_for
from rentals.booking.book import Booking, book
from rentals.booking.waiting import enquire
from rentals.desk.forms.booking import BookingForm, CourseForm, usual_course
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
        if "show" in request.POST:  # without JavaScript: only look for devices, nothing is sent yet
            again = {**self.form_arguments(), "initial": request.POST.dict()}
            return self.show_form(self.form_class(**again))
        return super().post(request)

    def form_arguments(self) -> dict[str, Any]:
        usual = usual_course(self.patient, self.patient.clinic.day_of(self.now))
        return {"actor": self.actor, "patient": self.patient, "initial": usual}

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        booking = Booking(patient=self.patient, clinic=self.patient.clinic, **given)
        if "wait" in self.request.POST:
            rental = enquire(booking, at=self.now, actor=self.actor)
            return self.go(rental_address(rental), f"{self.patient.name} is on the waiting list.")
        rental = book(booking, at=self.now, actor=self.actor)
        return self.go(rental_address(rental), "Booked. Next: the agreement, the bond and the hand-over.")

    def show_form(self, form: Any, status: int = 200) -> HttpResponse:
        self.record([self.patient.pk])
        return super().show_form(form, status)

    def context(self) -> dict[str, Any]:
        entries = self.request.POST or self.form_arguments()["initial"]
        return {"patient": self.patient, **offers_for(self, self.patient, CourseForm(entries))}


class Offers(BasePage):
    """The part of the booking page that shows which devices fit; changes nothing."""

    action = "rentals.book"
    template = "rentals/desk/offers.html"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        patient = patient_seen(self, pk)
        return self.show(patient=patient, **offers_for(self, patient, CourseForm(request.POST)))


def offers_for(page: BasePage, patient: Patient, course: CourseForm) -> dict[str, Any]:
    """For the templates: devices that fit `course` with the reason for each, the price, or why none fits."""
    if not course.is_valid():
        return {"course": course}
    need = course.need(patient)
    try:
        fitting, why_not = find_devices(need, page.now)
    except Refusal as refusal:
        return {"course": course, "course_refusal": refusal}
    return {
        "course": course,
        "offers": [(device, reason_for(device, need)) for device in fitting],
        "why_not": why_not,
        "instead": {"alternatives": [] if fitting else alternatives_for(need, page.now)},
        "price": price(need),
        "chosen": page.request.POST.get("device", ""),
    }


def reason_for(device: Any, need: Need) -> str:
    return "Nobody knows what it has left." if device.free_treatments is None else sentence_for(device, need)


def price(need: Need) -> dict[str, Any]:
    """What the patient pays in AUD: the bond now, the hire for these days at the return."""
    terms = need.clinic.current_terms
    out, back = need.clinic.start_of(need.starts_on), need.clinic.start_of(need.due_on)
    return {"terms": terms, "hire": ledger.hire_charge(need.clinic, terms, out, back)}


def rental_address(rental: Rental) -> str:
    return reverse("rental", args=[rental.reference])
