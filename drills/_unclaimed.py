"""The negative control of the kills: everything that is due is sent, by whoever comes, with the claim taken away."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import DatabaseError  # noqa: E402

from rentals.models import Message  # noqa: E402
from rentals.reminders import outbox  # noqa: E402


def take(message: Message, at: datetime) -> bool:
    """Take what somebody else may have taken."""
    token = uuid4()
    Message.objects.filter(pk=message.pk).update(state="sending", claim=token, lease_until=at + outbox.LEASE)
    message.refresh_from_db(fields=["state", "claim"])
    return True


outbox.take = take
now = datetime.now(UTC)
for message_id in outbox.due_messages(now):
    with suppress(DatabaseError):  # the other one was quicker by a whole mail: the table of moves stops this one
        outbox.send(message_id, now)
