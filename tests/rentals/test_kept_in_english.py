"""What we write into the database ourselves is in English, in whatever language somebody acted."""

import pytest
from django.core.files.base import ContentFile
from django.utils import translation

from patients.models import Patient
from rentals import stock_take
from rentals.booking.waiting import prioritise
from rentals.models import UsageImport
from rentals.models.rental import Priority
from rentals.models.states import State
from rentals.reconciliation.imports import run_import
from rentals.silence import silence
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def in_german():
    with translation.override("de"):
        yield


def test_reasons_of_moves():
    actor, rental = make.manager(), make.rental(State.ENQUIRY)
    prioritise(rental, priority=Priority.URGENT, at=make.NOW, actor=actor)
    assert rental.moves.get(verb="prioritise").reason == "from routine to urgent"
    silence(rental.patient, state=Patient.State.DECEASED, reason="Tochter rief an", at=make.NOW, actor=actor)
    assert rental.moves.get(verb="silence").reason == "deceased: Tochter rief an"


def test_what_a_count_found():
    device, actor = make.device(make.clinic()), make.manager()
    count = stock_take.start(device.clinic, at=make.NOW, actor=actor)
    stock_take.end(count, missing_accepted=True, at=make.NOW, actor=actor)
    assert count.findings.get().why.startswith("In the books as here, ready. ")


def test_why_a_file_of_usage_data_was_not_taken():
    wrong = ContentFile(b"serial,read_out_at,colour\n", "wrong.csv")
    usage_import = UsageImport.objects.create(name="wrong.csv", file=wrong, created_at=make.NOW)
    run_import(usage_import.pk, at=make.NOW)
    usage_import.refresh_from_db()
    assert usage_import.failure.startswith(
        "The first line names “colour”, which is no column of usage data; send a CSV"
    )
