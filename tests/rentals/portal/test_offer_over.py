"""What the page of an offer says once its device is gone: nothing that the patient did, and what comes next."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import transaction

from rentals.booking import replan
from rentals.booking.offers import accept_offer, decline_offer, offer_again, sweep_offers
from rentals.models import Rental
from rentals.portal.offer import ANSWERS
from rentals.recall import start_recall
from tests import make
from tests.rentals.portal.conftest import address_in
from tests.rentals.portal.test_offer import Patients, mailed
from tests.threads import in_its_own_connection

pytestmark = pytest.mark.django_db
GONE, LINE = "The device is not available after all", "You keep your place in line"


@pytest.fixture
def offered(clinic):
    return make.offered(clinic)


@pytest.fixture
def address(offered, sink):
    return address_in(mailed(sink))


@pytest.fixture
def patient(address):
    someone = Patients()
    someone.open(address)
    return someone


def take_away(rental):
    """The device that is held for the rental may not go out any more."""
    device = rental.holdings.get(live=True).device
    start_recall(model=device.model, serials=[device.serial], reason="Heat", at=make.NOW, actor=make.manager())
    replan.replan(rental.clinic, cause="test", at=make.NOW)
    assert rental.holdings.get(live=True).device is None


@pytest.mark.parametrize("swept", [False, True])
@pytest.mark.parametrize("entries", [{}, {"answer": "accept"}, {"answer": "decline"}])
def test_an_offer_that_the_clinic_took_back_is_not_called_answered(address, offered, patient, swept, entries):
    take_away(offered)
    if swept:
        sweep_offers(make.NOW)
    assert patient.send(address, **entries) == 200
    for said in (GONE, LINE):
        assert said in patient.page
    assert "answered" not in patient.page
    assert not offered.moves.filter(verb__in=["offer_accepted", "offer_declined"]).exists()


def test_an_answer_that_comes_when_the_device_has_just_been_taken_away_is_told_so(
    address, offered, patient, monkeypatch
):
    accept = accept_offer

    def too_late(rental, **how):
        take_away(rental)
        return accept(rental, **how)

    monkeypatch.setitem(ANSWERS, "accept", too_late)
    assert patient.send(address, answer="accept") == 200
    assert GONE in patient.page


def test_one_that_the_patient_passed_on_is_answered_until_staff_offer_again(address, offered, patient):
    decline_offer(offered, at=make.NOW, actor=make.manager())
    patient.send(address)
    assert "This offer was answered before" in patient.page
    offer_again(Rental.objects.get(pk=offered.pk), at=make.NOW, actor=make.manager())
    patient.send(address)
    assert LINE in patient.page


def test_a_booking_whose_device_was_lost_since_says_so(address, offered, patient):
    patient.send(address, answer="accept")
    assert "The device is booked for you" in patient.page
    take_away(offered)
    patient.send(address)
    assert "Your booking stands" in patient.page
    assert "Please do not come to collect it before you have heard from us" in patient.page
    assert "The device is booked for you" not in patient.page


@pytest.mark.django_db(transaction=True)
def test_an_answer_while_somebody_else_changes_the_rental_is_asked_for_again(sink, monkeypatch):
    offered = make.offered(make.clinic())
    address = address_in(mailed(sink))
    monkeypatch.setattr("rentals.deciding.LOCK_TIMEOUT", "50ms")
    patient = Patients()
    patient.open(address)
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        Rental.objects.select_for_update().get(pk=offered.pk)
        send = pool.submit(in_its_own_connection, lambda: patient.send(address, answer="accept"))
        assert send.result(timeout=30) == 409
    assert "open this page again in a minute" in patient.page
