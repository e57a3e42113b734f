"""The small form of T14: a patient's words are in no log, queue, subject, address or reason."""

import logging
from datetime import date

import pytest
import redis

from config.celery import app
from config.logs import DiscreetFormatter
from drills.planted import PLANTED, hits, mail_texts, queue_texts, with_bodies
from patients.models import Contact, Payer
from rentals import tasks
from rentals.ledger import pay
from rentals.models import Message, Rental
from rentals.reminders import outbox, plan
from tests import make
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)
PERSON = {
    "given_name": "Qanarygiven",
    "family_name": "Qanaryfamily",
    "date_of_birth": date(1961, 7, 23),
    "email": "qanarymail@patients.example",
    "phone": "+61 2 5550 7731",
}


@pytest.fixture
def sink(settings):
    with Sink() as sink:
        settings.EMAIL_BACKEND = "config.mail.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", sink.port, 1
        yield sink


@pytest.fixture
def written(caplog):
    """What a desk would write into its log by now."""
    caplog.set_level(logging.INFO)
    discreet = DiscreetFormatter("%(name)s %(message)s")
    return lambda: "\n".join(discreet.format(record) for record in caplog.records)


def rental_of_somebody() -> Rental:
    """A hire that starts tomorrow, paid for by somebody else, of which a contact person is told too."""
    clinic = make.clinic()
    patient = make.patient(clinic, **PERSON)
    contact = {"name": "Qanarycontact", "email": "qanarymail-contact@patients.example", "receives": "beside"}
    Contact.objects.create(patient=patient, created_at=make.NOW, **contact)
    payer = Payer.objects.create(patient=patient, name="Qanarypayer", email="a@payers.example", created_at=make.NOW)
    injury = make.indication("delayed_union", "fifth_metatarsal", "Qanarynote")
    rental = make.rental(clinic=clinic, patient=patient, indication=injury, starts_on=clinic.day_of(make.NOW))
    Rental.objects.filter(pk=rental.pk).update(payer=payer)
    pay(rental, kind="hire", amount=100, method="card", at=make.NOW, actor=make.manager())
    return rental


def test_a_patient_s_words_reach_no_log_queue_subject_address_or_reason(
    client, sink, queue: redis.Redis, written, settings
):
    rental = rental_of_somebody()
    client.force_login(make.manager())
    messages = plan.plan_reminders(make.NOW).messages
    tasks.poke(messages)
    waiting = "\n".join(queue_texts(queue))
    for message, sink.mode in zip(messages, ("accept", "450 at RCPT", "550 at RCPT"), strict=True):
        outbox.send(message, make.NOW)
    addresses = [f"/patients/{rental.patient_id}/", f"/rentals/{rental.reference}/", "/rentals/NOPE/", "/patients/"]
    statuses = [client.get(address).status_code for address in addresses]
    assert statuses == [200, 200, 404, 200]
    assert client.post("/patients/", {"name": "Qanaryfamily", "phone": "0255507731"}).status_code == 302
    reasons = str(list(Message.objects.values_list("state", "why")))
    assert all(code in reasons for code in ("450", "550"))
    sinks = [written(), waiting, "\n".join(mail_texts(sink.mails)), reasons, "\n".join(addresses)]
    assert all(sinks)
    assert [hits(text) for text in sinks] == [[]] * 5


def test_a_leak_into_log_or_queue_is_found(queue: redis.Redis, written):
    """The negative control."""
    logging.getLogger("rentals").warning("%s has not come", PERSON["given_name"])
    app.send_task("rentals.tasks.fetch_usage", ("Qanarypayer",))
    assert hits(written()) == ["given name"]
    assert hits("\n".join(queue_texts(queue))) == ["payer"]
    assert hits(with_bodies('{\\"body\\": \\"UWFuYXJ5bm90ZQ==\\"}')) == ["diagnosis"]
    assert all(hits(word.upper()) == [what] for what, words in PLANTED.items() for word in words)
