"""What a mail server's answer means, and the envelope in which a mail leaves."""

import pytest
from django.core.mail import EmailMessage

from config.environment import WrongEnvironment, address, beginning_with, number
from config.mail import Outcome, deliver, no_such_address
from tests.rentals.reminders.conftest import sink as sink


@pytest.mark.parametrize(
    ("code", "enhanced", "gone"),
    [
        (550, "5.1.1", True),
        (550, "", True),
        (553, "5.1.3", True),
        (550, "5.0.0", True),
        (550, "5.7.1", False),
        (550, "5.1.8", False),
        (552, "5.2.2", False),
        (554, "", False),
        (450, "4.2.1", False),
        (0, "", False),
    ],
)
def test_a_refusal_is_about_the_address_or_about_something_else(code: int, enhanced: str, gone: bool):
    assert no_such_address(code, enhanced) == gone


@pytest.mark.parametrize(
    "words",
    [
        "550 relay not permitted",
        "550 Relaying denied",
        "553 sorry, that domain isn't in my list of allowed relays",
        "550 this looks like SPAM",
        "550 rejected by local policy",
        "550 your host is blocked using a list",
        "553 sender address rejected",
    ],
)
def test_a_code_of_the_address_with_words_about_something_else_is_not_about_the_address(words: str):
    assert not no_such_address(int(words[:3]), "", words)
    assert no_such_address(550, "5.1.1", words)


def test_a_mail_set_up_that_is_wrong_is_tried_again(settings):
    settings.EMAIL_BACKEND = "config.mail.Missing"
    delivery = deliver(EmailMessage("A", "B", "desk@clinic.example", ["ada@patients.example"]))
    assert (delivery.outcome, delivery.why) == (Outcome.TRY_AGAIN, "the mail set-up is wrong (ImportError)")


@pytest.mark.parametrize(
    ("mode", "outcome", "gone"),
    [
        ("accept", Outcome.ACCEPTED, False),
        ("550 at RCPT", Outcome.REFUSED, True),
        ("550 5.7.1 at RCPT", Outcome.REFUSED, False),
        ("550 relay at RCPT", Outcome.REFUSED, False),
        ("552 to the body", Outcome.REFUSED, False),
    ],
)
def test_a_delivery_says_whether_the_address_is_gone(sink, mode: str, outcome: Outcome, gone: bool):
    sink.mode = mode
    delivery = deliver(EmailMessage("A", "B", "desk@clinic.example", ["ada@patients.example"]))
    assert (delivery.outcome, delivery.no_such_address) == (outcome, gone)


def test_reports_come_back_to_the_envelope_and_people_see_the_sender(sink):
    mail = EmailMessage("A", "B", "Clinic Zoë <desk@clinic.example>", ["ada@patients.example"])
    mail.envelope_sender = "bounces+1.a@clinic.example"  # type: ignore[attr-defined]
    deliver(mail)
    assert sink.senders == ["bounces+1.a@clinic.example"]
    assert sink.mails[0]["From"] == "Clinic Zoë <desk@clinic.example>"
    assert mail.from_email == "Clinic Zoë <desk@clinic.example>", "the mail itself stays as it was written"


@pytest.mark.parametrize("wrong", ["0", "-1", "1.5", "many", "²"])
def test_a_number_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: str):
    monkeypatch.setenv("EMAIL_PER_MINUTE", wrong)
    with pytest.raises(WrongEnvironment, match="EMAIL_PER_MINUTE"):
        number("EMAIL_PER_MINUTE", 300)


def test_a_number_that_is_not_given_is_the_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("EMAIL_PER_MINUTE", raising=False)
    assert number("EMAIL_PER_MINUTE", 300) == 300


@pytest.mark.parametrize("wrong", ["clinic.example", "@clinic.example", "a@", "a b@clinic.example"])
def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: str):
    monkeypatch.setenv("BOUNCE_ADDRESS", wrong)
    with pytest.raises(WrongEnvironment, match="BOUNCE_ADDRESS"):
        address("BOUNCE_ADDRESS")


def test_the_keys_of_a_mail_service_are_taken_from_the_environment_or_files(monkeypatch: pytest.MonkeyPatch, tmp_path):
    (tmp_path / "key").write_text("from a file\n")
    monkeypatch.setenv("ANYMAIL_POSTMARK_SERVER_TOKEN", "secret")
    monkeypatch.setenv("ANYMAIL_MAILGUN_API_KEY_FILE", str(tmp_path / "key"))
    assert beginning_with("ANYMAIL_") == {"MAILGUN_API_KEY": "from a file", "POSTMARK_SERVER_TOKEN": "secret"}
