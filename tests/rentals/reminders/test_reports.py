"""What is heard of a mail later: taken once, about our own mails only, and what it stops (I8)."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import BytesIO, TextIOWrapper

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction

from patients.models import Patient, Payer, SuppressedAddress
from rentals.correction.address import lift
from rentals.models import Message, MessageReport, Reminder, Rental, StaffTask
from rentals.reminders import mailbox, outbox, plan
from rentals.reminders.report_mails import reports_in
from rentals.reminders.return_path import HEADER, message_behind, return_path, token_of
from tests import bounces, make
from tests.bounces import Mailbox, arf, dsn
from tests.raw import faulty
from tests.refusals import refused_as
from tests.rentals.reminders.moments import days_overdue, newly_planned
from tests.running import CHECKOUT

pytestmark = pytest.mark.django_db
HEARD = datetime(2026, 4, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def bounce_address(settings):
    settings.BOUNCE_ADDRESS = "bounces@clinic.example"


@pytest.fixture
def sent(planned, sink):
    return send(planned, sink)


def send(message, sink, mode="accept"):
    """The message when it was handed to the mail server, and the envelope's sender of its mail."""
    sink.mode = mode
    outbox.send(message.pk, message.created_at)
    return Message.objects.get(pk=message.pk), sink.senders[-1] if sink.senders else ""


def take(raw, at=HEARD):
    return mailbox.take_reports(reports_in(raw, heard_at=at), source="mailbox", heard_at=at)


def test_a_mail_leaves_in_an_envelope_that_names_its_message_and_people_see_the_clinic(sent, sink):
    message, envelope = sent
    token = token_of(message, message.patient.email)
    assert envelope == return_path(token) == f"bounces+{token}@clinic.example"
    assert len(envelope.split("@")[0]) <= 64
    [mail] = sink.mails
    assert "clinic.example" in mail["From"]
    assert "bounces" not in mail["From"]
    assert mail[HEADER] == token
    assert message_behind(token) == message


def test_without_a_bounce_address_the_envelope_is_the_sender_s(planned, sink, settings):
    settings.BOUNCE_ADDRESS = ""
    _, envelope = send(planned, sink)
    assert envelope == "desk@clinic.example"


def test_a_hard_bounce_is_kept_stops_the_address_and_asks_staff_to_phone(sent):
    message, envelope = sent
    assert take(dsn(envelope)) == 1
    report = MessageReport.objects.get()
    assert (report.message, report.kind, report.permanent, report.why) == (message, "bounced", True, "550 5.1.1")
    assert (report.at, report.heard_at, report.source) == (datetime(2026, 3, 29, 22, 5, tzinfo=UTC), HEARD, "mailbox")
    suppressed = SuppressedAddress.objects.get()
    assert (suppressed.address, suppressed.why, suppressed.since) == (message.patient.email, "bounced", HEARD)
    task = StaffTask.objects.get()
    assert (task.kind, task.patient, task.rental) == ("address", message.patient, message.reminders.get().rental)
    assert "Ask for an address that works" in task.words


def test_a_report_counts_once_by_whatever_way_it_comes(sent):
    _, envelope = sent
    assert [take(dsn(envelope)), take(dsn(envelope)), take(dsn(envelope, quoted="X-Other: copy"))] == [1, 0, 0]
    assert (MessageReport.objects.count(), StaffTask.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("status", "diagnosis", "permanent"),
    [
        ("5.1.1", "smtp; 550 5.1.1 <a@b> unknown", True),
        ("5.1.10", "smtp; 556 5.1.10 null MX", True),
        ("5.2.1", "smtp; 550 5.2.1 disabled", True),
        ("5.4.4", "x-postfix; no such domain", True),
        ("5.0.0", "smtp; 550 no such user", True),
        ("", "smtp; 551 moved away", True),
        ("5.0.0", "", False),
        ("5.2.2", "smtp; 552 5.2.2 mailbox full", False),
        ("5.7.1", "smtp; 550 5.7.1 looks like spam", False),
        ("5.1.8", "smtp; 550 5.1.8 bad sender", False),
        ("4.4.7", "smtp; 451 4.4.7 expired", False),
    ],
)
def test_only_a_bounce_about_the_address_itself_stops_it_and_each_bounce_asks_staff(sent, status, diagnosis, permanent):
    _, envelope = sent
    assert take(dsn(envelope, status=status, diagnosis=diagnosis)) == 1
    assert MessageReport.objects.get().permanent == permanent
    assert SuppressedAddress.objects.exists() == permanent
    assert StaffTask.objects.get().kind == ("address" if permanent else "phone")


@pytest.mark.parametrize("action", ["delayed", "delivered"])
def test_what_is_put_off_or_delivered_is_kept_and_asks_for_nothing(sent, action):
    _, envelope = sent
    assert take(dsn(envelope, action=action, status="4.4.1" if action == "delayed" else "2.0.0", diagnosis="")) == 1
    assert MessageReport.objects.get().kind == {"delayed": "deferred"}.get(action, action)
    assert (SuppressedAddress.objects.count(), StaffTask.objects.count()) == (0, 0)


def test_a_complaint_stops_the_address(sent):
    _, envelope = sent
    assert take(arf(envelope)) == 1
    assert MessageReport.objects.get().kind == "complained"
    assert SuppressedAddress.objects.get().why == "complained"
    assert "called unwanted" in StaffTask.objects.get().words


def test_who_opts_out_by_the_mail_program_gets_no_more_advice_and_may_want_it_again(sent):
    message, envelope = sent
    patients = Patient.objects.filter(pk=message.patient_id, wants_advice=True)
    assert take(arf(envelope, feedback="opt-out")) == 1
    assert not patients.exists()
    Patient.objects.update(wants_advice=True)
    assert take(arf(envelope, feedback="opt-out")) == 0
    assert patients.exists()
    assert (SuppressedAddress.objects.count(), StaffTask.objects.count()) == (0, 0)


def test_a_payer_who_opts_out_speaks_for_nobody_else(sent):
    message, _ = sent
    payer = Payer.objects.create(
        patient=message.patient, name="Insurer", email="claims@payers.example", created_at=make.NOW
    )
    Rental.objects.update(payer=payer)
    Message.objects.filter(pk=message.pk).update(recipient="payer")
    assert take(arf(return_path(token_of(message, payer.email)), feedback="opt-out")) == 1
    assert Patient.objects.get().wants_advice


def test_a_report_without_the_envelope_is_known_by_the_header_that_it_quotes(sent, sink):
    message, _ = sent
    quoted = f"{HEADER}: {token_of(message, message.patient.email)}"
    assert take(dsn("callus@clinic.example", quoted=quoted)) == 1
    other, _ = send(newly_planned(), sink)
    quoted = f"{HEADER}: {token_of(other, other.patient.email)}"
    assert take(arf("", quoted=quoted)) == 1


def forged(envelope, other):
    token = envelope.split("+")[1].split("@")[0]
    number, mac = token.split(".")
    flipped = ("b" if mac[0] == "a" else "a") + mac[1:]
    return [
        envelope.replace(mac, flipped),
        envelope.replace(f"{number}.", f"{other.pk}."),
        envelope.replace(f"{number}.", "9999999."),
        envelope.replace(mac, mac[:20]),
        "bounces@clinic.example",
    ]


def test_forged_and_foreign_reports_change_nothing(sent, sink):
    _, envelope = sent
    other, _ = send(newly_planned(), sink)
    for address in forged(envelope, other):
        assert take(dsn(address)) == take(arf(address)) == 0
    assert not MessageReport.objects.exists()
    assert not SuppressedAddress.objects.exists()
    assert not StaffTask.objects.exists()
    assert take(dsn(envelope.upper().replace("BOUNCES", "bounces"))) == 1, "letters' case may get lost on the way"


def test_without_looking_at_the_mac_a_forged_report_would_count(sent, monkeypatch):
    """The negative control of the test above."""
    message, envelope = sent
    monkeypatch.setattr("rentals.reminders.return_path.constant_time_compare", lambda *_: True)
    assert take(dsn(forged(envelope, message)[0])) == 1


NO_REPORTS = {
    "empty": b"",
    "out of office": b"From: ada@patients.example\r\nTo: {}\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.",
    "bytes": bytes(range(256)) * 100,
    "deep": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(2000)
    ),
    "cut short": dsn("{}")[:700],
    "no action": dsn("{}", action=""),
    "strange action": dsn("{}", action="exploded"),
    "bad date and no token": dsn("nobody@clinic.example", date="yesterday"),
}  # fmt: skip


@pytest.mark.parametrize("which", NO_REPORTS)
def test_what_is_no_report_says_nothing(sent, which):
    _, envelope = sent
    assert take(NO_REPORTS[which].replace(b"{}", envelope.encode())) == 0
    assert not MessageReport.objects.exists()


def test_a_bounce_of_an_address_corrected_since_leaves_the_new_one_alone(sent):
    _, envelope = sent
    Patient.objects.update(email="new@patients.example")
    assert take(dsn(envelope)) == 1
    assert not SuppressedAddress.objects.exists()
    assert StaffTask.objects.get().kind == "phone"


def test_a_late_bounce_of_an_address_that_staff_found_right_since_does_not_stop_it_again(sent):
    message, envelope = sent
    SuppressedAddress.objects.create(address=message.patient.email, why="bounced", since=message.sent_at)
    lift(SuppressedAddress.objects.get(), at=HEARD, actor=make.reception())
    take(dsn(envelope), at=HEARD + timedelta(hours=1))
    assert not SuppressedAddress.objects.filter(lifted_at=None).exists()


def test_nobody_is_asked_to_phone_a_patient_who_hears_nothing_from_us_any_more(sent):
    _, envelope = sent
    Patient.objects.update(state=Patient.State.DECEASED)
    take(dsn(envelope))
    assert SuppressedAddress.objects.exists()
    assert not StaffTask.objects.exists()


def test_an_address_that_the_mail_server_refuses_at_once_gets_no_more_mail(planned, sink):
    message, _ = send(planned, sink, "550 at RCPT")
    assert message.state == "failed"
    assert SuppressedAddress.objects.get().address == message.patient.email
    assert StaffTask.objects.get().kind == "address"


@pytest.mark.parametrize("mode", ["552 to the body", "450 at RCPT", "550 5.7.1 at RCPT", "accepted, then dropped"])
def test_a_refusal_that_is_not_about_the_address_stops_nothing(planned, sink, mode):
    send(planned, sink, mode)
    assert not SuppressedAddress.objects.exists()
    assert not StaffTask.objects.exists()


def test_nothing_is_sent_to_a_suppressed_address_until_it_is_lifted_or_corrected(sent):
    message, envelope = sent
    rental = message.reminders.get().rental
    take(dsn(envelope))
    plan.plan_reminders(days_overdue(rental, 3))
    assert outbox.send_due(days_overdue(rental, 3)) == {}
    assert Reminder.objects.get(occasion__endswith="+3", channel="email").why == "bounced"
    lift(SuppressedAddress.objects.get(), at=HEARD, actor=make.reception())
    plan.plan_reminders(days_overdue(rental, 7))
    assert outbox.send_due(days_overdue(rental, 7)) == {"sent": 1}


def test_a_suppression_is_lifted_once_and_it_is_written_who_did(sent):
    message, envelope = sent
    take(dsn(envelope))
    suppressed, actor = SuppressedAddress.objects.get(), make.reception()
    lift(suppressed, at=HEARD, actor=actor)
    suppressed.refresh_from_db()
    assert (suppressed.lifted_at, suppressed.lifted_by) == (HEARD, actor)
    assert message.patient.accesses.get(user=actor).action == "changed"
    refused_as("already_lifted", lift, suppressed, at=HEARD, actor=make.reception())
    suppressed.refresh_from_db()
    assert suppressed.lifted_by == actor


def test_a_report_is_never_changed_afterwards(sent):
    _, envelope = sent
    take(dsn(envelope))
    with pytest.raises(DatabaseError), transaction.atomic():
        MessageReport.objects.update(kind="delivered", permanent=False)


def test_the_mailbox_is_emptied_of_reports_once_they_are_taken_and_other_mail_stays(sent, settings):
    _, envelope = sent
    with Mailbox() as box:
        settings.BOUNCE_MAILBOX_URL = box.url
        report, other = box.put(dsn(envelope)), box.put(NO_REPORTS["out of office"])
        assert mailbox.take_mailbox(HEARD) == 1
        assert (list(box.mails), box.flags[other]) == ([other], {"\\Seen"})
        assert report not in box.mails
        assert mailbox.take_mailbox(HEARD) == 0


def test_a_report_whose_taking_is_not_committed_stays_in_the_mailbox(sent, settings):
    _, envelope = sent
    with Mailbox() as box:
        settings.BOUNCE_MAILBOX_URL = box.url
        number = box.put(dsn(envelope))
        with faulty("patients_suppressedaddress", "INSERT"), pytest.raises(DatabaseError, match="out of order"):
            mailbox.take_mailbox(HEARD)
        assert (box.flags[number], MessageReport.objects.count()) == (set(), 0)
        assert mailbox.take_mailbox(HEARD) == 1


@pytest.mark.parametrize("trouble", ["refuses", "nobody there", "no such folder"])
def test_a_mailbox_that_cannot_be_read_is_said_without_its_password(settings, caplog, trouble):
    with Mailbox() as box:
        box.refuses = trouble == "refuses"
        settings.BOUNCE_MAILBOX_URL = box.url.replace("INBOX", "None" if trouble == "no such folder" else "INBOX")
        if trouble == "nobody there":
            settings.BOUNCE_MAILBOX_URL = "imap://desk:p%40ss@127.0.0.1:1/INBOX"
        assert mailbox.take_mailbox(HEARD) == 0
    assert "cannot be read" in caplog.text
    assert "p@ss" not in caplog.text


def test_without_a_mailbox_there_is_nothing_to_take(settings):
    settings.BOUNCE_MAILBOX_URL = ""
    assert mailbox.take_mailbox(HEARD) == 0


@pytest.mark.django_db(transaction=True)
def test_a_mail_server_hands_a_report_to_the_command(sink, process_environment, monkeypatch, capsys):
    _, envelope = send(newly_planned(), sink)
    report = dsn(envelope, date=bounces.DATE)
    command = [sys.executable, "manage.py", "take_bounce"]
    done = subprocess.run(command, cwd=CHECKOUT, env=process_environment, input=report, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"1 new report.\n")
    assert MessageReport.objects.get().source == "take_bounce"
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(report)))
    call_command("take_bounce")
    assert capsys.readouterr().out == "0 new reports.\n"
