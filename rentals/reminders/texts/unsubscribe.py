"""Saying no to advice by a link, without a sign-in (RFC 8058): what is not strictly about the hire stops.

The token is signed and names a message, by its id and the random part of its Message-ID: nothing of a patient stands
in the address, and nobody can make one up.
"""

from datetime import datetime

from django.conf import settings
from django.core import signing
from django.urls import reverse

from rentals.deciding import deciding
from rentals.models import Message, MessageReport
from rentals.reminders.suppression import stop_advice

SALT = "rentals.reminders.unsubscribe"
LEFT_OUT = "key"  # what stands for it in what we keep of a mail


def make_token(message: Message) -> str:
    """The token by which the reader of `message` may say no to advice; it does not expire."""
    return signing.dumps([message.pk, message.mail_key.hex], salt=SALT)


def address_of_token(token: str) -> str:
    """Where the reader says no, as it stands in a mail and its headers."""
    return settings.PUBLIC_URL + reverse("unsubscribe", args=[token])


def address_without_token() -> str:
    """What stands for that address in what we keep of the mail."""
    return address_of_token(LEFT_OUT)


def unsubscribe(token: str, *, at: datetime) -> bool:
    """Send the patient no more advice; False for a token that is not ours.

    Twice has one effect. The history keeps the patient as it was, and the message says who said no to it.
    """
    message = message_of(token)
    if message is None:
        return False
    with deciding():
        stop_advice(message)
        MessageReport.objects.get_or_create(
            key=f"unsubscribe-{message.pk}",
            defaults={
                "message": message,
                "kind": MessageReport.Kind.UNSUBSCRIBED,
                "at": at,
                "heard_at": at,
                "source": "link",
            },
        )
    return True


def message_of(token: str) -> Message | None:
    try:
        pk, mail_key = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError):
        return None
    return Message.objects.filter(pk=pk, mail_key=mail_key).first()
