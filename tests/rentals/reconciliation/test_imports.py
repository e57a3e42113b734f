"""Taking usage files: all good records once, or nothing, whatever happens meanwhile (I5, I6, I7)."""

import io
from datetime import UTC, datetime, timedelta

import pytest

from config.models import Clinic
from config.refusals import Refusal
from devices.models import Device, Reading, ReadOut
from rentals.models import Discrepancy, Pause, Treatment, UsageImport
from rentals.reconciliation import imports, taking
from rentals.reconciliation.formats import HEAD
from rentals.reconciliation.heartbeat import LEASE
from tests import make
from tests.shared import shared
from tests.usage import LATER, Log, csv, import_file, import_logs

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


class TestTaking:
    def test_a_file_is_taken_with_its_read_out_its_reading_and_its_times(self, device):
        taken = import_logs(month(device).pause("2026-03-10", "2026-03-12"))
        assert (taken.accepted, taken.duplicate, taken.finished_at) == (31, 0, LATER)
        treatment = Treatment.objects.get(n=1)
        assert treatment.started_device.isoformat() == "2026-03-03T06:00:00"
        assert treatment.started_corrected == MORNING
        assert (treatment.offset_seconds, treatment.method) == (-36_000, "constant")
        assert (treatment.read_out.read_out_at, treatment.read_out.counter) == (READ_OUT, 30)
        reading = Reading.objects.get(device=device, source="read_out")
        assert (reading.counter, reading.read_at, reading.trusted) == (30, READ_OUT, True)

    def test_the_offset_of_the_read_out_corrects_every_time_across_the_end_of_daylight_saving(self, device):
        a_year_ahead = timedelta(days=365, minutes=7)
        import_logs(month(device, fast_by=a_year_ahead).pause("2027-03-10", "2027-03-12"))
        found = Treatment.objects.order_by("n").values_list("started_corrected", flat=True)
        assert list(found) == [MORNING + timedelta(days=day) for day in range(30)]
        pause = Pause.objects.get()
        assert (pause.days.lower.isoformat(), pause.days.upper.isoformat()) == ("2026-03-10", "2026-03-13")
        assert pause.device_days.lower.isoformat() == "2027-03-10"

    def test_without_the_clock_of_the_device_its_times_are_the_clinics_local_times(self, device):
        content = csv(Log(device, READ_OUT).session(1, MORNING).session(2, READ_OUT - timedelta(hours=9)))
        [clock] = {line.split(b",")[3] for line in content.splitlines()[1:]}
        import_file(content.replace(b"," + clock, b","))
        in_summer_time, in_standard_time = Treatment.objects.order_by("n")
        assert in_summer_time.started_corrected == MORNING - timedelta(hours=1)
        assert (in_summer_time.offset_seconds, in_summer_time.method) == (-11 * 3600, "none")
        assert in_standard_time.offset_seconds == -10 * 3600

    def test_the_same_file_twice_changes_nothing(self, device):
        log = month(device).pause("2026-03-10", "2026-03-12")
        import_logs(log)
        before = stored()
        again = import_logs(log)
        assert (again.accepted, again.duplicate) == (0, 31)
        assert stored() == before

    def test_a_later_read_out_that_overlaps_adds_only_what_is_new(self, device):
        import_logs(month(device))
        later = Log(device, READ_OUT + timedelta(days=5), counter=35, fast_by=timedelta(seconds=40))
        again = import_logs(later.daily(range(21, 36), MORNING + timedelta(days=20)))
        assert (again.accepted, again.duplicate) == (5, 10)
        assert not Discrepancy.objects.exists()

    @pytest.mark.parametrize("seconds", [1, -1])
    def test_a_start_one_second_off_is_the_same_session(self, device, seconds):
        import_logs(month(device))
        second_off = Log(device, READ_OUT, counter=30).session(30, MORNING + timedelta(days=29, seconds=seconds))
        again = import_logs(second_off)
        assert (again.accepted, again.duplicate) == (0, 1)
        assert not Discrepancy.objects.exists()

    @pytest.mark.parametrize(("later", "seconds"), [(timedelta(hours=2), 1200), (timedelta(), 600)])
    def test_another_content_of_a_known_number_is_neither_taken_nor_lost(self, device, later, seconds):
        import_logs(month(device))
        odd = Log(device, READ_OUT, counter=30).session(12, MORNING + timedelta(days=11) + later, seconds)
        again = import_logs(odd)
        assert (again.accepted, again.duplicate) == (0, 0)
        assert Treatment.objects.get(n=12).started_corrected == MORNING + timedelta(days=11)
        [found] = Discrepancy.objects.all()
        assert (found.kind, found.state, found.device) == ("conflicting_duplicate", "open", device)
        assert "2026-03-14 06:00:00 for 1200 s (kept)" in found.why
        assert f"for {seconds} s." in found.why
        import_logs(odd)
        assert Discrepancy.objects.count() == 1

    def test_two_contents_of_one_number_in_one_file_keep_the_first(self, device):
        log = month(device).session(12, MORNING + timedelta(days=11, hours=3))
        taken = import_logs(log)
        assert (taken.accepted, taken.duplicate) == (30, 0)
        assert Discrepancy.objects.get().kind == "conflicting_duplicate"

    def test_a_record_of_no_seconds_is_kept_beside_the_real_one_and_counts_nowhere(self, device):
        empty = month(device).session(5, MORNING + timedelta(days=4), seconds=0, outcome="stopped")
        taken = import_logs(empty)
        again = import_logs(empty)
        assert (taken.accepted, taken.duplicate, again.accepted, again.duplicate) == (30, 0, 0, 30)
        assert Treatment.objects.filter(n=5).count() == 2
        assert Treatment.objects.sessions().filter(n=5).count() == 1
        assert not Discrepancy.objects.exists()

    def test_the_part_number_is_needed_only_where_the_serial_is_not_unique(self, device):
        content = csv(month(device)).decode().replace(f",{device.model.part_number},", ",,").encode()
        assert import_file(content).accepted == 30
        make.device(device.clinic, serial=device.serial)
        refused = import_file(content)
        assert (refused.accepted, len(refused.rejected)) == (0, 30)
        assert "add the part_number" in refused.rejected[0]["reason"]
        assert not Discrepancy.objects.filter(kind="unknown_device").exists()

    def test_an_unknown_serial_is_rejected_by_line_and_opens_one_discrepancy(self, device):
        content = csv(month(device), month(device)).decode().splitlines(keepends=True)
        content[31:] = [line.replace(device.serial, "9999000001") for line in content[31:]]
        taken = import_file("".join(content).encode())
        assert (taken.status, taken.accepted) == ("done", 30)
        assert [bad["line"] for bad in taken.rejected] == list(range(32, 62))
        assert "serial 9999000001" in taken.rejected[0]["reason"]
        [found] = Discrepancy.objects.filter(kind="unknown_device")
        assert (found.device, found.subject) == (None, "serial 9999000001")
        assert "add the device" in found.action

    def test_a_bare_reading_of_an_unknown_serial_is_rejected_too(self, device):
        bare = csv(Log(device, READ_OUT, counter=3)).decode().replace(device.serial, "9999000001")
        assert [bad["line"] for bad in import_file(bare.encode()).rejected] == [2]

    def test_a_device_of_another_clinic_is_unknown_to_who_does_not_see_it(self, device):
        elsewhere = make.reception(make.clinic())
        taken = import_file(csv(month(device)), actor=elsewhere)
        assert (taken.accepted, len(taken.rejected)) == (0, 30)
        assert import_file(csv(month(device)), actor=make.reception(device.clinic)).accepted == 30

    def test_a_read_out_without_counter_is_a_reading_of_its_last_number(self, device):
        import_logs(Log(device, READ_OUT).daily(range(1, 31), MORNING))
        reading = Reading.objects.get(device=device, source="read_out")
        assert (reading.counter, reading.trusted) == (30, True)

    def test_what_is_mostly_wrong_is_not_taken_in_part(self, device, monkeypatch):
        monkeypatch.setattr(imports, "MOST_REJECTED", 3)
        monkeypatch.setattr(taking, "MOST_REJECTED", 3)
        for bad in ("yesterday", "9999000001"):
            content = csv(month(device)).decode().splitlines(keepends=True)
            old = device.serial if bad.isdigit() else "2026-03"
            content[2:12] = [line.replace(old, bad) for line in content[2:12]]
            failed = import_file("".join(content).encode())
            assert (failed.status, failed.accepted) == ("failed", 0)
            assert "More than 3 records are wrong, so nothing was taken. The first is on line 3" in failed.failure
            assert len(failed.rejected) == 4  # nobody reads on
        assert not Treatment.objects.exists()

    @pytest.mark.parametrize("junk", [b"\xff\xfe" * 1000, b"\0" * 5000, b"," * 9_999, b'"' + b"x" * 5000])
    def test_junk_in_the_middle_costs_its_own_lines_only(self, device, junk):
        lines = csv(month(device)).splitlines(keepends=True)
        beyond_the_first_look = b"\n" * HEAD
        taken = import_file(b"".join([*lines[:16], beyond_the_first_look, junk, b"\n", *lines[16:]]))
        assert (taken.status, taken.accepted) == ("done", 30)
        assert [bad["line"] for bad in taken.rejected] == [17 + HEAD]

    def test_fifty_megabytes_of_noise_are_refused_at_once(self, device):
        noise = io.BytesIO(bytes(range(256)) * (50 * 4096))
        with pytest.raises(Refusal) as refusal:
            imports.queue_import(noise, name="noise.csv", at=LATER, actor=None)
        assert refusal.value.status == 400
        assert not UsageImport.objects.exists()


def queue(*logs: Log) -> UsageImport:
    return imports.queue_import(io.BytesIO(csv(*logs)), name="usage.csv", at=LATER, actor=None)


class TestClaiming:
    def test_an_import_waits_until_it_is_claimed_once(self, device):
        queued = queue(month(device))
        assert queued.status == "queued"
        assert imports.claim(queued.pk, LATER)
        assert not imports.claim(queued.pk, LATER)
        imports.run_import(queued.pk, at=LATER)
        assert not Treatment.objects.exists()

    def test_a_lease_that_ran_out_may_be_claimed_again(self, device):
        queued = queue(month(device))
        imports.claim(queued.pk, LATER)
        imports.run_import(queued.pk, at=LATER + LEASE)
        assert not Treatment.objects.exists()
        imports.run_import(queued.pk, at=LATER + LEASE + timedelta(seconds=1))
        queued.refresh_from_db()
        assert (queued.status, queued.accepted, queued.attempts) == ("done", 30, 2)

    def test_a_finished_import_is_not_run_again(self, device):
        done = import_logs(month(device))
        imports.run_import(done.pk, at=LATER + timedelta(days=1))
        done.refresh_from_db()
        assert (done.attempts, done.accepted) == (1, 30)

    def test_the_sweep_gives_up_a_file_that_kills_every_worker(self, device, queue_length):
        queued = queue(month(device))
        for attempt in range(imports.MOST_ATTEMPTS):
            assert imports.claim(queued.pk, LATER + attempt * timedelta(hours=1))
        assert not imports.claim(queued.pk, LATER + timedelta(days=1))
        imports.sweep_imports(LATER + timedelta(days=1))
        queued.refresh_from_db()
        assert queued.status == "failed"
        assert "nothing was taken" in queued.failure

    def test_the_sweep_pokes_what_waits_and_what_died_only(self, device, queue_length):
        waiting, died, running = queue(month(device)), queue(month(device)), queue(month(device))
        imports.claim(died.pk, LATER - timedelta(hours=1))
        imports.claim(running.pk, LATER)
        import_logs(month(device))
        imports.sweep_imports(LATER)
        assert queue_length() == 2
        assert {waiting.pk, died.pk} < set(UsageImport.objects.values_list("pk", flat=True))
