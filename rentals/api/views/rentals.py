"""Rentals: booking, listing and reading them."""

from typing import Any

from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from patients.access import record_access
from patients.models import Access
from rentals.api.endpoint import BaseList, Endpoint, Operation, StrictFilterBackend
from rentals.api.filters import RentalFilter
from rentals.api.serializers.rentals import RentalDetail, RentalRow
from rentals.api.serializers.usage import DayOut
from rentals.api.serializers.verbs import NewRental
from rentals.booking.book import Booking, book
from rentals.booking.waiting import book_or_wait
from rentals.models import Rental
from rentals.overview import in_full, with_overview
from rentals.reconciliation.days import day_statuses


class Rentals(BaseList):
    """The rentals of your clinics, newest first; POST books a device for a patient."""

    queryset = Rental.objects.all()
    filter_backends = (StrictFilterBackend,)
    filterset_class = RentalFilter
    operations = {
        "GET": Operation("rentals_list", "rentals.read", RentalRow),
        "POST": Operation("rentals_book", "rentals.book", RentalDetail, NewRental, status=201),
    }

    def rows(self) -> Any:
        return with_overview(Rental.objects.visible_to(self.actor), self.now)

    def patients_on(self, page: Any) -> list[int]:
        return [rental.patient_id for rental in page]

    def act(self) -> Response:
        given = self.read()
        make = book_or_wait if given.pop("wait") else book
        rental = make(Booking(**given), at=self.now, actor=self.actor)
        return self.answer(in_full(rental, self.now))


class OneRental(Endpoint):
    """Everything about one rental; recorded as a read of its patient."""

    operations = {"GET": Operation("rentals_get", "rentals.read", RentalDetail)}

    def get(self, request: Request, reference: str) -> Response:
        return self.answer(in_full(rental_read(self, reference), self.now))


class Days(BaseList):
    """What happened on each local day from the hand-over on."""

    operations = {"GET": Operation("rentals_days", "rentals.read", DayOut)}

    def rows(self, reference: str) -> Any:
        return day_statuses(rental_read(self, reference), self.now)


def rental_seen(view: Endpoint, reference: str) -> Rental:
    """The rental, if the user may see it; else 404, as if it were not there."""
    rentals = Rental.objects.visible_to(view.actor).select_related("clinic", "patient", "terms", "injury")
    return get_object_or_404(rentals, reference=reference)


def rental_read(view: Endpoint, reference: str) -> Rental:
    """The rental, its reading recorded (I10)."""
    rental = rental_seen(view, reference)
    record_access(view.actor, [rental.patient_id], Access.Action.READ, view.now)
    return rental
