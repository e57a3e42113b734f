"""Messages at the desk: each with what became of it, sent again by a button, and a manager's look at all of them."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from patients.models import Access, SuppressedAddress
from rentals.links import make_portal_link
from rentals.models import Message, MessageReport, Reminder
from rentals.reminders import outbox, plan
from tests import make
from tests.rentals.desk.desk import Desk
from tests.rentals.reminders.conftest import sink as sink
from tests.rentals.reminders.moments import days_overdue, overdue
from tests.shared import shared

pytestmark = pytest.mark.django_db


def said(rental, at, **words):
    """A message about an overdue rental, and the desk's clock at its moment."""
    [message] = plan.plan_clinic(rental.clinic, at).messages
    return Message.objects.get(pk=message)


@shared
def site():
    return make.clinic("Sydney")


def sent_about(site, sink, mode="accept", days=1):
    rental = overdue(site)
    at = days_overdue(rental, days)
    sink.mode = mode
    outbox.send(said(rental, at).pk, at)
    return rental, at


def test_patient_and_rental_show_each_message_with_what_was_heard_and_a_button(site, sink):
    rental, at = sent_about(site, sink)
    message = Message.objects.get()
    MessageReport.objects.create(
        message=message, kind="bounced", why="552 5.2.2", at=at, heard_at=at, source="x", key="x"
    )
    with time_machine.travel(at + timedelta(hours=1), tick=False):
        desk = Desk(make.reception(site))
        for address in (f"/patients/{rental.patient_id}/", f"/rentals/{rental.reference}/"):
            desk.see(address)
            assert "Came back (552 5.2.2)" in desk.page
            assert f'action="/messages/{message.pk}/resend/"' in desk.page
        desk = Desk(make.auditor())
        desk.see(f"/rentals/{rental.reference}/")
        assert "/resend/" not in desk.page


def test_planned_and_void_reminders_are_shown_with_why(site):
    rental = overdue(site)
    at = days_overdue(rental, 1)
    made = [
        {"kind": "due_soon", "occasion": "1", "void": True, "why": Reminder.Why.SUPERSEDED},
        {"kind": "overdue", "occasion": "2"},
    ]
    for columns in made:
        Reminder.objects.create(rental=rental, due_at=at, **columns)
    desk = Desk(make.reception(site))
    for address in (f"/patients/{rental.patient_id}/", f"/rentals/{rental.reference}/"):
        desk.see(address)
        assert "A later reminder of the same series replaces it" in desk.page
        assert "Planned, or by phone" in desk.page
        assert "Not sent, and why" in desk.page


def test_sending_again_makes_a_new_message_once_and_says_so(site, sink):
    rental, at = sent_about(site, sink, "accepted, then dropped")
    message = Message.objects.get()
    with time_machine.travel(at + timedelta(hours=1), tick=False):
        desk = Desk(make.reception(site))
        assert desk.send(f"/messages/{message.pk}/resend/") == 302
        desk.see(desk.led_to)
        assert "It is sent again, in the hours in which messages leave." in desk.page
        assert "It was <a" in desk.page
        desk.send(f"/messages/{message.pk}/resend/")
        desk.see(desk.led_to)
        assert "Somebody has dealt with this message already" in desk.page
        assert Message.objects.get(resend_of=message).state == "queued"
        desk.see(f"/rentals/{rental.reference}/")
        assert desk.page.count("Overdue") >= 2, "both of them are shown, the first one by what it told"


def test_a_stopped_address_is_said_and_lifted_where_its_owner_is_shown(site, sink):
    rental, at = sent_about(site, sink, "550 at RCPT")
    suppressed = SuppressedAddress.objects.get()
    with time_machine.travel(at + timedelta(hours=1), tick=False):
        desk, elsewhere = Desk(make.reception(site)), Desk(make.reception(make.clinic()))
        desk.see(f"/patients/{rental.patient_id}/")
        assert f"Nothing is sent to {rental.patient.email}" in desk.page
        assert elsewhere.send(f"/suppressed/{suppressed.pk}/lift/") == 404
        assert desk.send(f"/suppressed/{suppressed.pk}/lift/") == 302
        desk.see(desk.led_to)
    assert "Mail goes to this address again." in desk.page
    assert "Nothing is sent to" not in desk.page


def watching(site, at):
    with time_machine.travel(at, tick=False):
        desk = Desk(make.manager(site))
        assert desk.see("/messages/") == 200
    return desk


def test_a_manager_sees_what_is_late_failed_in_doubt_and_stopped_at_the_site(site, sink):
    failed, _ = sent_about(site, sink, "550 at RCPT")
    doubtful, _ = sent_about(site, sink, "accepted, then dropped")
    late = overdue(site)
    at: datetime = days_overdue(late, 1)
    said(late, at)
    seen = watching(site, at + timedelta(hours=3)).answer.context["watched"]
    assert [message.patient for message in seen.late] == [late.patient]
    assert {message.patient for message in seen.to_decide} == {failed.patient, doubtful.patient}
    assert dict(seen.counts) == {"Waiting to be sent": 1, "Could not be sent": 1, "May not have arrived": 1}
    assert [(one.row.address, one.patients) for one in seen.stopped] == [(failed.patient.email, [failed.patient])]
    shown = {late.patient, failed.patient, doubtful.patient}
    assert {access.patient for access in Access.objects.filter(action="listed")} == shown


def test_rows_of_other_sites_are_not_shown(site, sink):
    elsewhere, at = sent_about(make.clinic(), sink, "550 at RCPT")
    said(overdue(elsewhere.clinic), at)
    seen = watching(site, at + timedelta(hours=3)).answer.context["watched"]
    assert not (seen.late or seen.unplanned or seen.to_decide or seen.counts or seen.stopped or seen.heard)


def test_the_page_asks_a_fixed_number_of_queries(site, sink):
    def asked(at):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            watching(site, at)
        return len([query for query in queries if "SELECT" in query["sql"]])

    _, at = sent_about(site, sink, "550 at RCPT")
    few = asked(at)
    for mode in ("550 at RCPT", "accepted, then dropped", "accept"):
        sent_about(site, sink, mode)
        said(overdue(site), at)
    assert asked(at) == few


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "Only what the mail server refuses at once is known"),
        ({"BOUNCE_ADDRESS": "b@c.example"}, "A mail server may hand reports over with take_bounce"),
        ({"BOUNCE_ADDRESS": "b@c.example", "BOUNCE_MAILBOX_URL": "imaps://x"}, "Reports are taken from a mailbox"),
        ({"EMAIL_SERVICE": "postmark", "WEBHOOK_SECRET": "a:b"}, "Postmark tells it by webhook"),
    ],
)
def test_the_page_says_how_mail_that_comes_back_is_heard_of(site, settings, changed, words):
    for name in ("BOUNCE_ADDRESS", "BOUNCE_MAILBOX_URL", "EMAIL_SERVICE", "WEBHOOK_SECRET"):
        setattr(settings, name, changed.get(name, ""))
    assert words in watching(site, make.NOW).page


def test_every_page_says_that_the_scheduler_is_silent_and_since_when(site, queue):
    queue.set("callus:alive:workers", make.NOW.timestamp())
    queue.set("callus:alive:scheduler", (make.NOW - timedelta(minutes=11)).timestamp())
    with time_machine.travel(make.NOW, tick=False):
        desk = Desk(make.reception(site))
        for address in ("/", "/rentals/", "/devices/"):
            desk.see(address)
            assert "The scheduler has given no sign since Mon 2 Mar 2026, 11:49 am" in desk.page
            assert "The workers" not in desk.page
        queue.set("callus:alive:scheduler", (make.NOW - timedelta(minutes=9)).timestamp())
        desk.see("/")
        assert "no sign" not in desk.page


def test_every_page_says_that_the_queue_does_not_answer(site, settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    desk = Desk(make.reception(site))
    assert desk.see("/") == 200
    assert "The queue does not answer" in desk.page


def test_staff_close_the_page_of_a_patient_whose_mail_somebody_else_reads(site):
    rental = make.rental(clinic=site)
    address = f"/rentals/{rental.reference}/"
    with time_machine.travel(make.NOW, tick=False):
        desk = Desk(make.reception(site))
        desk.see(address)
        assert "close-links" not in desk.page
        make_portal_link(rental, at=make.NOW)
        desk.see(address)
        assert "close-links" in desk.page
        desk.send(f"{address}close-links/")
        desk.see(address)
    assert "close-links" not in desk.page
    assert "its links open nothing any more" in desk.page
    assert rental.links.get().revoked_at == make.NOW
