"""What an import tells apart with the database's help: devices that only go on, impossible records, late data."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.models import Device, Reading
from rentals.models import Discrepancy, Treatment
from tests import make
from tests.shared import shared
from tests.usage import HEADER, Log, csv, import_file, import_logs

MORNING = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
READ_OUT = MORNING + timedelta(days=35)


@shared
def device():
    return rented_device()


def rented_device(serial: str = "") -> Device:
    device = make.device(serial=serial, at=MORNING - timedelta(days=60))
    make.rental("active", device=device, at=MORNING - timedelta(hours=12), days=60)
    return device


def month(device: Device) -> Log:
    return Log(device, READ_OUT, counter=30).daily(range(1, 31), MORNING)


def test_devices_whose_lines_are_mixed_keep_each_number_once(device):
    """A piece of a device may return after others: looked at neighbour by neighbour, each piece is in order."""
    others = [rented_device() for _ in range(3)]
    pieces = [month(each).lines() for each in (*others, device)]
    lines = [HEADER, *pieces[3][:10], *pieces[0], *pieces[3][5:], *pieces[1][:20], *pieces[0][:3], *pieces[1][10:]]
    taken = import_file("\n".join([*lines, *pieces[2], *pieces[3][:2], ""]).encode())
    assert (taken.status, taken.accepted, taken.duplicate) == ("done", 120, 5 + 3 + 10 + 2)
    assert not Discrepancy.objects.exists()


def test_what_goes_on_after_what_is_known_is_added_and_what_lies_between_is_compared(device):
    import_logs(Log(device, READ_OUT, counter=20).daily(range(1, 21), MORNING))
    on = import_logs(Log(device, READ_OUT, counter=31).daily(range(21, 31), MORNING + timedelta(days=20)))
    again = import_logs(Log(device, READ_OUT, counter=31).daily(range(15, 32), MORNING + timedelta(days=14)))
    assert (on.accepted, on.duplicate, again.accepted, again.duplicate) == (10, 0, 1, 16)
    assert list(Treatment.objects.order_by("n").values_list("n", flat=True)) == list(range(1, 32))


def test_a_file_out_of_order_is_the_same_as_one_in_order(device):
    header, *lines = csv(month(device)).decode().splitlines()
    taken = import_file("\n".join([header, *reversed(lines), ""]).encode())
    assert (taken.accepted, taken.duplicate) == (30, 0)
    assert not Discrepancy.objects.exists()


def test_a_session_later_than_its_own_read_out_is_named_and_not_taken(device):
    log = month(device).session(31, READ_OUT + timedelta(minutes=2))
    taken = import_file(csv(log))
    assert taken.accepted == 30
    [bad] = taken.rejected
    assert bad["line"] == 32
    assert "started 2026-04-07 06:02:00 of treatment 31 lies after the read-out" in bad["reason"]
    assert "where the device showed 2026-04-07 06:00:00" in bad["reason"]


def test_a_session_within_the_minute_of_its_read_out_is_taken(device):
    import_logs(month(device).session(31, READ_OUT + timedelta(seconds=59)))
    assert Treatment.objects.count() == 31


def test_a_clock_set_back_before_later_sessions_makes_the_earlier_ones_no_error(device):
    """Their device times lie after the read-out, but a later number shows that the clock was set in between."""
    log = Log(device, READ_OUT, counter=3).session(1, MORNING + timedelta(days=365))
    import_logs(log.session(2, READ_OUT - timedelta(days=2)).session(3, READ_OUT - timedelta(days=1)))
    assert Treatment.objects.count() == 3


def test_a_clock_set_back_just_before_the_read_out_is_known_from_the_read_out_before(device):
    ahead = timedelta(days=365)
    import_logs(Log(device, MORNING + timedelta(days=5), counter=5, fast_by=ahead).daily(range(1, 6), MORNING))
    later = Log(device, READ_OUT, counter=10)
    import_logs(later.daily(range(6, 11), MORNING + timedelta(days=6) + ahead))
    assert Treatment.objects.count() == 10


def test_without_the_clock_nobody_can_say_that_a_session_is_too_late(device):
    content = csv(month(device).session(31, READ_OUT + timedelta(minutes=2)))
    [clock] = {line.split(b",")[3] for line in content.splitlines()[1:]}
    assert import_file(content.replace(b"," + clock + b",30,", b",,30,")).accepted == 31


@pytest.mark.parametrize(("serial", "zeros"), [("121000001", 1), ("21000001", 2)])
def test_a_serial_without_its_leading_zeros_is_said_to_be_eaten_by_a_spreadsheet(db, serial, zeros):
    device = rented_device("0" * zeros + serial)
    taken = import_file(csv(month(device)).replace(device.serial.encode(), serial.encode()))
    assert len(taken.rejected) == 30
    reason = taken.rejected[0]["reason"]
    assert f"No device here has the serial {serial}, but one has {device.serial}" in reason
    assert "a spreadsheet has eaten the zero" in reason


def test_a_device_of_another_clinic_is_not_told_of_by_its_zeros(device):
    rented_device("0121000001")
    content = csv(month(device)).replace(device.serial.encode(), b"121000001")
    elsewhere = import_file(content, actor=make.reception(device.clinic))
    assert "0121000001" not in elsewhere.rejected[0]["reason"]


def test_a_read_out_in_two_files_without_counter_is_a_reading_of_its_last_number(device):
    import_logs(Log(device, READ_OUT).daily(range(1, 31), MORNING))
    import_logs(Log(device, READ_OUT).daily(range(1, 11), MORNING))
    [reading] = Reading.objects.filter(device=device, source="read_out")
    assert reading.counter == 30


class TestLate:
    def test_a_rental_that_had_ended_is_remembered_by_the_import_that_brought_its_treatments(self, db):
        device = make.device(at=MORNING - timedelta(days=60))
        ended = make.rental("closed", device=device, at=MORNING - timedelta(hours=12), days=60)
        first = import_logs(Log(device, READ_OUT, counter=20).daily(range(1, 21), MORNING))
        assert list(first.late_for.all()) == [ended]
        same = import_logs(Log(device, READ_OUT, counter=20).daily(range(1, 21), MORNING))
        assert not same.late_for.exists()

    def test_a_running_rental_or_one_without_new_treatments_is_not_late(self, device):
        other = make.device(at=MORNING - timedelta(days=60))
        make.rental("closed", device=other, at=MORNING - timedelta(hours=12), days=60)
        taken = import_logs(month(device), Log(other, READ_OUT, counter=0))
        assert not taken.late_for.exists()

    def test_what_ends_after_the_import_was_on_time(self, db):
        device = make.device(at=MORNING - timedelta(days=60))
        rental = make.rental("closed", device=device, at=MORNING - timedelta(hours=12), days=60)
        log = Log(device, MORNING + timedelta(days=1), counter=1).session(1, MORNING)
        assert rental.ended_at
        early = import_logs(log, at=rental.ended_at - timedelta(seconds=1))
        assert not early.late_for.exists()
