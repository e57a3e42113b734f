"""Runs beside each other: a source is read by one of them."""

import pytest

from rentals.models import UsageImport
from rentals.reconciliation.routes import fetching
from tests.rentals.reconciliation.routes.conftest import DEVICES, NOW, Site, run_queued
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_four_runs_at_once_one_reads_the_gateway(queue, gateway_of):
    site = Site()
    with gateway_of(site) as served:
        counts = at_once(4, lambda: fetching.fetch("gateway", at=NOW))
        assert sorted(counts) == [0, 0, 0, DEVICES]
        assert served.asked == DEVICES + 1
    assert UsageImport.objects.count() == DEVICES
    run_queued()
    assert site.has_it_all()


def test_asking_now_pokes_a_worker(queue, gateway_of):
    with gateway_of(Site()):
        fetching.fetch_now("gateway", at=NOW)
    assert queue.llen("celery") == 1
