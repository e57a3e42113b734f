"""What is planted of a patient, and where a desk writes: for T14, which looks for the one in the other."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from email.message import EmailMessage

import redis

# Nothing else says these words. Of the address it is the part that names its owner; of dates and numbers every way to
# write them.
PLANTED = {
    "given name": ["qanarygiven"],
    "family name": ["qanaryfamily"],
    "e-mail": ["qanarymail"],
    "phone": ["55507731", "5550 7731"],
    "date of birth": ["1961-07-23", "23 july 1961", "23/07/1961", "19610723", "1961, 7, 23"],
    "bone": ["metatarsal"],
    "diagnosis": ["delayed_union", "delayed union", "qanarynote"],
    "patient's own words": ["qanarywords"],
    "contact person": ["qanarycontact"],
    "payer": ["qanarypayer"],
}
BODY = re.compile(r'body\\*": ?\\*"([A-Za-z0-9+/=]+)')  # of a Celery message, in JSON that may be quoted in JSON
ADDRESS = re.compile(r"https?://[^\s\"'<>)]+")


def hits(text: str) -> list[str]:
    """What of the patient the text says."""
    folded = text.casefold()
    return [what for what, words in PLANTED.items() if any(word in folded for word in words)]


def with_bodies(text: str) -> str:
    """The text, and what the tasks in it carry, which Celery packs."""
    return "\n".join([text, *(unpacked(body) for body in BODY.findall(text))])


def unpacked(body: str) -> str:
    try:
        return base64.b64decode(body).decode(errors="replace")
    except binascii.Error:
        return ""


def queue_texts(queue: redis.Redis) -> Iterator[str]:
    """Every key of the queue's server, with all that it holds."""
    read = {
        b"string": queue.get,
        b"list": lambda key: queue.lrange(key, 0, -1),
        b"set": queue.smembers,
        b"hash": queue.hgetall,
        b"zset": lambda key: queue.zrange(key, 0, -1, withscores=True),
    }
    for key in queue.scan_iter():
        held = read[queue.type(key)](key)
        yield with_bodies(f"{key!r} {held!r}")


def mail_texts(mails: Iterable[EmailMessage]) -> Iterator[str]:
    """What a mail says to those who are not to read it: subject, headers but To, addresses, names of attachments."""
    for mail in mails:
        yield "\n".join(f"{name}: {value}" for name, value in mail.items() if name != "To")
        for part in mail.walk():
            yield "\n".join(f"{name}: {value}" for name, value in part.items() if name != "To")
            if part.get_content_maintype() == "text":
                yield "\n".join(ADDRESS.findall(part.get_content()))
