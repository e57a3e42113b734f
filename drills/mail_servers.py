"""T8: mail servers that take a mail, refuse it, put it off, are slow, vanish or never say a word, in nine ways.

MESSAGES of each way, 20 unless set. What a real server on loopback took, by Message-ID, is the truth.
"""

import logging
import os
from collections import Counter
from datetime import UTC, datetime, timedelta

from django.test import override_settings

from drills.kills import clinic_that_never_sleeps, make_overdue
from rentals.models import Message, Reminder
from rentals.reminders import outbox, plan
from tests.sink import Sink

# What a message is after the first try, and how many mails the server has taken of it by then.
MODES = {
    "accept": ("sent", 1),
    "refused connection": ("retry", 0),
    "421 at connect": ("retry", 0),
    "no greeting": ("retry", 0),
    "slow at RCPT": ("retry", 0),
    "450 at RCPT": ("retry", 0),
    "451 at DATA": ("retry", 0),
    "550 at RCPT": ("failed", 0),
    "accepted, then dropped": ("unknown", 1),
}
MINUTES = 5


def drill() -> dict[str, str]:
    logging.getLogger("rentals.reminders").setLevel(logging.ERROR)  # it would tell each failure that is ordered here
    return try_all(int(os.environ.get("MESSAGES", "20")))


def try_all(messages: int) -> dict[str, str]:
    """So many messages a mode; then the server is well again, and time goes on until nothing waits."""
    found = {mode: try_mode(mode, messages) for mode in MODES}
    assert len(found) == 9
    return found | {"lost, duplicated": "0, 0"}


def try_mode(mode: str, count: int) -> str:
    desk, now = clinic_that_never_sleeps(), datetime.now(UTC)
    make_overdue(desk, count)
    messages = plan.plan_clinic(desk, now).messages
    with Sink() as sink, override_settings(**mail_settings(sink)):
        with override_settings(EMAIL_PORT=1 if mode == "refused connection" else sink.port):
            sink.mode = mode
            first = Counter(outbox.send(message, now) for message in messages)
        assert (first, sink.message_ids.total()) == ({MODES[mode][0]: count}, count * MODES[mode][1]), first
        sink.mode = "accept"
        for minutes in range(1, MINUTES + 1):
            outbox.sweep(now + timedelta(minutes=minutes))
            for message in messages:
                outbox.send(message, now + timedelta(minutes=minutes))
        return figures(mode, messages, first, sink)


def mail_settings(sink: Sink) -> dict[str, object]:
    return {
        "EMAIL_BACKEND": "config.mail.EmailBackend",
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": sink.port,
        "EMAIL_TIMEOUT": 1,
        "EMAIL_PER_MINUTE": 1_000_000,
    }


def figures(mode: str, ids: list[int], first: Counter[str | None], sink: Sink) -> str:
    """The states against what the server took; fails when a mail was lost, doubled or hidden."""
    messages = list(Message.objects.filter(pk__in=ids))
    states, arrived = Counter(message.state for message in messages), sink.message_ids
    lost = [m.pk for m in messages if (m.state == "sent" and not arrived[m.message_id]) or m.state in Message.TO_SEND]
    doubled = [name for name, number in arrived.items() if number > 1]
    shown = Counter(reminder.state_shown for reminder in Reminder.objects.filter(message__in=ids))
    assert not lost, f"{mode}: lost {lost}"
    assert not doubled, f"{mode}: doubled {doubled}"
    assert set(shown) == set(states)
    ends = ", ".join(f"{state} {number}" for state, number in sorted(states.items()))
    return f"{len(messages)} messages; put off {first['retry']}; in the end {ends}; arrived {arrived.total()}"
