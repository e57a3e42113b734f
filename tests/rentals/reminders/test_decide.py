"""Messages that wait for a person: which they are, who may see them, and that the patient was phoned instead (I8)."""

from datetime import timedelta

import pgtrigger
import pytest
from django.db import connection

from config.refusals import Refusal
from patients.models import Access
from rentals.models import Message
from rentals.reminders import outbox
from rentals.reminders.decide import decide
from tests import make
from tests.raw import assert_refused, sql, without_constraint
from tests.refusals import refused_as
from tests.rentals.reminders.moments import newly_planned
from tests.rentals.test_indexes import indexes_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db
TOLD = Message.Decision.TOLD
LATER = make.NOW + timedelta(days=30)
MODES = {"failed": "550 at RCPT", "unknown": "accepted, then dropped", "retry": "450 at RCPT", "sent": "accept"}


def to_state(message, state, sink):
    """The message when it has come to `state` by the mail server's answer."""
    sink.mode = MODES[state]
    assert outbox.send(message.pk, message.created_at) == state
    return Message.objects.get(pk=message.pk)


@pytest.mark.parametrize("state", ["failed", "unknown"])
def test_a_patient_told_by_phone_is_written_down_and_the_state_stays(planned, sink, state):
    message, actor = to_state(planned, state, sink), make.reception()
    told = decide(message, TOLD, at=LATER, actor=actor)
    assert told == Message.objects.get()
    for row in (told, Message.objects.get()):
        assert (row.state, row.decided_at, row.decided_by) == (state, LATER, actor)
    access = Access.objects.get(user=actor)
    assert (access.patient, access.action, access.at) == (message.patient, "changed", LATER)


def test_the_second_to_tell_by_phone_is_refused_and_the_first_stays(planned, sink):
    message, first, second = to_state(planned, "failed", sink), make.reception(), make.reception()
    decide(message, TOLD, at=LATER, actor=first)
    refusal = refused_as("already_decided", decide, message, TOLD, at=LATER, actor=second)
    assert refusal.message == f"{first} has decided already: told by phone instead. Nothing is left to do."
    assert Message.objects.get().decided_by == first
    assert not Access.objects.filter(user=second).exists()


@pytest.mark.parametrize("state", ["retry", "sent"])
def test_a_message_that_waits_for_no_decision_is_not_decided(planned, sink, state):
    message, actor = to_state(planned, state, sink), make.reception()
    refused_as("wrong_state", decide, message, TOLD, at=LATER, actor=actor)
    assert (Message.objects.get().decided_at, Access.objects.filter(user=actor).count()) == (None, 0)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_phone_at_once_one_is_written_down(sink):
    message, staff = to_state(newly_planned(), "unknown", sink), [make.reception() for _ in range(5)]
    callers = iter(staff)

    def phone():
        actor = next(callers)
        try:
            return decide(message, TOLD, at=LATER, actor=actor).decided_by
        except Refusal as refusal:
            return refusal.code

    answers = at_once(5, phone)
    assert answers.count("already_decided") == 4
    assert Message.objects.get().decided_by in answers


def test_messages_to_decide_are_those_failed_or_unknown_that_nobody_decided_oldest_first(sink):
    clinic = make.clinic()
    made = {state: to_state(newly_planned(clinic), state, sink) for state in ("unknown", "sent", "failed", "retry")}
    assert list(Message.objects.to_decide()) == [made["unknown"], made["failed"]]
    decide(made["unknown"], TOLD, at=LATER, actor=make.reception())
    assert list(Message.objects.to_decide()) == [made["failed"]]


def test_messages_are_seen_by_staff_of_the_patient_s_clinic(planned, sink):
    here, elsewhere = (to_state(message, "failed", sink) for message in (planned, newly_planned()))
    assert list(Message.objects.visible_to(make.reception(here.patient.clinic))) == [here]
    assert list(Message.objects.visible_to(make.reception()).to_decide()) == [here, elsewhere]


WRONG_DECISIONS = {
    "nobody": "UPDATE rentals_message SET decided_at = created_at",
    "no time": "UPDATE rentals_message SET decided_by_id = (SELECT min(id) FROM config_user)",
}


@pytest.mark.parametrize("wrong", WRONG_DECISIONS)
def test_a_decision_has_its_time_and_who_made_it(planned, sink, wrong):
    to_state(planned, "failed", sink)
    assert_refused("message_decided_has_who", WRONG_DECISIONS[wrong])
    with without_constraint("rentals_message", "message_decided_has_who"):
        assert sql(WRONG_DECISIONS[wrong]) == 1


def test_only_what_is_failed_or_unknown_is_decided(planned, sink):
    to_state(planned, "sent", sink)
    decision = (
        "UPDATE rentals_message SET decision = 'told', decided_at = created_at, "
        "decided_by_id = (SELECT min(id) FROM config_user)"
    )
    assert_refused("message_decided_has_who", decision)
    with without_constraint("rentals_message", "message_decided_has_who"):
        assert sql(decision) == 1


# Some years of messages, of which some failed and nearly all of those were decided.
MANY = """
    INSERT INTO rentals_message (patient_id, channel, state, created_at, next_attempt_at, attempts, sent_at, why,
                                 mail_key, subject, text, html, recipient, provider_id, decision, decided_at,
                                 decided_by_id)
    SELECT m.patient_id, 'email', s.state, m.created_at, m.created_at, 1,
        CASE WHEN s.state = 'sent' THEN m.created_at END, '', gen_random_uuid(), 'A reminder', repeat('x', 500), '',
        'patient', '', CASE WHEN s.state <> 'sent' AND n > 20 THEN 'told' ELSE '' END,
        CASE WHEN s.state <> 'sent' AND n > 20 THEN m.created_at END,
        CASE WHEN s.state <> 'sent' AND n > 20 THEN (SELECT min(id) FROM config_user) END
    FROM rentals_message m, generate_series(1, 10000) n,
        LATERAL (SELECT CASE mod(n, 10) WHEN 0 THEN 'failed' WHEN 1 THEN 'unknown' ELSE 'sent' END AS state) s"""


def test_what_waits_for_a_person_is_found_from_its_own_index(planned, sink):
    to_state(planned, "failed", sink)
    with connection.cursor() as cursor, pgtrigger.ignore():
        cursor.execute(MANY)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ANALYZE")
    assert Message.objects.to_decide().count() == 5
    assert indexes_of(Message.objects.to_decide()) == {"message_to_decide"}
