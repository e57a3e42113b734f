"""Handing one mail to the mail server, and knowing what became of it (reliability: exactly once does not exist).

A mail is accepted when the server answers 250 to its body. Whatever fails before the body was asked
for was surely not sent. Once the body is on its way and no answer comes, nobody can tell.
"""

import re
import smtplib
from collections.abc import Sequence
from contextlib import closing, suppress
from copy import copy
from dataclasses import dataclass
from enum import Enum
from typing import Any

from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends import smtp
from django.core.mail.backends.base import BaseEmailBackend

OK, GO_AHEAD = 250, 354  # the latter: the server asks for the body
ENHANCED_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")

# RFC 3463: no such mailbox, no such domain, bad syntax, moved without an address, takes no mail, disabled, no route.
NO_SUCH_ADDRESS = {"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4"}
SAYS_NOTHING = {"", "5.0.0", "5.1.0"}
REFUSED_MAILBOX = {550, 551, 553}
# Words with which servers refuse the sender, the way or the mail by the same codes as an address that is not there.
ABOUT_SOMETHING_ELSE = re.compile(
    r"relay|spam|polic|block|sender|black ?list|deny ?list|reputation|authenticat|spf|dkim|dmarc|denied|not permitted"
    r"|not allowed|not authori[sz]ed",
    re.IGNORECASE,
)
TOO_MANY_REQUESTS, UNAVAILABLE = 429, 503
NO_CONNECTION = {"NewConnectionError", "NameResolutionError", "ConnectTimeout", "ConnectTimeoutError"}


class Outcome(Enum):
    ACCEPTED = "accepted"
    TRY_AGAIN = "try again"
    REFUSED = "refused"
    IN_DOUBT = "in doubt"


@dataclass(frozen=True)
class Delivery:
    """What became of one mail. `why` holds reply codes only: the server's own words may name the recipient.

    `no_such_address`: it was refused because of its address, to which no other mail will get either.
    `provider_id`: what a mail service calls the mail that it took.
    """

    outcome: Outcome
    why: str = ""
    no_such_address: bool = False
    provider_id: str = ""


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
    """Django's SMTP, whose connection remembers how far the mail came, and can be asked whether it takes another.

    A mail's `envelope_sender`, if it has one, is the address to which reports about it come back (RFC 5321 MAIL
    FROM); `From` stays what people see. The mail services' backends know the same attribute.
    """

    @property
    def connection_class(self) -> type[_Watched]:
        return _WatchedTLS if self.use_ssl else _Watched

    def answers(self) -> bool:
        """Whether the server takes another mail over this connection: it may have hung up, or be gone, since the last.

        From here on the connection speaks of the next mail, for whose body nobody has asked yet. Raises TimeoutError
        where the question is left to wait in vain.
        """
        wire: Any = self.connection
        wire.body_asked_for = False
        try:
            return bool(wire.rset()[0] == OK)
        except OSError as error:
            if isinstance(error.__context__, TimeoutError):  # smtplib calls it a lost connection
                raise error.__context__ from error
            return False

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        return super().send_messages([_in_envelope(mail) for mail in email_messages])


def _in_envelope(mail: EmailMessage) -> EmailMessage:
    """`mail` as Django sends it in an envelope of its own: from `from_email`, with `From` among the headers."""
    sender = getattr(mail, "envelope_sender", "")
    if not sender:
        return mail
    enveloped = copy(mail)
    enveloped.extra_headers = {"From": mail.from_email, **mail.extra_headers}
    enveloped.from_email = sender
    return enveloped


def no_such_address(code: int, enhanced: str, words: str = "") -> bool:
    """Whether a refusal is about the recipient's address, and not about the mail, its sender or the moment.

    `code` is the reply to RCPT, `enhanced` its enhanced code. Without one that says anything the reply code counts,
    unless the server's `words` are about something else: one wrong relay must not stop all mail to everybody.
    """
    if enhanced not in SAYS_NOTHING:
        return enhanced in NO_SUCH_ADDRESS
    return code in REFUSED_MAILBOX and not ABOUT_SOMETHING_ELSE.search(words)


def deliver(mail: EmailMessage) -> Delivery:
    """Hand `mail` to the mail server over a connection of its own; every failure of the way is an outcome."""
    with closing(Way()) as way:
        return way.deliver(mail)


class Way:
    """The way to the mail server for mails that follow each other closely; whoever goes it closes it.

    A connection over which the last mail was accepted is kept for the next one, which goes over it only if the server
    has just answered. That of a mail service is not: it cannot be asked, and a request lost on it would be in doubt.
    Once a server let the question wait in vain, no more are kept: each mail would wait for as long.
    """

    def __init__(self) -> None:
        self._kept: EmailBackend | None = None
        self._keeps = True

    def deliver(self, mail: EmailMessage) -> Delivery:
        """Hand `mail` to the mail server; every failure of the way is an outcome."""
        try:
            connection = self._take_kept() or get_connection()
        except Exception as error:  # of whatever class: a set-up that is ours to mend, and nothing was sent
            return Delivery(Outcome.TRY_AGAIN, f"the mail set-up is wrong ({type(error).__name__})")
        try:
            connection.open()
        except OSError as error:  # every SMTPException is one
            _close(connection)
            return Delivery(Outcome.TRY_AGAIN, f"no connection to the mail server ({type(error).__name__})")
        try:
            delivery = _hand_over(mail, connection)
            if delivery.outcome is Outcome.ACCEPTED and self._keeps and isinstance(connection, EmailBackend):
                self._kept = connection
        finally:
            if not self._kept:
                _close(connection)
        return delivery

    def close(self) -> None:
        if self._kept:
            _close(self._kept)

    def _take_kept(self) -> BaseEmailBackend | None:
        """The connection kept from the last mail, if the server still answers."""
        kept, self._kept = self._kept, None
        if kept is None:
            return None
        try:
            if kept.answers():
                return kept
        except TimeoutError:
            self._keeps = False
        _close(kept)
        return None


def _hand_over(mail: EmailMessage, connection: BaseEmailBackend) -> Delivery:
    """Send `mail` over the open `connection`, and say what became of it."""
    wire = getattr(connection, "connection", None)
    try:
        connection.send_messages([mail])
    except (AnymailAPIError, AnymailRecipientsRefused) as error:
        return _judge_service(error)
    except OSError as error:
        return _judge(error, in_doubt=getattr(wire, "body_asked_for", True))
    except (ValueError, AnymailError) as error:  # an address or header that no mail can have; before anything is sent
        return Delivery(Outcome.REFUSED, f"the mail could not be written ({type(error).__name__})")
    status = getattr(mail, "anymail_status", None)
    return Delivery(Outcome.ACCEPTED, provider_id=str((status and status.message_id) or "")[:240])


def _judge(error: OSError, *, in_doubt: bool) -> Delivery:
    """An answer of 4xx or 5xx is certain, also to the body; any other failure depends on how far the mail came."""
    code, enhanced, _ = _answer(error)
    why = f"{code} {enhanced}".strip() if code else type(error).__name__
    if 400 <= code < 500:
        return Delivery(Outcome.TRY_AGAIN, f"the mail server put it off ({why})")
    if 500 <= code < 600:
        return Delivery(Outcome.REFUSED, f"the mail server refused it ({why})", _is_about_the_address(error))
    if in_doubt:
        return Delivery(Outcome.IN_DOUBT, f"no clear answer came after the mail was handed over ({why})")
    return Delivery(Outcome.TRY_AGAIN, f"the connection broke before the mail was handed over ({why})")


def _is_about_the_address(error: OSError) -> bool:
    """A refused recipient is, unless its code says otherwise; a refused body only if its code says so."""
    code, enhanced, words = _answer(error)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return no_such_address(code, enhanced, words)
    return isinstance(error, smtplib.SMTPDataError) and enhanced in NO_SUCH_ADDRESS


def _judge_service(error: Any) -> Delivery:
    """What a mail service's answer to a request means; without one, whether the request may have reached it."""
    if isinstance(error, AnymailRecipientsRefused):
        return Delivery(Outcome.REFUSED, "the mail service refused the address", no_such_address=True)
    code = error.status_code
    if code in {None, TOO_MANY_REQUESTS, UNAVAILABLE}:
        early = code or _never_reached_it(error.__cause__)
        outcome = Outcome.TRY_AGAIN if early else Outcome.IN_DOUBT
        return Delivery(outcome, f"the mail service gave no clear answer ({code or type(error.__cause__).__name__})")
    if code in {401, 403}:  # a wrong key is ours to mend; the mail can wait for it
        return Delivery(Outcome.TRY_AGAIN, f"the mail service does not know us ({code})")
    if 400 <= code < 500:
        return Delivery(Outcome.REFUSED, f"the mail service refused it ({code})")
    return Delivery(Outcome.IN_DOUBT, f"the mail service failed on it ({code})")


def _never_reached_it(cause: BaseException | None) -> bool:
    """Whether no connection to the mail service came about, by the names that requests and urllib3 give to that."""
    reason = getattr(cause.args[0], "reason", None) if cause and cause.args else None
    return bool({type(cause).__name__, type(reason).__name__} & NO_CONNECTION)


def _answer(error: OSError) -> tuple[int, str, str]:
    """The server's reply code, its enhanced code and its words, which may name the recipient and are not kept; 0 when
    the failure is not an answer to the mail."""
    text: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
    elif isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPDataError):
        code, text = error.smtp_code, error.smtp_error
    else:  # among them a refused greeting, and smtplib's own 500 for a line that is too long
        return 0, "", ""
    words = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    enhanced = ENHANCED_CODE.match(words)
    return code, enhanced.group() if enhanced else "", words


def _close(connection: BaseEmailBackend) -> None:
    """Say goodbye; what the server answers to that says nothing about the mail."""
    with suppress(OSError):
        connection.close()
