"""What was recorded stays as it was: readings (I5), treatments (I6), money (I9), history (I4, I10).

As in test_invariants.py, each refusal has its negative control beside it.
"""

from datetime import datetime

import pgtrigger
import pytest
from django.db import DatabaseError, IntegrityError, transaction

from devices.models import Reading, ReadOut
from devices.readings import record_reading
from rentals.ledger import pay
from rentals.models import LedgerEntry, Treatment
from tests import make
from tests.raw import assert_refused, sql, without_constraint, without_index
from tests.shared import shared

pytestmark = pytest.mark.django_db
DEVICE_TIME = datetime(2026, 3, 2, 12, 0)  # noqa: DTZ001  a device's clock has no zone


@shared
def closed_rental():
    return make.rental("closed")


APPEND_ONLY = {
    # table: (a column, the triggers that guard it)
    "rentals_move": ("reason = 'x'", "rentals.Move:move_append_only"),
    "rentals_ledgerentry": ("note = 'x'", "rentals.LedgerEntry:ledger_append_only"),
    "rentals_signature": ("name = 'x'", "rentals.Signature:signature_append_only"),
    "config_terms": ("bond = 1", "config.Terms:terms_append_only"),
    "patients_screening": ("answers = '{}'", "patients.Screening:screening_append_only"),
    "patients_access": ("action = 'read'", "patients.Access:access_append_only"),
    "devices_inspection": ("passed = false", "devices.Inspection:inspection_append_only"),
    "rentals_rentalevent": ("pinned = true", "rentals.RentalEvent:append_only"),
}


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_was_written_stays_as_it_was(table, closed_rental):
    """I4, I9, I10: history, money, agreements and terms are append-only."""
    change, trigger = APPEND_ONLY[table]
    for statement in (f"UPDATE {table} SET {change}", f"DELETE FROM {table}"):
        assert_refused(f"pgtrigger: Cannot update or delete rows from {table} table", statement)
    with pgtrigger.ignore(trigger):
        assert sql(f"UPDATE {table} SET {change}") > 0


@pytest.mark.parametrize("change", ["reference = 'X'", "patient_id = patient_id + 1", "created_at = now()"])
def test_a_rental_stays_the_same_rental(change, closed_rental):
    """I3, I4: whose rental it is decides who had the device."""
    assert_refused("pgtrigger: Cannot update rows from rentals_rental table", f"UPDATE rentals_rental SET {change}")
    with (
        pgtrigger.ignore("rentals.Rental:rental_identity_fixed", "rentals.Rental:rental_patient_fixed"),
        transaction.atomic(),
    ):
        assert sql(f"UPDATE rentals_rental SET {change}") > 0
        transaction.set_rollback(True)  # before the foreign keys are checked


NEVER_DELETED = {
    "rentals_rental": "rentals.Rental:rental_never_deleted",
    "devices_reading": "devices.Reading:reading_never_dropped",
}


@pytest.mark.parametrize("table", NEVER_DELETED)
def test_rentals_and_readings_are_never_deleted(table, closed_rental):
    assert_refused(f"pgtrigger: Cannot delete rows from {table} table", f"DELETE FROM {table}")
    with pgtrigger.ignore(NEVER_DELETED[table]), transaction.atomic():
        assert sql(f"DELETE FROM {table}") > 0
        transaction.set_rollback(True)  # before the foreign keys are checked


READING_COLUMNS = [
    "counter = 7",
    "read_at = read_at + interval '1 second'",
    "source = 'desk'",
    "recorded_at = recorded_at + interval '1 second'",
    "flag = 'counter_down'",
    "recorded_by_id = (SELECT min(id) FROM config_user)",
]


class TestReadingsAreKept:
    """I5."""

    @pytest.mark.parametrize("change", READING_COLUMNS)
    def test_a_reading_is_never_edited(self, change):
        make.manager()
        reading = make.device(counter=5).readings.get()
        statement = f"UPDATE devices_reading SET {change} WHERE id = %s"
        assert_refused("pgtrigger: Cannot update rows from devices_reading table", statement, reading.pk)
        with pgtrigger.ignore("devices.Reading:reading_never_edited", "devices.Reading:reading_flag_fixed"):
            assert sql(statement, reading.pk) == 1

    def test_a_reading_keeps_its_device(self):
        reading, other = make.device(counter=5).readings.get(), make.device()
        statement = "UPDATE devices_reading SET device_id = %s WHERE id = %s"
        assert_refused("pgtrigger: Cannot update rows from devices_reading table", statement, other.pk, reading.pk)

    def test_whether_a_reading_is_trusted_may_change(self):
        device = make.device(counter=5)
        doubtful = record_reading(device, 3, read_at=make.NOW, now=make.NOW, actor=None)
        assert (doubtful.trusted, doubtful.flag) == (False, "counter_down")
        assert Reading.objects.filter(pk=doubtful.pk).update(trusted=True) == 1

    def test_a_reading_is_not_distrusted_without_a_reason(self):
        reading = make.device(counter=5).readings.get()
        distrust = ("UPDATE devices_reading SET trusted = false WHERE id = %s", reading.pk)
        assert_refused("reading_distrust_has_reason", *distrust)
        with without_constraint("devices_reading", "reading_distrust_has_reason"):
            assert sql(*distrust) == 1


class TestMoneyIsAppendOnly:
    """I9."""

    SECOND_RELEASE = """
        INSERT INTO rentals_ledgerentry (rental_id, kind, amount, method, note, at)
        VALUES (%s, 'refund_due', -5, '', '', %s)"""

    def test_a_bond_is_released_once(self, closed_rental):
        pay(closed_rental, kind="refund", amount=180, method="card", at=make.NOW, actor=make.manager())
        assert_refused("ledger_bond_released_once", self.SECOND_RELEASE, closed_rental.pk, make.NOW)
        with without_index("ledger_bond_released_once"):
            assert sql(self.SECOND_RELEASE, closed_rental.pk, make.NOW) == 1

    @pytest.mark.parametrize(
        ("kind", "amount", "method", "constraint"),
        [
            ("hire", -1, "", "ledger_sign_fits_kind"),
            ("late_fee", -1, "", "ledger_sign_fits_kind"),
            ("bond_held", -1, "", "ledger_sign_fits_kind"),
            ("refund", -1, "card", "ledger_sign_fits_kind"),
            ("hire_payment", 1, "card", "ledger_sign_fits_kind"),
            ("bond_applied", 1, "", "ledger_sign_fits_kind"),
            ("tip", 1, "", "ledger_sign_fits_kind"),
            ("hire", 1, "card", "ledger_payment_has_method"),
            ("hire_payment", -1, "", "ledger_payment_has_method"),
            ("reversal", -1, "", "ledger_reversal_names_entry"),
        ],
    )
    def test_an_entry_fits_its_kind(self, closed_rental, kind, amount, method, constraint):
        entry = (
            "INSERT INTO rentals_ledgerentry (rental_id, kind, amount, method, note, at) "
            "VALUES (%s, %s, %s, %s, '', %s)",
            closed_rental.pk, kind, amount, method, make.NOW,
        )  # fmt: skip
        assert_refused(constraint, *entry)
        with without_constraint("rentals_ledgerentry", constraint):
            assert sql(*entry) == 1

    def test_an_entry_is_reversed_once(self, closed_rental):
        hire = LedgerEntry.objects.get(rental=closed_rental, kind="hire")
        reverse = (
            """INSERT INTO rentals_ledgerentry (rental_id, kind, amount, method, note, reverses_id, at)
               VALUES (%s, 'reversal', -120, '', '', %s, %s)""",
            closed_rental.pk, hire.pk, make.NOW,
        )  # fmt: skip
        assert sql(*reverse) == 1
        with pytest.raises(DatabaseError, match="reverses_id"):
            sql(*reverse)


class TestTreatmentsKeepTheirRawColumns:
    """I6."""

    @pytest.fixture
    def treatment(self):
        device = make.device()
        read_out = ReadOut.objects.create(device=device, read_out_at=make.NOW, device_clock=DEVICE_TIME, counter=1)
        return Treatment.objects.create(
            device=device,
            read_out=read_out,
            n=1,
            started_device=DEVICE_TIME,
            seconds=1200,
            outcome="completed",
            allowance=device.allowances.get(),
            started_corrected=make.NOW,
            offset_seconds=0,
            method="constant",
        )

    RAW_COLUMNS = (
        "n = 2",
        "started_device = started_device + interval '1 second'",
        "seconds = 1",
        "outcome = 'fault'",
        "code = 'E9'",
    )

    @pytest.mark.parametrize("change", RAW_COLUMNS)
    def test_a_raw_column_never_changes(self, treatment, change):
        edit = (f"UPDATE rentals_treatment SET {change} WHERE id = %s", treatment.pk)
        assert_refused("pgtrigger: Cannot update rows from rentals_treatment table", *edit)
        with pgtrigger.ignore("rentals.Treatment:treatment_raw_never_edited"):
            assert sql(*edit) == 1

    @pytest.mark.parametrize("column", ["device_id", "read_out_id"])
    def test_a_treatment_keeps_its_device_and_read_out(self, treatment, column):
        edit = f"UPDATE rentals_treatment SET {column} = {column} + 1"
        assert_refused("pgtrigger: Cannot update rows from rentals_treatment table", edit)

    def test_a_treatment_is_never_deleted(self, treatment):
        forget = ("DELETE FROM rentals_treatment WHERE id = %s", treatment.pk)
        assert_refused("pgtrigger: Cannot delete rows from rentals_treatment table", *forget)
        with pgtrigger.ignore("rentals.Treatment:treatment_never_dropped"):
            assert sql(*forget) == 1

    def test_reconcile_may_rewrite_the_derived_columns(self, treatment):
        rental = make.rental()
        derived = "started_corrected = started_corrected + interval '1 hour', offset_seconds = 3600, method = 'none'"
        assert (
            sql(f"UPDATE rentals_treatment SET {derived}, rental_id = %s WHERE id = %s", rental.pk, treatment.pk) == 1
        )

    def test_a_read_out_stays_as_it_was(self, treatment):
        for statement in ("UPDATE devices_readout SET counter = 9", "DELETE FROM devices_readout"):
            assert_refused("pgtrigger: Cannot update or delete rows from devices_readout table", statement)
        with pgtrigger.ignore("devices.ReadOut:read_out_append_only"):
            assert sql("UPDATE devices_readout SET counter = 9") == 1

    def test_the_same_number_of_one_allowance_is_there_once(self, treatment):
        """I7."""
        twin = Treatment.objects.get(pk=treatment.pk)
        twin.pk = None
        with pytest.raises(IntegrityError, match="treatment_once_an_allowance"), transaction.atomic():
            twin.save(force_insert=True)
        with without_index("treatment_once_an_allowance"):
            twin.save(force_insert=True)
