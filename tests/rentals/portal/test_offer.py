"""The patient's page of an offer: what a link opens, what it never tells, and when it is closed for good.

Mail goes through a real SMTP server; the key is taken from what arrived there. `make.NOW` is a Monday noon, and the
offer runs out on Tuesday noon.
"""

import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pghistory.models
import pytest
import time_machine
from django.apps import apps
from django.db import transaction
from django.test import Client

from config.keys import digest_of
from config.logs import DiscreetFormatter
from patients.contacts import name_contact
from patients.models import Access
from rentals import links, tasks
from rentals.booking.change import cancel
from rentals.booking.offers import accept_offer, decline_offer, offer_again, sweep_offers
from rentals.models import Message, PatientLink, Rental
from rentals.reminders import outbox, plan
from tests import make
from tests.rentals.portal.conftest import BORN, address_in, bodies, make_clinic
from tests.rentals.portal.visitor import OF_ONE_ANSWER
from tests.shared import shared
from tests.threads import all_at_once, in_its_own_connection

pytestmark = pytest.mark.django_db
WRONG = "1990-05-18"


class Patients:
    """Somebody with a browser of their own and the date of birth that they type."""

    def __init__(self, **headers):
        self.client = Client(raise_request_exception=False, enforce_csrf_checks=True, headers=headers)

    def open(self, address):
        return self.kept(self.client.get(address))

    def send(self, address, born=BORN, **entries):
        token = self.client.cookies["csrftoken"].value
        return self.kept(self.client.post(address, {"csrfmiddlewaretoken": token, "date_of_birth": born, **entries}))

    def kept(self, answer):
        self.answer = answer
        self.page = OF_ONE_ANSWER.sub("", answer.content.decode())
        return answer.status_code


@pytest.fixture
def patient():
    return Patients()


@shared
def offer(clinic):
    return make.offered(clinic)


@pytest.fixture
def address(offer, sink):
    return address_in(mailed(sink))


def mailed(sink, at=make.NOW):
    """The mail that tells of what is offered."""
    plan.plan_reminders(at)
    outbox.send_due(at)
    return sink.mails[-1]


def now(rental):
    return Rental.objects.get(pk=rental.pk)


class TestThePage:
    def test_opening_the_link_changes_nothing_and_says_nothing(self, address, offer, patient):
        """A mail scanner opens every link, some of them twice."""
        before = everything()
        for _ in range(3):
            assert patient.open(address) == 200
        assert everything() == before
        for secret in (offer.reference, offer.patient.given_name, "Tuesday", "is held for you"):
            assert secret not in patient.page

    def test_the_date_of_birth_shows_the_offer_and_a_second_form_accepts_it(self, address, offer, patient):
        patient.open(address)
        assert patient.send(address) == 200
        for said in ("Tuesday 3 March 2026, noon", "Tuesday 31 March 2026", "8:30 am to 5:30 pm", offer.reference):
            assert said in patient.page
        assert now(offer).offer_expires_at is not None
        assert patient.send(address, answer="accept") == 200
        assert "booked for you" in patient.page
        accepted = now(offer)
        assert (accepted.state, accepted.offer_expires_at) == ("reserved", None)
        assert (accepted.moves.last().verb, accepted.moves.last().actor) == ("offer_accepted", None)

    def test_the_offer_can_be_declined(self, address, offer, patient):
        patient.open(address)
        assert patient.send(address, answer="decline") == 200
        assert "offer the device to somebody else" in patient.page
        assert (now(offer).state, now(offer).moves.last().verb) == ("enquiry", "offer_declined")

    def test_nothing_of_the_injury_the_device_or_another_patient_is_told(self, address, offer, patient):
        serial = offer.holdings.get().device.serial
        patient.open(address)
        patient.send(address)
        told = patient.page.lower()
        for secret in (serial, "exogen", "metatarsal", "stress", "fracture", "treatment", offer.patient.family_name):
            assert secret.lower() not in told
        assert not re.search(r"heal|cure|recover|better|faster", told.replace("suit you better", ""))

    def test_a_page_is_kept_by_nobody_and_sends_its_address_nowhere(self, address, patient):
        patient.open(address)
        for status in (patient.open(address), patient.send(address), patient.send(address, WRONG)):
            assert status == 200
            assert patient.answer["Referrer-Policy"] == "no-referrer"
            assert "no-store" in patient.answer["Cache-Control"]
        assert '<html lang="en-au">' in patient.page

    def test_a_form_without_its_token_is_refused(self, address, offer):
        stranger = Patients()
        assert stranger.kept(stranger.client.post(address, {"date_of_birth": BORN, "answer": "accept"})) == 403
        assert now(offer).offer_expires_at is not None

    @pytest.mark.parametrize(
        ("origin", "status"), [("null", 200), ("http://testserver", 200), ("https://evil.example", 403)]
    )
    def test_a_form_may_hide_where_it_comes_from_but_not_come_from_elsewhere(self, address, origin, status):
        """`no-referrer` makes browsers say `Origin: null`."""
        patient = Patients(origin=origin)
        patient.open(address)
        assert patient.send(address) == status


class TestWhatIsWrong:
    def answers(self, address, born=BORN):
        patient = Patients()
        patient.open(address)
        status = patient.send(address, born)
        return status, patient.page, {name: value for name, value in patient.answer.items() if name != "Expires"}

    def test_wrong_unknown_revoked_locked_and_expired_keys_are_answered_alike(self, address, offer, sink):
        """Byte for byte, but for the token of the form."""
        wrong = self.answers(address, WRONG)
        assert wrong[0] == 200
        assert "02 5550 1000" in wrong[1]
        assert self.answers("/offers/" + "x" * 43 + "/") == wrong
        with time_machine.travel(make.NOW + timedelta(days=1), tick=False):
            assert self.answers(address) == wrong
        PatientLink.objects.update(wrong_tries=links.MOST_TRIES)
        assert self.answers(address) == wrong
        PatientLink.objects.update(wrong_tries=0, revoked_at=make.NOW)
        assert self.answers(address) == wrong
        PatientLink.objects.update(revoked_at=None)
        assert self.answers(address)[1] != wrong[1]
        cancel(offer, reason="Ill", at=make.NOW, actor=make.manager())
        assert self.answers(address) == wrong

    def test_a_date_that_is_none_costs_no_try(self, address, patient):
        patient.open(address)
        assert patient.send(address, "tomorrow") == 200
        assert "Enter a valid date" in patient.page
        assert PatientLink.objects.get().wrong_tries == 0

    def test_five_wrong_tries_close_the_link_for_good(self, address, offer, patient):
        patient.open(address)
        for _ in range(links.MOST_TRIES):
            patient.send(address, WRONG, answer="accept")
        patient.send(address, answer="accept")
        assert "phone us" in patient.page
        assert now(offer).offer_expires_at is not None

    def test_right_dates_cost_nothing(self, address, patient):
        patient.open(address)
        for _ in range(links.MOST_TRIES + 1):
            patient.send(address)
        assert "A device is held for you" in patient.page

    @pytest.mark.django_db(transaction=True)
    def test_not_even_guesses_at_the_same_moment_are_more_than_five(self):
        """The right date is among them, as the last that a guesser would come to."""
        offer = make.offered(make_clinic())
        key = links.make_link(offer, expires_at=offer.offer_expires_at, at=make.NOW)
        born = offer.patient.date_of_birth
        wrong = [lambda: links.open_link(key, born + timedelta(days=1), at=make.NOW)] * 12
        assert all_at_once(wrong) == [None] * 12
        assert PatientLink.objects.get().wrong_tries == links.MOST_TRIES
        assert links.open_link(key, born, at=make.NOW) is None

    def test_an_answer_that_comes_when_the_offer_has_just_been_answered_is_told_so(self, address, offer, patient):
        patient.open(address)
        patient.send(address)
        sweep_offers(make.NOW + timedelta(days=1))
        assert patient.send(address, answer="accept") == 200
        assert "The device is not held for you any more" in patient.page
        assert now(offer).state == "enquiry"

    @pytest.mark.django_db(transaction=True)
    def test_while_somebody_else_holds_the_link_nothing_is_said_of_the_date(self, sink, patient, monkeypatch):
        make.offered(make_clinic())
        address = address_in(mailed(sink))
        monkeypatch.setattr("rentals.deciding.LOCK_TIMEOUT", "50ms")
        patient.open(address)
        with ThreadPoolExecutor(1) as pool, transaction.atomic():
            PatientLink.objects.select_for_update().get()
            assert pool.submit(in_its_own_connection, patient.send, address).result(timeout=30) == 409
        assert "open this page again in a minute" in patient.page
        assert "date of birth" not in patient.page


class TestTwoReaders:
    @pytest.fixture
    def addresses(self, clinic, sink):
        """Of the page in the mail to the patient, and in the one to her mother."""
        patient = make.patient(clinic)
        beside = {"receives": "beside", "email": "grace@carers.example", "name": "Grace Example"}
        name_contact(patient, **beside, at=make.NOW, actor=make.manager())
        make.offered(clinic, patient=patient)
        mailed(sink)
        told = {mail["To"]: address_in(mail) for mail in sink.mails}
        return [told[patient.email], told["grace@carers.example"]]

    @pytest.mark.parametrize(
        ("answer", "said", "state"),
        [
            ("accept", "The device is booked for you", "reserved"),
            ("decline", "The device is not held for you any more", "enquiry"),
        ],
    )
    def test_each_has_a_link_that_works_and_the_second_is_told_of_the_first_answer(
        self, addresses, answer, said, state
    ):
        both = [Patients(), Patients()]
        for one, address in zip(both, addresses, strict=True):
            one.open(address)
            one.send(address)
            assert "A device is held for you" in one.page
        both[1].send(addresses[1], answer=answer)
        assert "Thank you" in both[1].page
        for entries in ({}, {"answer": "accept"}, {"answer": "decline"}):
            both[0].send(addresses[0], **entries)
            assert "This offer was answered before" in both[0].page
            assert said in both[0].page
        rental = Rental.objects.latest("pk")
        assert (rental.state, rental.offer_expires_at) == (state, None)
        assert [move.verb for move in rental.moves.all()].count(f"offer_{answer.rstrip('e')}ed") == 1

    def test_their_wrong_dates_count_together(self, addresses):
        both = [Patients(), Patients()]
        for number in range(links.MOST_TRIES):
            one, address = both[number % 2], addresses[number % 2]
            one.open(address)
            one.send(address, WRONG)
        for one, address in zip(both, addresses, strict=True):
            one.send(address)
            assert "This cannot be opened" in one.page


class TestTheMail:
    def test_it_says_what_is_held_until_when_and_how_to_answer(self, offer, sink):
        mail = mailed(sink)
        assert mail["Subject"] == "Please answer: a device is held for you"
        text, html = bodies(mail)
        address = address_in(mail)
        assert text == (
            "Dear Ada,\n\n"
            f"You are waiting for a device to hire from us (rental {offer.reference}). We have one for you now, and "
            "hold it until Tuesday 3 March 2026, noon.\n\n"
            "You would collect it from Harbour Sports Medicine tomorrow, Tuesday 3 March 2026, and return it on "
            "Tuesday 31 March 2026. We are open from 8:30 am to 5:30 pm that day.\n\n"
            f"Answer the offer: http://localhost:8000{address}\n"
            "The page asks for the date of birth that we have on file.\n\n"
            "You can also phone us on 02 5550 1000. If we have not heard from you by then, we offer the device to "
            "somebody else. You stay on our list, and we ask you again when you tell us that we may.\n\n"
            "Kind regards,\nHarbour Sports Medicine\n\nHarbour Sports Medicine\nPhone: 02 5550 1000\n\n"
            "This message is about the hire. To change who is told, and how, please phone us on 02 5550 1000.\n"
        )
        assert f'href="http://localhost:8000{address}"' in html
        assert not re.search(r"heal|cure|recover|better|faster|bone|fracture|exogen", text + html, re.IGNORECASE)

    def test_the_key_has_256_bits_and_is_kept_as_its_hash_only(self, address, offer):
        key = address.split("/")[2]
        assert len(key) == 43
        link = PatientLink.objects.get()
        assert (link.rental, link.expires_at) == (offer, offer.offer_expires_at)
        assert key not in json.dumps(everything(), default=str)
        message = Message.objects.get()
        assert f"/offers/key-of-{offer.reference}/" in message.text
        assert f"/offers/key-of-{offer.reference}/" in message.html

    def test_a_mail_tried_again_brings_a_key_of_its_own(self, offer, sink):
        sink.mode = "451 to the body"
        plan.plan_reminders(make.NOW)
        outbox.send_due(make.NOW)
        first = PatientLink.objects.get()
        sink.mode = "accept"
        outbox.send_due(make.NOW + timedelta(minutes=2))
        key = address_in(sink.mails[0]).split("/")[2]
        assert PatientLink.objects.exclude(pk=first.pk).get().key_hash == digest_of(key)

    @pytest.mark.parametrize("end", ["declined", "run out", "accepted", "cancelled"])
    def test_it_is_not_sent_once_the_offer_is_over(self, offer, sink, end):
        plan.plan_reminders(make.NOW)
        at = make.NOW + timedelta(hours=1)
        END[end](offer, at)
        assert outbox.send(Message.objects.get().pk, at + timedelta(days=1 if end == "run out" else 0)) == "void"
        assert (sink.mails, offer.reminders.get().why) == ([], "offer_over")
        assert not PatientLink.objects.exists()

    def test_whoever_cannot_be_mailed_keeps_the_offer(self, clinic, sink):
        offer = make.offered(clinic, patient=make.patient(clinic, email=""))
        plan.plan_reminders(make.NOW)
        assert offer.reminders.get(channel="email").why == "no_email"
        assert offer.reminders.get(channel="phone").staff_task.done_at is None
        assert now(offer).offer_expires_at is not None

    def test_an_offer_made_again_is_a_mail_of_its_own(self, offer, sink):
        first = address_in(mailed(sink))
        decline_offer(offer, at=make.NOW, actor=make.manager())
        offer_again(now(offer), at=make.NOW + timedelta(hours=1), actor=make.manager())
        later = make.NOW + timedelta(hours=1)
        sweep_offers(later)
        assert address_in(mailed(sink, later)) != first
        assert len(sink.mails) == 2

    def test_collecting_is_not_told_while_the_offer_is_open(self, offer, sink):
        plan.plan_reminders(make.NOW)
        assert [reminder.kind for reminder in offer.reminders.all()] == ["offer"]
        END["accepted"](offer, make.NOW)
        plan.plan_reminders(make.NOW)
        assert sorted(reminder.kind for reminder in offer.reminders.all()) == ["collect_tomorrow", "offer"]


END = {
    "declined": lambda offer, at: decline_offer(offer, at=at, actor=make.manager()),
    "run out": lambda offer, at: None,
    "accepted": lambda offer, at: accept_offer(offer, at=at, actor=None),
    "cancelled": lambda offer, at: cancel(offer, reason="Ill", at=at, actor=make.manager()),
}


def everything():
    """All that the database keeps of rentals, links, mails and their history."""
    models = [model for model in apps.get_models() if model._meta.app_label in ("rentals", "patients", "pghistory")]
    return {model.__name__: list(model._default_manager.order_by("pk").values_list()) for model in models}


def test_neither_patient_nor_key_stands_in_logs_addresses_of_the_history_or_tasks(sink, clinic, queue, caplog):
    """T14: what is logged while an offer is mailed, opened, guessed at and answered, as it would be written."""
    caplog.set_level(logging.DEBUG)
    canary = {"given_name": "Canaria", "family_name": "Serinus", "email": "canary@patients.example"}
    offer = make.offered(clinic, patient=make.patient(clinic, **canary))
    tasks.tell([offer], make.NOW)
    address = address_in(mailed(sink))
    patient = Patients()
    patient.open(address)
    patient.send(address, WRONG)
    patient.send(address)
    Patients().client.post(address, {"date_of_birth": BORN})  # without a token: refused, and logged
    patient.send(address, answer="accept")
    assert now(offer).offer_expires_at is None
    lines = [DiscreetFormatter("%(name)s %(message)s").format(record) for record in caplog.records]
    ours = [line for line in lines if not line.startswith("mail.log")]  # the sink's own, a stranger's server
    contexts = json.dumps(list(pghistory.models.Context.objects.values_list("metadata", flat=True)))
    pokes = b"".join(queue.lrange("celery", 0, -1)).decode()
    assert "/offers/(key)" in contexts
    assert any("/offers/(key)" in line for line in ours)
    assert "send_message" in pokes
    key = address.split("/")[2]
    for place in (*ours, contexts, pokes):
        assert [secret for secret in (*canary.values(), BORN, key) if secret in place] == []


def test_what_a_patient_does_is_not_taken_for_a_look_of_staff(address, offer):
    """I10: the move says that the patient answered; the log of who looked is about staff."""
    before = Access.objects.count()
    patient = Patients()
    patient.open(address)
    patient.send(address, answer="accept")
    assert Access.objects.count() == before
    assert offer.moves.last().reason == "by the patient, through the link"
