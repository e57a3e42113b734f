"""A count of what is really there: what is found, missing or unexpected, frozen when it ends."""

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from devices.models import Device
from rentals import stock_take
from rentals.fleet_changes import found_again, report_device_lost
from rentals.models import StockFinding
from rentals.transfer import send
from tests import make
from tests.refusals import refused_as

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
GTIN = "09506000134352"


@pytest.fixture
def site():
    return make.clinic()


@pytest.fixture
def count(site):
    return stock_take.start(site, at=make.NOW, actor=make.reception(site))


def scan(count, code, at=make.NOW + HOUR):
    return stock_take.scan(count, str(code), at=at, actor=make.reception(count.clinic))


def end(count, *, missing_accepted=True, at=make.NOW + 2 * HOUR):
    return stock_take.end(count, missing_accepted=missing_accepted, at=at, actor=make.manager())


def findings(count):
    """What the count came to: the kind by code."""
    return dict(end(count).findings.values_list("code", "kind"))


def why(count):
    return end(count).findings.exclude(kind="found").get().why


def test_what_was_scanned_is_found_and_what_was_not_is_missing(count, site):
    here, gone = make.device(site), make.device(site, condition="repair")
    scan(count, here.serial)
    assert findings(count) == {here.serial: "found", gone.serial: "missing"}


def test_a_device_is_known_by_any_of_its_codes_and_counts_once(count, site):
    device = make.device(site, model=make.device_model(gtin=GTIN))
    first = scan(count, f"]d201{GTIN}21{device.serial}")
    assert (first.again, first.is_unexpected) == (False, False)
    for code in (device.serial, f"http://localhost:8000/d/{device.pk}/", f"(01){GTIN}(21){device.serial}"):
        again = scan(count, code, at=make.NOW + 2 * HOUR)
        assert again.again
        assert again.words.startswith(f"{device.serial} was scanned already, at 13:00 by reception-")
    assert [row.at for row in count.scans.all()] == [make.NOW + HOUR]


def test_the_same_unknown_code_counts_once(count):
    assert [scan(count, "0408017799").again for _ in range(2)] == [False, True]
    assert findings(count) == {"0408017799": "unexpected"}


def test_a_name_typed_into_the_field_is_not_kept(count):
    refused_as("invalid", scan, count, "Ada Lovelace")
    refused_as("invalid", scan, count, " ")
    refused_as("invalid", scan, count, "9" * 121)
    assert not count.scans.exists()


def test_one_serial_of_two_models_asks_for_a_code_that_tells_them_apart(count, site):
    for _ in range(2):
        make.device(site, serial="0408017701")
    assert "Several devices" in refused_as("invalid", scan, count, "0408017701").message


@pytest.mark.parametrize("condition", ["lost", "sold", "retired"])
def test_what_has_left_the_fleet_is_not_looked_for_and_unexpected_when_scanned(count, site, condition):
    device = make.device(site, condition=condition)
    assert stock_take.progress_of(count, make.NOW).expected == 0
    assert scan(count, device.serial).is_unexpected
    assert f"In the books it is {condition}." in why(count)


def test_what_is_out_is_not_looked_for_and_unexpected_when_scanned(count, site):
    rental = make.rental("active", site)
    assert stock_take.progress_of(count, make.NOW + HOUR).expected == 0
    scan(count, rental.holdings.get().device.serial)
    assert f"out with rental {rental.reference}" in why(count)


def test_what_belongs_to_another_site_of_the_user_is_unexpected_and_the_site_is_named(count):
    theirs = make.device(make.clinic("The other site"))
    scanned = stock_take.scan(count, theirs.serial, at=make.NOW, actor=make.manager())
    assert scanned.scan.device == theirs
    assert "It belongs to The other site." in why(count)


def test_what_belongs_to_a_site_that_the_user_does_not_see_is_an_unknown_code(count):
    theirs = make.device(make.clinic())
    assert scan(count, theirs.serial).scan.device is None


def test_what_is_on_its_way_here_is_not_looked_for(count, site):
    device = make.device(make.clinic())
    send(device, to=site, arrives_on=date(2026, 3, 4), at=make.NOW, actor=make.manager())
    assert stock_take.progress_of(count, make.NOW).expected == 0
    scan(count, device.serial)
    assert "on its way here" in why(count)


def test_what_left_after_it_was_scanned_is_found(count, site):
    """The desk goes on while people count: a hand-over, a device sent off, one lost again."""
    handed_over, sent, lost = (make.device(site) for _ in range(3))
    for device in (handed_over, sent, lost):
        scan(count, device.serial, at=make.NOW)
    make.rental("active", site, device=handed_over, at=make.NOW + HOUR)
    send(sent, to=make.clinic(), arrives_on=date(2026, 3, 4), at=make.NOW + HOUR, actor=make.manager())
    report_device_lost(lost, reason="Fell into the sea", at=make.NOW + HOUR, actor=make.manager())
    assert set(findings(count).values()) == {"found"}


def test_the_last_sign_of_life_of_what_is_missing_is_said(count, site):
    make.device(site, counter=None, serial="0408017701")
    rental = make.rental("closed", site, at=make.NOW - timedelta(days=20), ended=make.NOW - timedelta(days=6))
    said = dict(end(count).findings.values_list("code", "why"))
    assert "Nothing was ever heard of it." in said["0408017701"]
    assert "Last heard of on 24 February 2026: it" in said[rental.holdings.get().device.serial]


def test_a_scan_is_taken_back(count, site):
    device = make.device(site)
    stock_take.undo(scan(count, device.serial).scan)
    assert findings(count) == {device.serial: "missing"}


def test_ending_asks_first_while_something_is_missing(count, site):
    make.device(site)
    assert refused_as("still_missing", end, count, missing_accepted=False).field == "missing_accepted"
    count.refresh_from_db()
    assert count.ended_at is None
    assert not StockFinding.objects.exists()


def test_one_count_of_a_site_at_a_time(count, site):
    refused_as("wrong_state", stock_take.start, site, at=make.NOW, actor=make.manager())
    end(count)
    assert stock_take.start(site, at=make.NOW, actor=make.manager()).pk != count.pk


def test_an_ended_count_stays_as_it_is(count, site):
    device = make.device(site)
    row = scan(count, device.serial).scan
    end(count)
    refused_as("wrong_state", scan, count, "0408017799")
    refused_as("wrong_state", stock_take.undo, row)
    refused_as("wrong_state", end, count)
    Device.objects.filter(pk=device.pk).update(condition="lost")
    assert count.findings.get().kind == "found"
    with pytest.raises(DatabaseError), transaction.atomic():
        count.findings.update(kind="missing")


def test_a_finding_is_settled_once_with_a_note(count, site):
    make.device(site)
    finding = end(count).findings.get()
    verb = {"at": make.NOW, "actor": make.manager()}
    refused_as("invalid", stock_take.settle, finding, note=" ", **verb)
    assert stock_take.settle(finding, note="It was at the repairer", **verb).settled_by == verb["actor"]
    refused_as("wrong_state", stock_take.settle, finding, note="Again", **verb)


def test_what_was_found_has_nothing_to_settle(count, site):
    scan(count, make.device(site).serial)
    verb = {"note": "x", "at": make.NOW, "actor": make.manager()}
    refused_as("wrong_state", stock_take.settle, end(count).findings.get(), **verb)


def test_reporting_the_missing_lost_and_the_lost_found_settles_the_findings(count, site):
    missing, found = make.device(site), make.device(site, condition="lost")
    scan(count, found.serial)
    end(count)
    verb = {"reason": "Seen by nobody", "at": make.NOW, "actor": make.manager()}
    report_device_lost(missing, **verb)
    found_again(found, **verb)
    notes = dict(count.findings.values_list("code", "note"))
    assert notes[missing.serial] == "Reported lost: Seen by nobody"
    assert notes[found.serial] == "Found again: Seen by nobody"


def test_ending_a_count_of_three_devices_makes_no_more_queries_than_one(site):
    def queries() -> int:
        count = stock_take.start(site, at=make.NOW, actor=actor)
        scan(count, make.device(site, condition="lost").serial)
        with CaptureQueriesContext(connection) as captured:
            stock_take.end(count, missing_accepted=True, at=make.NOW, actor=actor)
        return len(captured)

    actor = make.manager()
    make.device(site)
    one = queries()
    make.device(site)
    make.device(site)
    assert queries() == one
