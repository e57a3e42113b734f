"""Keys that open one thing without a sign-in: how they are kept, and what is written down of addresses with them."""

import hashlib
import re
import secrets

KEYED = ("calendar", "offers", "p", "unsubscribe", "welcome")  # where an address goes on with a key
KEYED_ADDRESS = re.compile(rf"\b({'|'.join(KEYED)})/+[^\s?#\"']+", re.IGNORECASE)


def new_key() -> str:
    """256 random bits, as they stand in an address: 43 signs."""
    return secrets.token_urlsafe(32)


def digest_of(key: str) -> str:
    """What is kept of a key. It has 256 random bits, so a plain SHA-256 of it is safe at rest."""
    return hashlib.sha256(key.encode()).hexdigest()


def without_keys(text: str) -> str:
    """`text` with the keys left out of the addresses in it: who reads a log must not open what a key opens."""
    return KEYED_ADDRESS.sub(r"\1/(key)", text)
