"""A site whose devices were read out once each, and what their logs must have become whatever the route."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from config.models import Clinic
from rentals.demo.gateway import FakeGateway, readouts_of
from rentals.models import Treatment, UsageImport
from rentals.reconciliation import imports
from rentals.reconciliation.routes import gateway
from tests import make
from tests.shared import shared
from tests.usage import Log, csv

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FIRST = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
DEVICES, SESSIONS = 4, 5
TOKEN = "a token"


@dataclass
class Site:
    clinic: Clinic = field(default_factory=make.clinic)
    logs: list[Log] = field(default_factory=list)

    def __post_init__(self) -> None:
        for _ in range(DEVICES):
            device = make.device(self.clinic, at=FIRST - timedelta(days=60))
            log = Log(device, FIRST + timedelta(days=9), counter=SESSIONS)
            self.logs.append(log.daily(range(1, SESSIONS + 1), FIRST))

    @property
    def file(self) -> bytes:
        return csv(*self.logs)

    def has_it_all(self) -> bool:
        """Whether every session that was logged is there once, at its time, and no other."""
        kept = Treatment.objects.values_list("device_id", "n", "started_corrected")
        logged = [
            (log.device.pk, n, FIRST + timedelta(days=n - 1)) for log in self.logs for n in range(1, SESSIONS + 1)
        ]
        return sorted(kept) == sorted(logged)


@shared
def logged() -> Site:
    return Site()


@pytest.fixture
def site(logged, queue):
    return logged


@pytest.fixture
def gateway_of(settings, monkeypatch):
    """A gateway to enter that serves the logs of a site, one device a page, with faults to order."""
    monkeypatch.setattr(gateway, "SECONDS_OF_SILENCE", 0.3)
    settings.USAGE_GATEWAY_TOKEN = TOKEN

    def serve(site, *faults, **how):
        served = FakeGateway(
            readouts_of(site.file.decode()), **{"page_size": 1, "token": TOKEN, "faults": faults, **how}
        )
        settings.USAGE_GATEWAY_URL = served.url
        return served

    return serve


def run_queued(at: datetime = NOW) -> None:
    """Have the worker take all that is queued."""
    for queued in list(UsageImport.objects.filter(status="queued").order_by("pk")):
        imports.run_import(queued.pk, at=at)
