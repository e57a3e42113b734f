"""What a mail service tells by webhook, in our words. django-anymail has checked who says it."""

from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType, RejectReason
from django.utils import timezone

from config.mail import ENHANCED_CODE, no_such_address
from rentals.models import MessageReport
from rentals.reminders.report_mails import REPLY_CODE
from rentals.reminders.reports import Report, take_report
from rentals.reminders.return_path import METADATA

Kind = MessageReport.Kind
KIND_OF_EVENT = {
    EventType.DELIVERED: Kind.DELIVERED,
    EventType.DEFERRED: Kind.DEFERRED,
    EventType.BOUNCED: Kind.BOUNCED,
    EventType.REJECTED: Kind.BOUNCED,
    EventType.FAILED: Kind.BOUNCED,
    EventType.COMPLAINED: Kind.COMPLAINED,
    EventType.UNSUBSCRIBED: Kind.UNSUBSCRIBED,
}


def hear(event: AnymailTrackingEvent, esp_name: str, **_: Any) -> None:
    """Receives `anymail.signals.tracking`. What was opened or clicked is nobody's business."""
    now = timezone.now()
    kind = KIND_OF_EVENT.get(event.event_type)
    if kind is None:
        return
    answer = f"{event.mta_response or ''} {event.description or ''}"
    replied, enhanced = REPLY_CODE.search(answer), ENHANCED_CODE.search(answer)
    code, detail = replied[1] if replied else "", enhanced.group() if enhanced else ""
    report = Report(
        kind=kind,
        at=event.timestamp or now,
        permanent=kind == Kind.BOUNCED and is_permanent(event, code, detail, answer),
        why=f"{code} {detail}".strip(),
        key=f"{esp_name} {event.event_id}"[:240] if event.event_id else "",
        tokens=tuple(filter(None, [str((event.metadata or {}).get(METADATA, ""))])),
        provider_id=str(event.message_id or ""),
        recipient=str(event.recipient or ""),
    )
    take_report(report, source=esp_name, heard_at=now)


def is_permanent(event: AnymailTrackingEvent, code: str, detail: str, answer: str) -> bool:
    """What the recipient's mail server said counts, unless the service knows that it was about spam or a block; where
    it is not told, what the service made of it."""
    if event.reject_reason in {RejectReason.SPAM, RejectReason.BLOCKED}:
        return False
    if code or detail:
        return no_such_address(int(code or 0), detail, answer)
    return event.reject_reason in {RejectReason.INVALID, RejectReason.BOUNCED}
