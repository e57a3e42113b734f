"""Imports beside each other, beside rentals, and stopped by hand (I6, I7)."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from django.db import DatabaseError, connection, transaction

from config.models import Clinic, User
from config.refusals import Refusal
from devices.models import Device, Reading, ReadOut
from rentals.deciding import lock_devices
from rentals.models import Discrepancy, Pause, Treatment, UsageImport
from rentals.reconciliation import heartbeat, imports, taking
from rentals.reconciliation.heartbeat import LEASE, READING, Cancelled, Heartbeat, watched
from tests import make
from tests.raw import sql
from tests.running import eventually
from tests.shared import shared
from tests.threads import all_at_once
from tests.usage import LATER, Log, csv, import_logs

MORNING = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)  # the third of March, seven o'clock in Sydney
READ_OUT = MORNING + timedelta(days=35)  # daylight saving time has ended by then


@shared
def device():
    return rented_device()


def rented_device(clinic: Clinic | None = None) -> Device:
    """A device that went out on the evening before the first session, its counter at 0."""
    device = make.device(clinic, at=MORNING - timedelta(days=60))
    make.rental("active", device=device, at=MORNING - timedelta(hours=12), days=60)
    return device


def month(device, **columns) -> Log:
    """Thirty sessions, one a day, read out some days later."""
    return Log(device, READ_OUT, counter=30, **columns).daily(range(1, 31), MORNING)


def stored() -> tuple[list, ...]:
    """Everything that an import writes."""
    models = (Treatment, Pause, ReadOut, Reading, Discrepancy)
    return tuple(sorted(model.objects.values_list()) for model in models)


def queue(*logs: Log) -> UsageImport:
    return imports.queue_import(io.BytesIO(csv(*logs)), name="usage.csv", at=LATER, actor=None)


@pytest.mark.django_db(transaction=True)
class TestTogether:
    @pytest.fixture
    def device(self):
        return rented_device()

    def test_queueing_pokes_a_worker_after_the_commit(self, device, queue_length):
        with transaction.atomic():
            queue(month(device))
            assert queue_length() == 0
        assert queue_length() == 1

    def test_an_import_that_a_worker_still_works_on_is_not_claimed_however_old_its_lease(self, device, queue_length):
        queued = queue(month(device))
        imports.claim(queued.pk, LATER)
        much_later = LATER + timedelta(days=1)
        with transaction.atomic():
            assert imports.nobody_works_on(queued.pk)
            [claimed] = all_at_once([lambda: imports.claim(queued.pk, much_later)])
        assert not claimed
        assert imports.claim(queued.pk, much_later)

    @pytest.mark.parametrize("_", range(5))
    def test_two_imports_of_overlapping_files_at_once_take_each_treatment_once(self, device, queue_length, _):
        other = rented_device(device.clinic)
        first = Log(device, READ_OUT, counter=30).daily(range(1, 25), MORNING)
        second = Log(device, READ_OUT, counter=30).daily(range(10, 31), MORNING + timedelta(days=9))
        both = [queue(first, month(other)), queue(month(other), second)]
        all_at_once([lambda queued=queued: imports.run_import(queued.pk, at=LATER) for queued in both])
        for queued in both:
            queued.refresh_from_db()
        assert [queued.status for queued in both] == ["done", "done"]
        assert sum(queued.accepted for queued in both) == 60
        assert sum(queued.duplicate for queued in both) == 24 + 21 + 60 - 60
        assert Treatment.objects.count() == 60
        assert not Discrepancy.objects.filter(state="open").exists()

    @pytest.mark.parametrize(
        "table",
        [
            "devices_readout",
            "rentals_treatment",
            "rentals_pause",
            "devices_reading",
            "rentals_discrepancy",
            "rentals_usageimport",
        ],
    )
    def test_an_import_killed_half_way_leaves_nothing_and_runs_again(self, device, queue_length, table):
        log = month(device).pause("2026-03-10", "2026-03-12").session(31, MORNING + timedelta(days=29, hours=5))
        queued = queue(log)
        before = stored()
        with dying_at(table), pytest.raises(DatabaseError):
            imports.run_import(queued.pk, at=LATER)
        queued.refresh_from_db()
        assert (queued.status, queued.accepted) == ("running", 0)
        assert stored() == before
        imports.run_import(queued.pk, at=LATER + timedelta(hours=1))
        queued.refresh_from_db()
        assert (queued.status, queued.accepted) == ("done", 32)
        assert Treatment.objects.count() == 31

    def test_an_import_waits_for_the_device_that_the_desk_has_in_hand(self, device, queue_length):
        queued = queue(month(device))
        with transaction.atomic():
            lock_devices([device.pk])
            thread = Thread(target=run_and_close, args=(queued.pk,))
            thread.start()
            thread.join(timeout=1)
            assert thread.is_alive()
        thread.join(timeout=20)
        queued.refresh_from_db()
        assert queued.status == "done"

    def test_while_it_runs_its_row_says_how_far_it_is_and_its_lease_grows(self, device, queue_length):
        with being_read(device) as queued:
            assert eventually(lambda: row(queued).progress == READING, 10)
            assert row(queued).status == "running"
            assert row(queued).lease_until.timestamp() > (LATER + LEASE).timestamp()
        assert (row(queued).status, row(queued).progress) == ("done", 100)

    def test_one_that_is_being_read_is_cancelled_before_it_commits(self, device, queue_length):
        before, actor = stored(), make.reception(device.clinic)
        with being_read(device) as queued:
            imports.cancel_import(queued, at=LATER, actor=actor)
            assert (row(queued).status, row(queued).cancelled_by) == ("running", actor)
        assert_cancelled(row(queued), actor)
        assert stored() == before

    def test_one_that_has_to_wait_again_is_cancelled_all_the_same(self, device, queue_length, monkeypatch):
        monkeypatch.setattr(imports, "LOCK_TIMEOUT", "1s")
        actor = make.reception(device.clinic)
        with being_read(device) as queued:
            imports.cancel_import(queued, at=LATER, actor=actor)
            assert eventually(lambda: row(queued).status == "failed", 10)
            assert_cancelled(row(queued), actor)

    def test_the_worker_sees_that_it_is_cancelled_and_reads_no_further(self, device, queue_length):
        queued = queue(month(device))
        attempt = imports.claim(queued.pk, LATER)
        with Heartbeat(queued.pk, attempt, LATER) as worker:
            UsageImport.objects.update(cancelled_by=make.reception(device.clinic))
            assert eventually(lambda: worker.cancelled, 5)
            with pytest.raises(Cancelled):
                watched(io.BytesIO(b"a line\n"), 7, worker).readline()

    def test_a_heartbeat_outlives_a_lost_connection(self, device, queue_length, monkeypatch):
        monkeypatch.setattr(heartbeat, "BEAT", 0.05)
        queued = queue(month(device))
        with Heartbeat(queued.pk, imports.claim(queued.pk, LATER), LATER) as worker:
            worker.percent = 10
            assert eventually(lambda: row(queued).progress == 10, 5)
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            its_own = f"SELECT pid FROM pg_stat_activity WHERE {others} ORDER BY backend_start DESC LIMIT 1"
            assert sql(f"SELECT pg_terminate_backend(pid) FROM ({its_own}) newest") == 1
            worker.percent = 20
            assert eventually(lambda: row(queued).progress == 20, 5)


def row(usage_import: UsageImport) -> UsageImport:
    return UsageImport.objects.select_related("cancelled_by").get(pk=usage_import.pk)


def assert_cancelled(found: UsageImport, actor: User) -> None:
    assert (found.status, found.accepted, found.cancelled_by) == ("failed", 0, actor)
    assert found.failure == f"{actor} cancelled it; nothing was taken."


@contextmanager
def being_read(device: Device) -> Iterator[UsageImport]:
    """An import whose worker has read the file and waits for the device, until the block is left."""
    queued = queue(month(device))
    thread = Thread(target=run_and_close, args=(queued.pk,))
    holding, let_go = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            lock_devices([device.pk])
            holding.set()
            let_go.wait(20)
        connection.close()

    holder = Thread(target=hold)
    holder.start()
    assert holding.wait(10)
    thread.start()
    try:
        assert eventually(lambda: row(queued).status == "running", 10)
        yield queued
    finally:
        let_go.set()
        for each in (holder, thread):
            each.join(20)


class TestCancelling:
    def test_one_that_waits_is_cancelled_at_once_and_can_be_read_again(self, device, queue_length):
        queued, actor = queue(month(device)), make.reception(device.clinic)
        imports.cancel_import(queued, at=LATER, actor=actor)
        assert_cancelled(row(queued), actor)
        imports.run_import(queued.pk, at=LATER)
        assert not Treatment.objects.exists()
        imports.run_again(queued, at=LATER)
        waiting = row(queued)
        assert (waiting.status, waiting.attempts, waiting.failure, waiting.cancelled_by) == ("queued", 0, "", None)
        imports.run_import(queued.pk, at=LATER)
        assert (row(queued).status, row(queued).accepted) == ("done", 30)

    def test_one_whose_worker_is_gone_is_cancelled_at_once(self, device):
        queued, actor = queue(month(device)), make.reception(device.clinic)
        imports.claim(queued.pk, LATER)
        imports.cancel_import(queued, at=LATER, actor=actor)
        assert_cancelled(row(queued), actor)

    def test_one_whose_worker_died_after_the_cancelling_is_ended_by_the_sweep(self, device, queue_length):
        queued, actor = queue(month(device)), make.reception(device.clinic)
        imports.claim(queued.pk, LATER)
        UsageImport.objects.update(cancelled_by=actor)
        assert not imports.claim(queued.pk, LATER + timedelta(hours=1))
        imports.sweep_imports(LATER + timedelta(hours=1))
        assert_cancelled(row(queued), actor)
        assert queue_length() == 0

    def test_what_has_ended_is_not_cancelled_and_what_was_taken_is_not_read_again(self, device):
        done = import_logs(month(device))
        for verb in (
            lambda: imports.cancel_import(done, at=LATER, actor=make.reception(device.clinic)),
            lambda: imports.run_again(done, at=LATER),
        ):
            with pytest.raises(Refusal) as refusal:
                verb()
            assert refusal.value.code == "wrong_state"
        assert row(done).status == "done"

    def test_one_given_up_by_the_sweep_takes_nothing_when_its_worker_comes_to_itself(self, device, monkeypatch):
        def slow(*args, **kwargs):
            UsageImport.objects.update(status="failed", failure="given up")
            return taking.take_staged(*args, **kwargs)

        monkeypatch.setattr(imports, "take_staged", slow)
        queued = queue(month(device))
        imports.run_import(queued.pk, at=LATER)
        assert not Treatment.objects.exists()


def run_and_close(import_id: int) -> None:
    imports.run_import(import_id, at=LATER)
    connection.close()


@contextmanager
def dying_at(table: str) -> Iterator[None]:
    """The backend of whoever writes to `table` is killed at that statement."""
    when = "BEFORE UPDATE" if table == "rentals_usageimport" else "AFTER INSERT"
    # An import first marks itself running; it dies when it marks itself done.
    condition = "WHEN (NEW.status = 'done')" if table == "rentals_usageimport" else ""
    body = "BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END"
    sql(f"CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS '{body}'")
    sql(f"CREATE TRIGGER die {when} ON {table} FOR EACH ROW {condition} EXECUTE FUNCTION die()")
    try:
        yield
    finally:
        connection.close()
        sql("DROP FUNCTION die() CASCADE")
