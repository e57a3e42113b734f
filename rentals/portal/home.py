"""What patients read about their hire: what they have and until when, what comes next, and how the device is used."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse

from devices.models import Device
from rentals import ledger
from rentals.agreement import needs_signature
from rentals.arranged import arranged_return
from rentals.models import Rental, StaffTask
from rentals.models.states import State
from rentals.portal.page import BasePatientPage, for_patients
from rentals.portal_sessions import READABLE_AFTER_END

ENDING = timedelta(days=14)  # before the due day; from then on the page asks when the device comes back
ASKED = (StaffTask.Kind.EXTENSION, StaffTask.Kind.PROBLEM, StaffTask.Kind.HEALED)


class Home(BasePatientPage):
    """Where the hire stands and what the patient can do now."""

    template = "home"

    def get(self, request: HttpRequest) -> HttpResponse:
        rental = self.rental
        return self.show(
            device=device_of(rental),
            hours=self.clinic.hours_on(rental.starts_on),
            is_ending=rental.healed_on or rental.due_on - self.today <= ENDING,
            arranged=arranged_return(rental),
            is_late=rental.state == State.ACTIVE and rental.due_on < self.today,
            to_sign=needs_signature(rental),
            bond_due=ledger.bond_due(rental),
            asked=asked_by(rental),
            readable_until=rental.ended_at and rental.ended_at + READABLE_AFTER_END,
        )


def device_of(rental: Rental) -> Any:
    """The device that the rental has, had last or will get, with its model and counters; None where there is none."""
    if rental.state == State.ENQUIRY:
        return None
    holding = rental.holdings.order_by("-pk").first()
    devices = Device.objects.with_counters().select_related("model")
    return devices.filter(pk=holding.device_id).first() if holding and holding.device_id else None


def asked_by(rental: Rental) -> Any:
    """What the patient asked for or told that staff have not answered yet; nothing of one for whom the rental was
    recorded before."""
    return StaffTask.objects.filter(rental=rental, patient=rental.patient_id, kind__in=ASKED).open()


class Care(BasePatientPage):
    """How the device is used and cleaned."""

    template = "care"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(device=device_of(self.rental))


home = for_patients(Home.as_view())
care = for_patients(Care.as_view())
