"""A mail service instead of a mail server: its answers, and what it tells later by webhook (I8, T8)."""

import json
import threading
from base64 import b64encode
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.urls import include, path

from config import mail_service
from config.urls import urlpatterns as usual
from patients.models import SuppressedAddress
from rentals.models import Message, MessageReport, StaffTask
from rentals.reminders import outbox
from rentals.reminders.return_path import METADATA, token_of

pytestmark = pytest.mark.django_db
urlpatterns = [path("mail/", include(mail_service.webhooks("postmark"))), *usual]
TAKEN = {"ErrorCode": 0, "Message": "OK", "MessageID": "b7bc2f4a-e38e", "To": "(to)"}
INACTIVE = {"ErrorCode": 406, "Message": "Found inactive addresses: (to).\nInactive recipients are ones that bounced."}


class Postmark(ThreadingHTTPServer):
    """Answers as Postmark does, or as `status` and `answer` say; keeps what it was asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Asked)
        self.status, self.answer, self.asked = 200, TAKEN, []


class _Asked(BaseHTTPRequestHandler):
    server: Postmark

    def do_POST(self):
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if self.server.status == 0:
            return
        to = self.server.asked[-1]["To"]
        answer = json.dumps(self.server.answer).replace("(to)", to).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


@pytest.fixture
def postmark(settings):
    service = Postmark()
    threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    settings.EMAIL_SERVICE = "postmark"
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    settings.ROOT_URLCONF = __name__
    settings.ANYMAIL = {
        **settings.ANYMAIL,
        "POSTMARK_SERVER_TOKEN": "test",
        "POSTMARK_API_URL": f"http://127.0.0.1:{service.server_address[1]}/",
        "WEBHOOK_SECRET": "hook:secret",
        "REQUESTS_TIMEOUT": 2,
    }
    yield service
    service.shutdown()
    service.server_close()


def send(message):
    outbox.send(message.pk, message.created_at)
    return Message.objects.get(pk=message.pk)


@pytest.fixture
def sent(planned, postmark):
    return send(planned)


def tell(client, event, secret="hook:secret"):
    return client.post(
        "/mail/postmark/tracking/",
        json.dumps(event),
        content_type="application/json",
        headers={"Authorization": f"Basic {b64encode(secret.encode()).decode()}"},
    ).status_code


def bounce(message, kind="HardBounce", details="smtp;550 5.1.1 no such user", **more):
    address = message.patient.email
    return {
        "RecordType": "Bounce", "Type": kind, "ID": 42, "MessageID": "b7bc2f4a-e38e", "Email": address,
        "BouncedAt": "2026-03-31T09:00:00Z", "Details": details, "Metadata": {METADATA: token_of(message, address)},
        **more,
    }  # fmt: skip


def test_a_mail_that_the_service_takes_is_sent_and_bears_its_name_there(sent, postmark):
    assert (sent.state, sent.provider_id) == ("sent", "b7bc2f4a-e38e")
    [asked] = postmark.asked
    assert asked["Metadata"] == {METADATA: token_of(sent, sent.patient.email)}
    assert {"Name": "Message-ID", "Value": sent.message_id} in asked["Headers"]


@pytest.mark.parametrize(
    ("status", "answer", "state", "stops"),
    [
        (429, {}, "retry", False),
        (503, {}, "retry", False),
        (401, {"ErrorCode": 10}, "retry", False),
        (422, {"ErrorCode": 300, "Message": "Invalid 'From' address"}, "failed", False),
        (422, INACTIVE, "failed", True),
        (500, {}, "unknown", False),
        (0, {}, "unknown", False),
    ],
)
def test_each_answer_of_the_service_has_its_state(planned, postmark, status, answer, state, stops):
    postmark.status, postmark.answer = status, answer
    assert send(planned).state == state
    assert SuppressedAddress.objects.exists() == stops


def test_a_service_that_is_not_there_is_tried_again(planned, postmark, settings):
    settings.ANYMAIL = {**settings.ANYMAIL, "POSTMARK_API_URL": "http://127.0.0.1:1/"}
    assert send(planned).state == "retry"


def test_a_bounce_told_by_webhook_is_taken_once_and_stops_the_address(sent, client):
    assert [tell(client, bounce(sent)) for _ in range(2)] == [200, 200]
    report = MessageReport.objects.get()
    assert (report.message, report.kind, report.permanent) == (sent, "bounced", True)
    assert (report.source, report.why) == ("Postmark", "550 5.1.1")
    assert report.at == datetime(2026, 3, 31, 9, tzinfo=UTC)
    assert SuppressedAddress.objects.get().address == sent.patient.email
    assert StaffTask.objects.get().kind == "address"


@pytest.mark.parametrize(
    ("kind", "details", "permanent"),
    [
        ("SoftBounce", "smtp;452 4.2.2 mailbox full", False),
        ("SoftBounce", "smtp;550 5.1.1 no such user", True),
        ("HardBounce", "", True),
        ("HardBounce", "smtp;550 relay not permitted", False),
        ("Blocked", "", False),
        ("Blocked", "smtp;550 5.1.1 no such user", False),
        ("BadEmailAddress", "", True),
    ],
)
def test_what_the_recipient_s_server_said_counts_before_the_service_s_word_for_it(
    sent, client, kind, details, permanent
):
    tell(client, bounce(sent, kind, details))
    assert MessageReport.objects.get().permanent == permanent
    assert SuppressedAddress.objects.exists() == permanent


def test_deliveries_and_complaints_are_kept_and_what_was_opened_is_not(sent, client):
    name = {"MessageID": "b7bc2f4a-e38e", "Recipient": sent.patient.email}
    tell(client, {"RecordType": "Delivery", "DeliveredAt": "2026-03-31T09:00:00Z", **name})
    tell(client, {"RecordType": "Open", "ReceivedAt": "2026-03-31T09:00:00Z", **name})
    tell(client, {"RecordType": "SpamComplaint", "Type": "SpamComplaint", "BouncedAt": "2026-03-31T09:01:00Z",
                  "ID": 7, "Email": name["Recipient"], **name})  # fmt: skip
    assert set(MessageReport.objects.values_list("kind", flat=True)) == {"delivered", "complained"}
    assert SuppressedAddress.objects.get().why == "complained"


def test_without_the_token_the_service_s_own_name_of_the_mail_counts(sent, client):
    assert tell(client, bounce(sent, Metadata={})) == 200
    assert MessageReport.objects.get().message == sent


def test_a_webhook_without_the_secret_changes_nothing(sent, client):
    assert tell(client, bounce(sent), secret="hook:wrong") == 400
    assert client.post("/mail/postmark/tracking/", json.dumps(bounce(sent)), "application/json").status_code == 400
    assert not MessageReport.objects.exists()


def test_what_the_service_tells_of_other_mails_changes_nothing(sent, client):
    foreign = bounce(sent, MessageID="another", Metadata={METADATA: f"{sent.pk}.{'a' * 32}"})
    assert tell(client, foreign) == 200
    assert not MessageReport.objects.exists()
    assert not SuppressedAddress.objects.exists()


def test_only_the_chosen_service_may_report_and_none_sends_mail_to_us():
    assert [str(pattern.pattern) for pattern in mail_service.webhooks("postmark")] == ["postmark/tracking/"]
    assert [str(pattern.pattern) for pattern in mail_service.webhooks("mandrill")] == [
        "mandrill/",
        "mandrill/tracking/",
    ]
    assert mail_service.webhooks("") == []
