"""Strict reading of the environment: every name also as NAME_FILE, every mistake one clear line."""

from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

_env = environ.FileAwareEnv()
_env.ENVIRON = FileAwareMapping(cache=False)

POSTGRES_SCHEMES = ("postgres", "postgresql")
REDIS_SCHEMES = ("redis", "rediss", "unix")
EMAIL_SCHEMES = ("smtp", "smtp+tls", "smtp+ssl")
MAILBOX_SCHEMES = ("imaps", "imap")


class WrongEnvironment(ImproperlyConfigured):
    """The environment or the machine does not allow a start; the text says what to change."""


def text(name: str) -> str:
    """Return NAME, or what the file at NAME_FILE holds, without blanks around it; "" when unset."""
    if _env.ENVIRON.env.get(name) and _env.ENVIRON.env.get(f"{name}_FILE"):
        raise WrongEnvironment(f"{name} and {name}_FILE are both set; unset one of them.")
    try:
        return str(_env.str(name, default="")).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongEnvironment(f"{name}_FILE cannot be read: {error}") from error


def flag(name: str) -> bool:
    """Return True for "1", False for "" or "0"; anything else is refused."""
    value = text(name)
    if value not in ("", "0", "1"):
        raise WrongEnvironment(f"{name} is {value!r}; it may be 0 or 1.")
    return value == "1"


def number(name: str, default: int) -> int:
    """Return the whole number from 1 on in NAME, `default` when unset."""
    value = text(name)
    if value and not (value.isascii() and value.isdigit() and int(value)):
        raise WrongEnvironment(f"{name} is {value!r}; it must be a whole number from 1 on.")
    return int(value or default)


def address(name: str) -> str:
    """Return the e-mail address in NAME, "" when unset; the shortest check that there is one."""
    value = text(name)
    mailbox, _, domain = value.rpartition("@")
    if value and not (mailbox and domain and len(value.split()) == 1):
        raise WrongEnvironment(f"{name} must be one e-mail address, like bounces@clinic.example")
    return value


def beginning_with(prefix: str) -> dict[str, str]:
    """Return all that the environment names `prefix`…, by the rest of its name; `…_FILE` as everywhere."""
    names = {name.removesuffix("_FILE") for name in _env.ENVIRON.env if name.startswith(prefix)}
    return {name.removeprefix(prefix): text(name) for name in sorted(names)}


def words(name: str) -> list[str]:
    """Return the comma-separated words of NAME."""
    return [word.strip() for word in text(name).split(",") if word.strip()]


def url(name: str, schemes: tuple[str, ...]) -> str:
    """Return the URL in NAME, "" when unset; another scheme than those given is refused."""
    value = text(name)
    if value and urlsplit(value).scheme not in schemes:
        allowed = " or ".join(f"{scheme}://" for scheme in schemes)
        raise WrongEnvironment(f"{name} must begin with {allowed}")
    return value


def is_embedded() -> bool:
    """Return True when neither DATABASE_URL nor REDIS_URL is set; one without the other is refused."""
    database, queue = text("DATABASE_URL"), text("REDIS_URL")
    if bool(database) != bool(queue):
        given, missing = ("DATABASE_URL", "REDIS_URL") if database else ("REDIS_URL", "DATABASE_URL")
        raise WrongEnvironment(
            f"{given} is set but {missing} is not; set both to use your own servers, or neither for embedded ones."
        )
    return not database


def database(address: str) -> dict[str, object]:
    """Return Django's database settings for a postgresql:// address."""
    return dict(_env.db_url_config(address))


def email(address: str) -> dict[str, object]:
    """Return Django's EMAIL_ settings for an address such as smtp+tls://user:password@host:587."""
    try:
        return dict(_env.email_url_config(address))
    except (KeyError, ValueError) as error:
        raise WrongEnvironment("EMAIL_URL must look like smtp+tls://user:password@host:587") from error


def broker(redis_url: str) -> str:
    """Return the Celery broker address of a Redis address (they name Unix sockets differently)."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    number = parts.query.removeprefix("db=") or "0"
    return f"redis+socket://{parts.path}?virtual_host={number}"


def state_dir(base_dir: Path) -> Path:
    """Return the folder for all that Callus keeps in this checkout: `var/`, or CALLUS_STATE_DIR."""
    return Path(text("CALLUS_STATE_DIR") or base_dir / "var").absolute()
