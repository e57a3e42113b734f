"""Several mails over one connection: kept only while the server answers, and in doubt no more often than by itself."""

from contextlib import closing

import pytest
from aiosmtpd.smtp import SMTP
from django.core.mail import EmailMessage

from config import mail
from config.mail import Outcome, Way
from tests.rentals.reminders.conftest import sink as sink


@pytest.fixture
def connections(sink):
    """The server's ends of the connections over which a body came, one a mail."""
    used, handle = [], sink.handle_DATA

    async def noted(server, session, envelope):
        used.append(server.transport)
        return await handle(server, session, envelope)

    sink.handle_DATA = noted
    return used


def another(number: int = 0) -> EmailMessage:
    return EmailMessage(
        "A", "B", "desk@clinic.example", ["ada@patients.example"], headers={"Message-ID": f"<{number}>"}
    )


def test_mails_that_follow_each_other_go_over_one_connection(connections):
    with closing(Way()) as way:
        assert {way.deliver(another(number)).outcome for number in range(3)} == {Outcome.ACCEPTED}
    assert (len(connections), len(set(connections))) == (3, 1)


def hang_up(sink, transport):
    """As a server does that has waited for long enough."""
    sink._controller.loop.call_soon_threadsafe(transport.write, b"421 4.4.2 idle for too long\r\n")
    sink._controller.loop.call_soon_threadsafe(transport.close)


def vanish(sink, transport):
    sink._controller.loop.call_soon_threadsafe(transport.abort)


@pytest.mark.parametrize("end", [hang_up, vanish])
def test_a_connection_that_ended_meanwhile_is_made_anew_and_no_mail_is_in_doubt(sink, connections, end):
    with closing(Way()) as way:
        way.deliver(another())
        end(sink, connections[0])
        assert way.deliver(another(1)).outcome is Outcome.ACCEPTED
    assert (sink.message_ids.total(), len(set(connections))) == (2, 2)


def test_a_server_that_lets_the_question_wait_in_vain_is_asked_once_and_no_more(sink, connections, settings, hung):
    settings.EMAIL_TIMEOUT = 0.3
    with closing(Way()) as way:
        assert {way.deliver(another(number)).outcome for number in range(4)} == {Outcome.ACCEPTED}
    assert (len(hung), sink.message_ids.total(), len(set(connections))) == (1, 4, 4)


@pytest.fixture
def hung(monkeypatch):
    """The connections on which the server was asked whether it still answers, and did not."""
    asked = []

    async def says_nothing(server, arg):
        asked.append(server.transport)

    monkeypatch.setattr(SMTP, "smtp_RSET", says_nothing)
    return asked


def test_without_being_asked_whether_it_answers_a_connection_that_ended_leaves_a_mail_in_doubt(
    sink, connections, monkeypatch
):
    """The negative control of the test above."""
    monkeypatch.setattr(mail.EmailBackend, "answers", lambda backend: True)
    with closing(Way()) as way:
        way.deliver(another())
        vanish(sink, connections[0])
        assert way.deliver(another(1)).outcome is Outcome.IN_DOUBT
    assert sink.message_ids.total() == 1


@pytest.mark.parametrize(
    ("mode", "outcome", "arrived"),
    [
        ("dropped at RCPT", Outcome.TRY_AGAIN, 0),
        ("450 at RCPT", Outcome.TRY_AGAIN, 0),
        ("451 at DATA", Outcome.TRY_AGAIN, 0),
        ("451 to the body", Outcome.TRY_AGAIN, 0),
        ("550 at RCPT", Outcome.REFUSED, 0),
        ("552 to the body", Outcome.REFUSED, 0),
        ("accepted, then dropped", Outcome.IN_DOUBT, 1),
        ("accepted, then nonsense", Outcome.IN_DOUBT, 1),
    ],
)
def test_a_failure_means_the_same_after_a_mail_that_was_taken_and_the_next_one_leaves(
    sink, connections, mode, outcome, arrived
):
    with closing(Way()) as way:
        way.deliver(another())
        sink.mode = mode
        assert way.deliver(another(1)).outcome is outcome
        sink.mode = "accept"
        assert way.deliver(another(2)).outcome is Outcome.ACCEPTED
    assert (sink.message_ids["<1>"], sink.message_ids.total()) == (arrived, 2 + arrived)
    assert connections[-1] is not connections[0]


def test_only_smtp_is_kept_open_for_nothing_else_can_be_asked_whether_it_answers(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    with closing(Way()) as way:
        assert way.deliver(another()).outcome is Outcome.ACCEPTED
        assert way._kept is None
