"""A mail sink for every test of the reminders, and what a module shares."""

from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from rentals.models import Message
from tests.rentals.reminders.moments import newly_planned
from tests.shared import shared
from tests.sink import Sink


@pytest.fixture
def sink(settings: LazySettings) -> Iterator[Sink]:
    """A real SMTP server, and the settings that lead to it."""
    with Sink() as sink:
        settings.EMAIL_BACKEND = "config.mail.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
        settings.EMAIL_TIMEOUT = 1
        settings.DEFAULT_FROM_EMAIL = "Callus <desk@clinic.example>"
        yield sink


@shared
def planned() -> Message:
    return newly_planned()
