"""How mail of this installation leaves, and how it is heard that one did not arrive, in words and without secrets."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _


@dataclass(frozen=True)
class WayToHear:
    """One way in which a report about a mail gets here, what it does in words, and what sets it up."""

    name: str
    words: str
    is_set_up: bool
    set_up_by: str


def how_mail_leaves() -> str:
    """By what each mail is handed over."""
    if settings.EMAIL_SERVICE:
        return _("by the mail service %(name)s") % {"name": settings.EMAIL_SERVICE.capitalize()}
    if settings.EMAIL_URL:
        return _("by a mail server (SMTP)")
    return _("not at all: each is only written to a file on this computer, and reaches nobody")


def all_ways_to_hear() -> list[WayToHear]:
    """The three ways, whether set up or not."""
    service, mailbox = settings.EMAIL_SERVICE, settings.BOUNCE_MAILBOX_URL
    # A service has reports come back to itself, so there is nothing that a mail server could hand over.
    handed_over = bool(settings.BOUNCE_ADDRESS and not mailbox and not service)
    told = _("%(service)s tells it by webhook") % {"service": service.capitalize()}
    return [
        WayToHear(
            _("Webhook of the mail service"),
            told if service else _("the mail service tells it by webhook"),
            bool(service and settings.WEBHOOK_SECRET),
            _("EMAIL_SERVICE and WEBHOOK_SECRET"),
        ),
        WayToHear(
            _("Mailbox to which mail comes back (IMAP)"),
            _("reports are taken from a mailbox every five minutes"),
            bool(mailbox),
            _("BOUNCE_ADDRESS and BOUNCE_MAILBOX_URL"),
        ),
        WayToHear(
            _("Handed over by the mail server"),
            _("a mail server may hand reports over with take_bounce"),
            handed_over,
            _("BOUNCE_ADDRESS and a pipe to manage.py take_bounce"),
        ),
    ]


def ways_to_hear() -> list[str]:
    """How this installation hears of mail that came back later, in words; empty: not at all."""
    return [way.words for way in all_ways_to_hear() if way.is_set_up]
