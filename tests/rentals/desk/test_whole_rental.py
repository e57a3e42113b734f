"""A rental from the search for the patient to the settled end, page by page, following only what the pages lead to."""

from datetime import timedelta

import pytest

from patients.models import Patient, Screening
from rentals.models import Rental
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk

pytestmark = pytest.mark.django_db

NO_TO_ALL = {f"screening_{warning}": "no" for warning in Screening.Warning.values}
INJURY = {"indication_kind": "stress_fatigue", "indication_site": "metatarsal"}
ALL_CHECKS = ["cleaned", "output", "cable", "clock", "single_patient_parts"]


def test_reception_rents_a_device_out_and_takes_it_back(clock):
    clinic = make.clinic()
    device = make.device(clinic, counter=40)
    user = make.reception(clinic)
    desk = Desk(user)

    person = {"given_name": "Zoë", "family_name": "Lindqvist", "date_of_birth": "2001-06-30", "phone": "02 5550 1234"}
    assert desk.fill_in("/patients/new/", **person, email="zoe@patients.example") == 302
    patient = Patient.objects.get()
    assert desk.led_to == f"/patients/{patient.pk}/"
    assert desk.find(name="zoe lind") == 200
    assert f'href="/patients/{patient.pk}/book/"' in desk.page

    assert desk.fill_in(f"/patients/{patient.pk}/book/", **NO_TO_ALL, **INJURY, device=device.pk) == 302
    rental = Rental.objects.get()
    home = f"/rentals/{rental.reference}/"
    assert desk.led_to == home

    assert desk.fill_in(f"{home}sign/", accepted="on") == 302
    assert desk.fill_in(f"{home}pay/") == 302
    assert desk.fill_in(f"{home}hand-over/", counter=40, parts=["main_unit", "transducer", "strap"]) == 302
    clock.shift(timedelta(days=10))
    desk = Desk(user)  # yesterday's session has ended
    assert desk.fill_in(f"{home}return/", counter=52, notes="As new") == 302
    assert desk.fill_in(f"{home}inspect/", checks=ALL_CHECKS, passed="yes", fee_1="Strap", amount_1="15") == 302
    rental.refresh_from_db()
    device.refresh_from_db()
    assert (rental.state, device.condition) == (State.CLOSED, "ready")
    assert rental.holdings.get().parts_back == ["main_unit", "transducer"]  # what stays with the patient was not asked

    # Two weeks at least and the strap come out of the bond; the rest is proposed as the refund.
    assert desk.see(f"{home}pay/") == 200
    assert desk.proposed() | {"once": ""} == {"kind": "refund", "amount": 165, "method": "eftpos", "once": ""}
    assert desk.fill_in(f"{home}pay/") == 302
    assert rental.ledger.total() == 0
    assert desk.see(home) == 200
    assert Rental.objects.get().moves.values_list("verb", flat=True).order_by("pk")[0] == "book"
