"""Reports about our mails, taken from the mailbox to which they come back (IMAP)."""

import imaplib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from urllib.parse import unquote, urlsplit

from django.conf import settings

from rentals.reminders.report_mails import MOST_BYTES, reports_in
from rentals.reminders.reports import Report, take_report

logger = logging.getLogger(__name__)

PORTS = {"imaps": 993, "imap": 143}
SECONDS_TO_ANSWER = 20
MOST_AT_ONCE = 200  # mails; what is left is taken the next time
KEEP, TAKEN = r"(\Seen)", r"(\Seen \Deleted)"


def take_reports(reports: Iterable[Report], *, source: str, heard_at: datetime) -> int:
    """Take the reports of one mail; returns how many are about mails of ours and were new."""
    return sum(take_report(report, source=source, heard_at=heard_at) is not None for report in reports)


def take_mailbox(at: datetime) -> int:
    """Take what came to the mailbox at BOUNCE_MAILBOX_URL, if there is one; returns how many reports were new.

    A report is deleted from it when what it says is committed: it quotes patients. What is no report stays, as read,
    for a person. Killed in between, the same is taken again, which changes nothing.
    """
    if not settings.BOUNCE_MAILBOX_URL:
        return 0
    try:
        with opened() as mailbox:
            new = sum(take_one(mailbox, number, at) for number in unread(mailbox)[:MOST_AT_ONCE])
            mailbox.expunge()
    except (OSError, imaplib.IMAP4.error) as error:  # its words may hold the password
        logger.warning("the mailbox for reports cannot be read (%s)", type(error).__name__)
        return 0
    return new


@contextmanager
def opened() -> Iterator[imaplib.IMAP4]:
    address = urlsplit(settings.BOUNCE_MAILBOX_URL)
    kind = imaplib.IMAP4_SSL if address.scheme == "imaps" else imaplib.IMAP4
    mailbox = kind(address.hostname or "", address.port or PORTS[address.scheme], timeout=SECONDS_TO_ANSWER)
    try:
        mailbox.login(unquote(address.username or ""), unquote(address.password or ""))
        state, _ = mailbox.select(f'"{unquote(address.path.strip("/")) or "INBOX"}"')
        if state != "OK":
            raise imaplib.IMAP4.error("no such folder")
        yield mailbox
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            mailbox.logout()


def unread(mailbox: imaplib.IMAP4) -> list[str]:
    """The lasting numbers of the mails that nobody has read, oldest first."""
    _, answer = mailbox.uid("SEARCH", "UNSEEN", "UNDELETED")
    return [number.decode() for number in (answer[0] or b"").split()]


def take_one(mailbox: imaplib.IMAP4, number: str, at: datetime) -> int:
    _, answer = mailbox.uid("FETCH", number, f"(BODY.PEEK[]<0.{MOST_BYTES}>)")
    raw = next((part[1] for part in answer if isinstance(part, tuple)), b"")
    reports = reports_in(raw, heard_at=at)
    taken = take_reports(reports, source="mailbox", heard_at=at)
    mailbox.uid("STORE", number, "+FLAGS.SILENT", TAKEN if reports else KEEP)
    return taken
