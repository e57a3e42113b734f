"""Imports over the API sent again with their key: one import, one file, one answer (I4, I7)."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from rentals.demo.gateway import readouts_of
from rentals.models import UsageImport
from tests import make
from tests.rentals.api.client import Api, code
from tests.rentals.reconciliation.routes.conftest import Site, run_queued
from tests.threads import all_at_once

pytestmark = pytest.mark.django_db(transaction=True)
CONTENDERS = 6


@pytest.mark.parametrize("as_a_file", [True, False])
def test_parallel_twins_of_an_import_are_one_import(queue, settings, as_a_file):
    site = Site()
    user = make.reception(site.clinic)

    def body(content: bytes) -> dict:
        if as_a_file:
            return {"body": {"file": SimpleUploadedFile("march.csv", content)}, "format": "multipart"}
        return {"body": {"readouts": readouts_of(content.decode())}}

    def send(api: Api, content: bytes = site.file) -> tuple:
        return api.post("/usage/imports/", **body(content), key="twin")

    apis = [Api(user) for _ in range(CONTENDERS)]
    answers = all_at_once([lambda api=api: send(api) for api in apis])
    assert {status for status, _ in answers} == {202}
    assert len({answer["id"] for _, answer in answers}) == 1
    assert UsageImport.objects.count() == queue.llen("celery") == 1
    assert len(list(Path(settings.MEDIA_ROOT).rglob("usage/*"))) == 1
    other = send(apis[0], site.file.replace(b"1200", b"1199"))
    assert code(other) == (422, "idempotency_key_reused", None)
    assert UsageImport.objects.count() == 1
    run_queued()
    assert site.has_it_all()
