"""Counting at the desk: scans answered at once, the end confirmed, and something to do about each finding."""

import csv
from io import StringIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rentals import stock_take
from rentals.models import StockTake
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db
NOTE = "It was with the repairer all along"


@shared
def site():
    return make.clinic("Here")


@shared
def boss(site):
    return Desk(make.manager(site))


def started(desk: Desk) -> str:
    assert desk.send("/devices/stock-takes/start/") == 302
    return desk.led_to


def ended(site, *codes: str) -> StockTake:
    """A count of `site` in which `codes` were scanned."""
    verb = {"at": make.NOW, "actor": make.manager()}
    count = stock_take.start(site, **verb)
    for code in codes:
        stock_take.scan(count, code, **verb)
    return stock_take.end(count, missing_accepted=True, **verb)


def row_of(desk: Desk, count: StockTake, code: str) -> list[tuple[str, str]]:
    """What can be done about a finding: words and addresses."""
    desk.see(f"/devices/stock-takes/{count.pk}/")
    rows = [row for _, group in desk.answer.context["groups"] for row in group]
    return [(step.words, step.address) for finding, steps in rows if finding.code == code for step in steps]


def test_it_is_started_scanned_and_ended_by_plain_forms(site, boss):
    here, gone = make.device(site), make.device(site)
    address = started(boss)
    assert boss.see(address) == 200
    assert "0 of 2 scanned" in boss.page
    assert boss.send(f"{address}scan/", code=here.serial) == 200
    assert "1 of 2 scanned" in boss.page
    assert f"{here.serial} is here: Exogen 250." in boss.page
    assert gone.serial in boss.page
    assert boss.fill_in(f"{address}end/") == 409
    assert "Not scanned yet: 1" in boss.problems()["missing_accepted"][0]
    assert boss.fill_in(f"{address}end/", missing_accepted="on") == 302
    boss.see(address)
    assert gone.serial in boss.page
    assert "Report lost" in boss.page


def test_a_scan_by_script_gets_only_what_has_changed(site, boss):
    make.device(site)
    address = started(boss)
    boss.kept(boss.client.post(f"{address}scan/", {"code": "0408017799"}, headers={"HX-Request": "true"}))
    assert "<html" not in boss.page
    assert 'id="said"' in boss.page
    assert "0 of 1 scanned, 1 unexpected" in boss.page


def test_what_is_no_code_is_said_and_stays_in_the_field(site, boss):
    assert boss.send(f"{started(boss)}scan/", code="Ada") == 400
    assert "This is no code of a device" in boss.page
    assert 'value="Ada"' in boss.page


def test_a_scan_is_taken_back(site, boss):
    device = make.device(site)
    address = started(boss)
    boss.send(f"{address}scan/", code=device.serial)
    scan = StockTake.objects.get().scans.get()
    assert boss.send(f"/devices/stock-takes/scans/{scan.pk}/undo/") == 302
    boss.see(boss.led_to)
    assert "is taken off the count" in boss.page
    assert "0 of 1 scanned" in boss.page


def test_a_second_count_at_a_time_is_refused_with_what_to_do(site, boss):
    started(boss)
    boss.send("/devices/stock-takes/start/")
    boss.see(boss.led_to)
    assert "A count of Here is under way" in boss.page
    assert "Go on counting" in boss.page


def test_who_still_looks_at_a_count_that_has_ended_gets_its_result(site, boss):
    count = ended(site)
    boss.kept(boss.client.get(f"/devices/stock-takes/{count.pk}/", headers={"HX-Request": "true"}))
    assert boss.answer.headers["HX-Refresh"] == "true"


def test_each_finding_has_something_to_do_about_it(site, boss):
    missing, lost, retired = (make.device(site, condition=one) for one in ("ready", "lost", "retired"))
    rental = make.rental("active", site)
    out, theirs = rental.holdings.get().device, make.device(make.clinic())
    count = ended(site, lost.serial, retired.serial, out.serial, theirs.serial, "0408017799")
    wide = Desk(make.manager())
    at = f"/devices/{missing.pk}/"
    assert row_of(wide, count, missing.serial) == [("Its last sign of life", at), ("Report lost", f"{at}lost/")]
    assert row_of(wide, count, lost.serial) == [("Found again", f"/devices/{lost.pk}/found/")]
    assert row_of(wide, count, out.serial) == [("Take back", f"/rentals/{rental.reference}/return/")]
    assert row_of(wide, count, theirs.serial) == [("Send it", f"/devices/{theirs.pk}/send/")]
    assert row_of(wide, count, retired.serial) == [("The device", f"/devices/{retired.pk}/")]
    assert row_of(wide, count, "0408017799") == [("Add the device", "/devices/add/?serial=0408017799")]
    assert row_of(Desk(make.reception()), count, lost.serial) == []


def test_a_finding_is_settled_with_a_note_by_a_manager(site, boss):
    device = make.device(site)
    finding = ended(site).findings.get()
    address = f"/devices/stock-takes/findings/{finding.pk}/settle/"
    assert Desk(make.reception(site)).see(address) == 403
    assert boss.fill_in(address, note=" ") == 422
    assert boss.fill_in(address, note=NOTE) == 302
    boss.see(boss.led_to)
    assert NOTE in boss.page
    assert row_of(boss, finding.stock_take, device.serial) == []


def test_reporting_it_lost_from_there_settles_it(site, boss):
    device = make.device(site)
    count = ended(site)
    assert boss.fill_in(f"/devices/{device.pk}/lost/", reason="Not seen since June") == 302
    boss.see(f"/devices/stock-takes/{count.pk}/")
    assert "Reported lost: Not seen since June" in boss.page


def test_the_findings_are_exported_and_no_cell_runs_as_a_formula(site, boss):
    device = make.device(site)
    count = ended(site, "=1+1")
    assert boss.see(f"/devices/stock-takes/{count.pk}/export/") == 200
    rows = list(csv.DictReader(StringIO(boss.page)))
    assert [(row["finding"], row["code"]) for row in rows] == [("missing", device.serial), ("unexpected", "'=1+1")]


def test_counts_of_another_site_are_not_there(boss):
    count = ended(make.clinic())
    finding = count.findings.first()
    assert finding is None
    for address in ("", "scan/", "end/", "export/"):
        assert boss.see(f"/devices/stock-takes/{count.pk}/{address}") in (404, 302)
        assert boss.send(f"/devices/stock-takes/{count.pk}/{address}", code="1") in (404, 405)


def test_past_counts_are_listed_with_what_is_left_to_settle(site, boss):
    boss.see("/devices/stock-takes/")
    assert "Nobody has counted yet." in boss.page
    make.device(site)
    ended(site, "0408017799")
    boss.see("/devices/stock-takes/")
    assert "0 found, 1 missing, 1 unexpected" in boss.page
    assert "2 to settle" in boss.page


def test_three_rows_cost_no_more_queries_than_one(site, boss):
    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert boss.see(address) == 200
        return len(captured)

    def of_each_page(serials: list[str]) -> list[int]:
        count = ended(site, *serials)
        return [
            queries(address) for address in ("/devices/stock-takes/", f"/devices/stock-takes/{count.pk}/", counting)
        ]

    running = make.clinic()
    counting = f"/devices/stock-takes/{stock_take.start(running, at=make.NOW, actor=make.manager()).pk}/"
    boss = Desk(make.manager())
    make.device(site)
    make.device(running)
    one = of_each_page(["0408017790"])
    for number in range(2):
        make.device(site)
        make.device(running)
        stock_take.scan(StockTake.objects.get(clinic=running), str(number), at=make.NOW, actor=make.manager())
    assert of_each_page(["0408017791", "0408017792", "0408017793"]) == one
