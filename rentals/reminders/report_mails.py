"""Reports as mail: delivery status (RFC 3464) and complaints (ARF, RFC 5965), read with the standard library.

Whatever is no report says nothing: an out-of-office answer to the envelope's sender is no bounce.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message as Mail
from email.utils import parsedate_to_datetime

from config.mail import ENHANCED_CODE, no_such_address
from rentals.models import MessageReport
from rentals.reminders.reports import Report
from rentals.reminders.return_path import tokens_in

MOST_BYTES = 1_000_000  # of a report; what is longer is cut off, for only the beginning of what came back counts
MOST_PARTS = 50
REPLY_CODE = re.compile(r"\b([245]\d\d)[ -]")

Kind = MessageReport.Kind
KIND_OF_ACTION = {"failed": Kind.BOUNCED, "delayed": Kind.DEFERRED, "delivered": Kind.DELIVERED}
KIND_OF_FEEDBACK = {"abuse": Kind.COMPLAINED, "fraud": Kind.COMPLAINED, "virus": Kind.COMPLAINED,
                    "opt-out": Kind.UNSUBSCRIBED, "opt-out-list": Kind.UNSUBSCRIBED}  # fmt: skip


def reports_in(raw: bytes, *, heard_at: datetime) -> list[Report]:
    """The reports in one mail; none when it is no report, or cannot be read at all."""
    try:
        mail = message_from_bytes(raw[:MOST_BYTES])
        return list(_reports(mail, heard_at))
    except Exception:  # it came from anywhere, and whatever the parser says to it, the other mails wait
        return []


def _reports(mail: Mail, heard_at: datetime) -> Iterator[Report]:
    parts = [part for part, _ in zip(mail.walk(), range(MOST_PARTS), strict=False)]
    unread = Report(kind=Kind.BOUNCED, at=_date(mail, heard_at), tokens=tuple(dict.fromkeys(_tokens(parts))))
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            for status in _blocks(part):
                if kind := KIND_OF_ACTION.get(_field(status, "Action").lower()):
                    yield _with_codes(replace(unread, kind=kind), status)
        if part.get_content_type() == "message/feedback-report":
            for feedback in _blocks(part):
                if kind := KIND_OF_FEEDBACK.get(_field(feedback, "Feedback-Type").lower()):
                    yield replace(unread, kind=kind)


def _with_codes(report: Report, status: Mail) -> Report:
    """The report with what the codes of one recipient's status say; the words around them name people."""
    diagnosis = _field(status, "Diagnostic-Code")
    enhanced = ENHANCED_CODE.search(_field(status, "Status")) or ENHANCED_CODE.search(diagnosis)
    replied = REPLY_CODE.search(diagnosis)
    code, detail = replied[1] if replied else "", enhanced.group() if enhanced else ""
    permanent = report.kind == Kind.BOUNCED and no_such_address(int(code or 0), detail, diagnosis)
    return replace(report, permanent=permanent, why=f"{code} {detail}".strip())


def _blocks(part: Mail) -> list[Mail]:
    payload = part.get_payload()
    return [block for block in payload if isinstance(block, Mail)] if isinstance(payload, list) else []


def _field(block: Mail, name: str) -> str:
    """The header's words in one line; "" where there is none."""
    return " ".join(str(block.get(name, "")).split())


def _tokens(parts: list[Mail]) -> Iterator[str]:
    """What looks like a token in any header: of the report, of its blocks, of the mail that it quotes."""
    for part in parts:
        for value in part.values():
            yield from tokens_in(str(value))
        if part.get_content_type() == "text/rfc822-headers":
            yield from tokens_in(str(part.get_payload()))


def _date(mail: Mail, heard_at: datetime) -> datetime:
    try:
        said = parsedate_to_datetime(str(mail.get("Date", "")))
    except ValueError:
        return heard_at
    return said if said.tzinfo else said.replace(tzinfo=UTC)
