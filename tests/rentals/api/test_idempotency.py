"""`Idempotency-Key`: one effect, one answer (I4)."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from patients.models import Patient
from rentals.models import LedgerEntry, StoredAnswer, UsageImport
from rentals.models.states import State
from tests import make
from tests.rentals.api.client import Api, code
from tests.threads import at_once

pytestmark = pytest.mark.django_db

PAYMENT = {"kind": "hire", "amount": "60.00", "method": "card"}


def patient_of(clinic, **changes):
    return {
        "given_name": "Ada",
        "family_name": "Example",
        "date_of_birth": "1990-05-17",
        "email": "",
        "phone": "",
        "clinic": clinic.pk,
        "email_reminders": True,
        "confirm_new": True,
        **changes,
    }


def test_same_key_gives_the_same_answer_and_no_second_effect(api, clinic):
    first = api.post("/patients/", patient_of(clinic), key="k")
    assert first[0] == 201
    assert api.post("/patients/", patient_of(clinic), key="k") == first
    assert Patient.objects.count() == 1
    assert api.post("/patients/", patient_of(clinic))[1] != first[1], "without a key it is another request"


def test_answer_is_repeated_although_the_state_has_moved_on(api, clinic):
    path = f"/rentals/{make.rental(State.ACTIVE, clinic).reference}/return/"
    body = {"counter": 0, "parts": ["main_unit"], "notes": ""}
    first = api.post(path, body, key="k")
    assert first[0] == 200
    assert api.post(path, body, key="k") == first
    assert code(api.post(path, body))[:2] == (409, "wrong_state")


def test_key_with_another_body_is_422_and_has_no_effect(api, clinic):
    api.post("/patients/", patient_of(clinic), key="k")
    again = api.post("/patients/", patient_of(clinic, given_name="Eve"), key="k")
    assert code(again) == (422, "idempotency_key_reused", None)
    assert Patient.objects.count() == 1


def test_key_belongs_to_its_user_and_address(api, clinic):
    reference = make.rental(State.ACTIVE, clinic).reference
    other = Api(make.manager(clinic))
    api.post("/patients/", patient_of(clinic), key="k")
    other.post("/patients/", patient_of(clinic), key="k")
    assert api.post(f"/rentals/{reference}/payments/", PAYMENT, key="k")[0] == 200
    assert Patient.objects.filter(given_name="Ada", family_name="Example").count() == 2


def test_refusal_is_an_answer_too(api, clinic):
    body = patient_of(clinic, confirm_new=False)
    api.post("/patients/", body)
    refused = api.post("/patients/", body, key="k")
    assert code(refused)[:2] == (409, "possible_duplicate")
    Patient.objects.update(given_name="Somebody", family_name="Else")
    assert api.post("/patients/", body, key="k") == refused
    assert api.post("/patients/", body, key="another")[0] == 201


def change_ledger(change: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE rentals_ledgerentry {change}")


def test_server_error_is_rolled_back_and_not_kept(api, clinic):
    """The database itself fails: the ledger refuses everything until its constraint is gone again."""
    rental = make.rental(State.ACTIVE, clinic)
    path = f"/rentals/{rental.reference}/payments/"
    moves = rental.moves.count()
    change_ledger("ADD CONSTRAINT broken CHECK (kind <> 'hire_payment') NOT VALID")
    status, answer = api.post(path, PAYMENT, key="k")
    assert (status, answer["type"]) == (500, "server_error")
    assert "broken" not in str(answer)
    assert not StoredAnswer.objects.exists()
    assert rental.moves.count() == moves
    change_ledger("DROP CONSTRAINT broken")
    assert api.post(path, PAYMENT, key="k")[0] == 200


@pytest.mark.parametrize("key", ["", "k" * 121])
def test_key_too_short_or_too_long_is_400(api, clinic, key):
    assert code(api.post("/patients/", patient_of(clinic), key=key))[:2] == (400, "idempotency_key_invalid")
    assert Patient.objects.count() == 0


def test_reading_needs_no_key_and_keeps_no_names(api, clinic):
    make.patient(clinic, family_name="Zoë")
    for _ in range(2):
        status, answer = api.post("/patients/search/", {"name": "zoe"}, key="k")
        assert (status, len(answer["matches"])) == (200, 1)
    assert not StoredAnswer.objects.exists()


def test_uploads_are_compared_by_content_and_not_by_their_boundary(api, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    header = (
        "serial,part_number,read_out_at,device_clock,counter,n,started,seconds,outcome,code,paused_from,paused_to\n"
    )

    def upload(content: str) -> tuple:
        file = SimpleUploadedFile("usage.csv", content.encode(), "text/csv")
        return api.post("/usage/imports/", {"file": file}, key="k", format="multipart")

    first = upload(header)
    assert first[0] == 202
    assert upload(header) == first
    assert code(upload(header + "x\n"))[:2] == (422, "idempotency_key_reused")
    assert UsageImport.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_parallel_twins_have_one_effect_and_one_answer():
    clinic = make.clinic()
    rental = make.rental(State.ACTIVE, clinic)
    apis = [Api(rental.moves.first().actor) for _ in range(8)]
    answers = at_once(8, lambda: apis.pop().post(f"/rentals/{rental.reference}/payments/", PAYMENT, key="twin"))
    assert {status for status, _ in answers} == {200}
    assert all(answer == answers[0] for answer in answers)
    assert LedgerEntry.objects.filter(rental=rental, kind="hire_payment").count() == 1
