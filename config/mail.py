"""Handing one mail to the mail server, and knowing what became of it (reliability: exactly once does not exist).

A mail is accepted when the server answers 250 to its body. Whatever fails before the body was asked
for was surely not sent. Once the body is on its way and no answer comes, nobody can tell.
"""

import re
import smtplib
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends import smtp
from django.core.mail.backends.base import BaseEmailBackend

GO_AHEAD = 354  # the server asks for the body
ENHANCED_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


class Outcome(Enum):
    ACCEPTED = "accepted"
    TRY_AGAIN = "try again"
    REFUSED = "refused"
    IN_DOUBT = "in doubt"


@dataclass(frozen=True)
class Delivery:
    """What became of one mail. `why` holds reply codes only: the server's own words may name the recipient."""

    outcome: Outcome
    why: str = ""


class _Watched(smtplib.SMTP):
    """Remembers whether the server asked for the body of a mail."""

    body_asked_for = False

    def getreply(self) -> tuple[int, bytes]:
        code, text = super().getreply()
        self.body_asked_for = self.body_asked_for or code == GO_AHEAD
        return code, text


class _WatchedTLS(_Watched, smtplib.SMTP_SSL):
    pass


class EmailBackend(smtp.EmailBackend):
    """Django's SMTP, for one mail a connection, whose connection remembers how far the mail came."""

    @property
    def connection_class(self) -> type[_Watched]:
        return _WatchedTLS if self.use_ssl else _Watched


def deliver(mail: EmailMessage) -> Delivery:
    """Hand `mail` to the mail server over a connection of its own; every failure of the way is an outcome."""
    connection = get_connection()
    try:
        connection.open()
    except OSError as error:  # every SMTPException is one
        _close(connection)
        return Delivery(Outcome.TRY_AGAIN, f"no connection to the mail server ({type(error).__name__})")
    wire = getattr(connection, "connection", None)
    try:
        connection.send_messages([mail])
    except OSError as error:
        return _judge(error, in_doubt=getattr(wire, "body_asked_for", True))
    except ValueError as error:  # an address or header that no mail can have; found before anything is sent
        return Delivery(Outcome.REFUSED, f"the mail could not be written ({type(error).__name__})")
    finally:
        _close(connection)
    return Delivery(Outcome.ACCEPTED)


def _judge(error: OSError, *, in_doubt: bool) -> Delivery:
    """An answer of 4xx or 5xx is certain, also to the body; any other failure depends on how far the mail came."""
    code, text = _answer(error)
    why = f"{code} {text}".strip() if code else type(error).__name__
    if 400 <= code < 500:
        return Delivery(Outcome.TRY_AGAIN, f"the mail server put it off ({why})")
    if 500 <= code < 600:
        return Delivery(Outcome.REFUSED, f"the mail server refused it ({why})")
    if in_doubt:
        return Delivery(Outcome.IN_DOUBT, f"no clear answer came after the mail was handed over ({why})")
    return Delivery(Outcome.TRY_AGAIN, f"the connection broke before the mail was handed over ({why})")


def _answer(error: OSError) -> tuple[int, str]:
    """The server's reply code and its enhanced code; 0 when the failure is not an answer to the mail."""
    text: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
    elif isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPDataError):
        code, text = error.smtp_code, error.smtp_error
    else:  # among them a refused greeting, and smtplib's own 500 for a line that is too long
        return 0, ""
    words = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    enhanced = ENHANCED_CODE.match(words)
    return code, enhanced.group() if enhanced else ""


def _close(connection: BaseEmailBackend) -> None:
    """Say goodbye; what the server answers to that says nothing about the mail."""
    with suppress(OSError):
        connection.close()
