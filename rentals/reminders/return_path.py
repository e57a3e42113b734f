"""By what a report about one of our mails is known to be one: a token that only those can know who had the mail.

The token is the address part of the envelope's sender (VERP), a header, and metadata for a mail service. It
names the message with a MAC, and the address that the mail went to with a tag, so that a report that comes after
the address was corrected is not held against the new one.
"""

import re
from base64 import b32encode

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils.crypto import constant_time_compare, salted_hmac

from rentals.models import Message

HEADER = "X-Callus-Token"
METADATA = "callus_token"
MAC_BYTES, TAG_BYTES = 15, 5  # 120 and 40 bits; multiples of five bytes need no padding in base 32
TOKEN = re.compile(r"(?<![\w.])(\d{1,18})\.([a-z2-7]{32})(?![\w.])", re.IGNORECASE)


def mark(mail: EmailMultiAlternatives, message: Message) -> None:
    """Put the token on the mail: where reports go, and where they may quote it."""
    token = token_of(message, mail.to[0])
    mail.extra_headers[HEADER] = token
    mail.metadata = {METADATA: token}  # type: ignore[attr-defined]  # django-anymail's word for it
    if settings.BOUNCE_ADDRESS and not settings.EMAIL_SERVICE:  # a service has reports come back to itself
        mail.envelope_sender = return_path(token)  # type: ignore[attr-defined]


def return_path(token: str) -> str:
    """The address to which a report about the mail with this token comes back."""
    mailbox, _, domain = settings.BOUNCE_ADDRESS.rpartition("@")
    return f"{mailbox}+{token}@{domain}"


def token_of(message: Message, address: str) -> str:
    return f"{message.pk}.{_mac(message)}{_tag(address)}"


def message_behind(token: str) -> Message | None:
    """The message that the token was made for; None for one that is not ours."""
    found = TOKEN.fullmatch(token)
    message = Message.objects.select_related("patient").filter(pk=found[1]).first() if found else None
    if found is None or message is None:
        return None
    length = len(_mac(message))
    return message if constant_time_compare(found[2][:length].lower(), _mac(message)) else None


def is_for(token: str, address: str) -> bool:
    """Whether the mail with this token went to `address`."""
    return constant_time_compare(token[-len(_tag(address)) :].lower(), _tag(address))


def tokens_in(text: str) -> list[str]:
    """What looks like a token in `text`; whether one is ours says its MAC."""
    return [found.group() for found in TOKEN.finditer(text)]


def _mac(message: Message) -> str:
    # With the random key of the row, for numbers are used again after a restore.
    return _short("rentals.reminders.message", f"{message.pk} {message.mail_key.hex}", MAC_BYTES)


def _tag(address: str) -> str:
    return _short("rentals.reminders.address", address.lower(), TAG_BYTES)


def _short(purpose: str, text: str, length: int) -> str:
    """Letters and digits without case, for some mail servers fold the case of addresses."""
    digest = salted_hmac(purpose, text, algorithm="sha256").digest()
    return b32encode(digest[:length]).decode().lower()
