"""What is done to one device at the desk: its page, readings, inspections, dates, a new unit."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.models import Device, Inspection, Reading
from patients.models import Access
from rentals.booking import change
from rentals.models import Discrepancy
from rentals.models.states import State
from rentals.recall import start_recall
from rentals.reconciliation.readings import take_reading
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db
ALL_CHECKS = ["cleaned", "output", "cable", "clock", "single_patient_parts"]
DAY = timedelta(days=1)


@shared
def site():
    return make.clinic()


@shared
def desk(site):
    return Desk(make.reception(site))


def busy_device(site, times: int = 1) -> Device:
    """A device with each thing that its page shows, so many times."""
    device = make.device(site, counter=10, at=make.NOW - 200 * DAY)
    for time in range(times):
        out = make.NOW - 42 * (times - time) * DAY
        make.rental(State.CLOSED, device=device, counter=10 + 14 * time, at=out, ended=out + 20 * DAY)
    make.rental(State.ACTIVE, device=device, counter=10 + 14 * times, at=make.NOW - 10 * DAY)
    for time in range(times):
        read_at = make.NOW - DAY / (time + 1)
        take_reading(device, 5 - time, read_at=read_at, at=read_at, actor=make.manager())
    return device


class TestOneDevice:
    def test_it_shows_the_figures_who_had_it_and_what_is_in_doubt(self, site, desk):
        device = busy_device(site)
        assert desk.see(f"/devices/{device.pk}/") == 200
        shown = desk.answer.context["device"]
        assert (shown.counter, shown.used_treatments, shown.remaining_treatments) == (24, 24, 319)
        assert (shown.promised_treatments, shown.free_treatments, shown.availability) == (28, 291, "out")
        now_with, before = desk.answer.context["holdings"]
        assert (now_with.live, before.live) == (True, False)
        assert now_with.rental.patient.name in desk.page
        assert before.rental.patient.name not in desk.page
        assert f'href="/rentals/{before.rental.reference}/"' in desk.page
        assert [(reading.counter, reading.trusted) for reading in desk.answer.context["readings"]] == [
            (5, False),
            (24, True),
            (24, True),
            (10, True),
            (10, True),
        ]
        assert "lower than before" in desk.page
        (opened,) = desk.answer.context["discrepancies"]
        assert (opened.kind, opened.why in desk.page) == ("counter_down", True)
        assert [inspection.passed for inspection in desk.answer.context["inspections"]] == [True]
        assert [allowance.number for allowance in desk.answer.context["allowances"]] == [1]

    def test_each_patient_who_has_or_had_it_is_recorded_in_one_insert(self, site):
        device = busy_device(site)
        user = make.reception(site)
        with CaptureQueriesContext(connection) as captured:
            Desk(user).see(f"/devices/{device.pk}/")
        assert sum('INSERT INTO "patients_access"' in query["sql"] for query in captured) == 1
        listed = Access.objects.filter(user=user, action="listed").values_list("patient", flat=True)
        assert sorted(listed) == sorted(device.holdings.values_list("rental__patient", flat=True))

    def test_a_recall_is_told_and_the_rentals_it_touched(self, site, desk):
        device = make.device(site)
        start_recall(
            model=device.model, serials=[device.serial], reason="Battery swells", at=make.NOW, actor=make.manager()
        )
        desk.see(f"/devices/{device.pk}/")
        assert "Battery swells" in desk.page
        assert '<span class="tag alarm">Recalled</span>' in desk.page

    def test_three_of_everything_cost_no_more_queries_than_one(self, site, desk):
        def queries(times: int) -> int:
            device = busy_device(site, times)
            for _ in range(times):
                start_recall(model=device.model, serials=[], reason="x", at=make.NOW, actor=make.manager())
            Discrepancy.objects.filter(device=device).update(rental=device.holdings.first().rental)
            with CaptureQueriesContext(connection) as captured:
                assert desk.see(f"/devices/{device.pk}/") == 200
            assert len(desk.answer.context["holdings"]) == len(desk.answer.context["discrepancies"]) + 1 == times + 1
            return len(captured)

        assert queries(3) == queries(1)


class TestReading:
    def test_what_the_screen_shows_is_written_down(self, site, desk):
        device = make.device(site, counter=10)
        address = f"/devices/{device.pk}/"
        desk.see(address)
        assert desk.send(f"{address}reading/", **{**desk.proposed(), "counter": "12"}) == 302
        assert desk.led_to == address
        reading = device.readings.latest("pk")
        assert (reading.counter, reading.read_at, reading.source, reading.trusted) == (12, make.NOW, "desk", True)
        assert reading.recorded_by.username == desk.answer.wsgi_request.user.username
        desk.see(address)
        assert "Counter 12 is recorded." in desk.page

    def test_its_time_is_the_clock_of_the_devices_own_site(self):
        perth, sydney = make.clinic("A", time_zone="Australia/Perth"), make.clinic("B")
        desk = Desk(make.reception(perth, sydney))
        device = make.device(sydney)
        assert desk.send(f"/devices/{device.pk}/reading/", counter="1", read_at="2026-03-01T09:30") == 302
        assert device.readings.latest("pk").read_at == datetime(2026, 2, 28, 22, 30, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("counter", "flag", "words"),
        [("9", "counter_down", "it is lower than before"), ("9999", "counter_jump", "it is higher than the time")],
    )
    def test_what_cannot_be_is_kept_and_said_at_once(self, site, desk, counter, flag, words):
        device = make.device(site, counter=10)
        address = f"/devices/{device.pk}/"
        assert desk.send(f"{address}reading/", counter=counter) == 302
        desk.see(address)
        assert f"Counter {counter} is kept, but not trusted: {words}" in desk.page
        assert device.readings.get(flag=flag).trusted is False
        assert Discrepancy.objects.get().kind == flag
        assert desk.answer.context["device"].counter == 10

    @pytest.mark.parametrize(
        ("entries", "field"),
        [
            ({"counter": ""}, "counter"),
            ({"counter": "-1"}, "counter"),
            ({"counter": "100001"}, "counter"),
            ({"counter": "many"}, "counter"),
            ({"counter": "5", "read_at": "yesterday"}, "read_at"),
            ({"counter": "5", "read_at": "0001-01-01T00:00"}, "read_at"),  # the year before in UTC
            ({"counter": "5", "read_at": "9999-12-31T23:59"}, "read_at"),
            ({"counter": "5", "read_at": "2025-10-05T02:30"}, "read_at"),  # skipped when daylight saving began
        ],
    )
    def test_what_is_no_reading_comes_back_as_it_was_typed(self, site, desk, entries, field):
        device = make.device(site, counter=10)
        assert desk.send(f"/devices/{device.pk}/reading/", **entries) == 422
        assert list(desk.problems()) == [field]
        assert desk.answer.context["form"][field].value() == entries[field]
        assert device.readings.count() == 1

    def test_a_time_to_come_is_refused_beside_its_field(self, site, desk):
        device = make.device(site)
        assert desk.send(f"/devices/{device.pk}/reading/", counter="1", read_at="2026-03-02T12:01") == 400
        assert desk.problems() == {"read_at": ["This moment has not come yet; correct the time."]}
        assert device.readings.count() == 1

    def test_sent_twice_it_is_written_down_once(self, site, desk):
        device = make.device(site, counter=10)
        desk.see(f"/devices/{device.pk}/")
        form = {**desk.proposed(), "counter": "12"}
        assert [desk.send(f"/devices/{device.pk}/reading/", **form) for _ in range(2)] == [302, 302]
        assert Reading.objects.filter(counter=12).count() == 1

    def test_an_auditor_finds_no_form_and_no_door(self, site):
        device = make.device(site, condition="quarantine")
        desk = Desk(make.auditor(site))
        assert desk.see(f"/devices/{device.pk}/") == 200
        assert f"/devices/{device.pk}/reading/" not in desk.page
        assert f"/devices/{device.pk}/inspect/" not in desk.page
        assert desk.send(f"/devices/{device.pk}/reading/", counter="12") == 403
        assert desk.send(f"/devices/{device.pk}/inspect/", checks=ALL_CHECKS, passed="yes") == 403
        assert (Reading.objects.count(), Inspection.objects.count()) == (1, 0)


class TestInspection:
    @pytest.mark.parametrize(("passed", "condition"), [("yes", "ready"), ("no", "repair")])
    @pytest.mark.parametrize("before", ["quarantine", "repair"])
    def test_a_device_without_a_rental_is_inspected_by_its_checklist(self, site, desk, before, passed, condition):
        device = make.device(site, condition=before)
        address = f"/devices/{device.pk}/"
        desk.see(address)
        assert f'href="{address}inspect/"' in desk.page
        assert desk.fill_in(f"{address}inspect/", checks=ALL_CHECKS, passed=passed) == 302
        assert desk.led_to == address
        inspection = device.inspections.get()
        assert (inspection.passed, inspection.at) == (passed == "yes", make.NOW)
        assert inspection.checks == dict.fromkeys(ALL_CHECKS, True)
        device.refresh_from_db()
        assert device.condition == condition

    def test_a_swapped_out_device_is_inspected_by_itself(self, site, desk):
        rental = make.rental(State.ACTIVE, site)
        device, other = rental.holdings.get().device, make.device(site)
        now = make.NOW + DAY
        change.swap(rental, counter_out=1, device=other, counter_in=0, at=now, now=now, actor=make.manager())
        assert desk.fill_in(f"/devices/{device.pk}/inspect/", checks=ALL_CHECKS, passed="yes") == 302
        assert device.inspections.count() == 1

    def test_a_device_for_which_a_rental_waits_is_inspected_there(self, site, desk):
        rental = make.rental(State.RETURNED, site, at=make.NOW - 20 * DAY, ended=make.NOW - DAY)
        device = rental.holdings.get().device
        there = f'href="/rentals/{rental.reference}/inspect/"'
        desk.see(f"/devices/{device.pk}/")
        assert there in desk.page
        assert f'href="/devices/{device.pk}/inspect/"' not in desk.page
        assert desk.send(f"/devices/{device.pk}/inspect/", checks=ALL_CHECKS, passed="yes") == 409
        assert there in desk.page
        assert f"Rental {rental.reference} waits for this inspection" in desk.problems()["__all__"][0]
        assert Inspection.objects.count() == 0

    @pytest.mark.parametrize("condition", ["ready", "recalled", "lost", "sold", "retired"])
    def test_no_other_device_is_inspected(self, site, desk, condition):
        device = make.device(site, condition=condition)
        desk.see(f"/devices/{device.pk}/")
        assert f"/devices/{device.pk}/inspect/" not in desk.page
        assert desk.send(f"/devices/{device.pk}/inspect/", checks=ALL_CHECKS, passed="yes") == 409
        assert "only a device in quarantine or repair is inspected" in desk.problems()["__all__"][0]
        device.refresh_from_db()
        assert (device.condition, Inspection.objects.count()) == (condition, 0)

    def test_without_a_verdict_it_comes_back_with_the_ticks(self, site, desk):
        device = make.device(site, condition="quarantine")
        assert desk.send(f"/devices/{device.pk}/inspect/", checks=["cleaned"]) == 422
        assert list(desk.problems()) == ["passed"]
        assert desk.answer.context["form"]["checks"].value() == ["cleaned"]
        assert Inspection.objects.count() == 0

    def test_sent_twice_it_is_recorded_once(self, site, desk):
        device = make.device(site, condition="quarantine")
        desk.see(f"/devices/{device.pk}/inspect/")
        form = {**desk.proposed(), "checks": ALL_CHECKS, "passed": "yes"}
        assert [desk.send(f"/devices/{device.pk}/inspect/", **form) for _ in range(2)] == [302, 302]
        assert Inspection.objects.count() == 1


class TestDates:
    def test_a_manager_puts_right_until_when_it_may_be_used_and_reservations_give_way(self, site):
        device, spare = make.device(site, model=make.device_model(turnaround_days=3)), make.device(site)
        rental = make.book(site, device=device)
        desk = Desk(make.manager(site))
        desk.see(f"/devices/{device.pk}/")
        assert "3 turnaround days after each return." in " ".join(desk.page.split())
        assert desk.fill_in(f"/devices/{device.pk}/dates/", service_due_on="2026-03-20") == 302
        assert rental.holdings.get().device == spare
        desk.see(desk.led_to)
        assert "Service due on Fri 20 Mar 2026." in desk.page
        assert desk.fill_in(f"/devices/{device.pk}/dates/", shelf_until="2027-01-31", service_due_on="") == 302
        device.refresh_from_db()
        assert (device.shelf_until, device.service_due_on) == (date(2027, 1, 31), None)
        versions = device.events.order_by("pgh_id")  # type: ignore[attr-defined]  # pghistory adds it
        assert [version.service_due_on for version in versions] == [None, date(2026, 3, 20), None]

    @pytest.mark.parametrize("wrong", ["yesterday", "0001-01-01", "2026-02-30"])
    def test_what_is_no_day_comes_back(self, site, wrong):
        device = make.device(site)
        desk = Desk(make.manager(site))
        assert desk.send(f"/devices/{device.pk}/dates/", shelf_until=wrong) == 422
        assert list(desk.problems()) == ["shelf_until"]

    def test_reception_sees_the_days_and_no_way_to_change_them(self, site, desk):
        device = make.device(site)
        Device.objects.filter(pk=device.pk).update(shelf_until=date(2026, 9, 1))
        desk.see(f"/devices/{device.pk}/")
        assert "Shelf life until Tue 1 Sep 2026." in desk.page
        assert "1 turnaround day after each return, as for any model here." in " ".join(desk.page.split())
        assert f"/devices/{device.pk}/dates/" not in desk.page
        assert desk.send(f"/devices/{device.pk}/dates/", shelf_until="") == 403


class TestNewDevice:
    def test_a_manager_adds_one_with_what_its_screen_shows(self, site):
        model = make.device_model(name="Exogen 500")
        desk = Desk(make.manager(site))
        desk.see("/devices/")
        assert 'href="/devices/add/"' in desk.page
        dates = {"shelf_until": "2027-01-31", "service_due_on": "2026-12-01"}
        assert desk.fill_in("/devices/add/", serial=" 00121 ", model=model.pk, counter="7", **dates) == 302
        device = Device.objects.get()
        assert (device.shelf_until, device.service_due_on) == (date(2027, 1, 31), date(2026, 12, 1))
        assert desk.led_to == f"/devices/{device.pk}/"
        assert (device.serial, device.model, device.clinic, device.condition) == ("00121", model, site, "ready")
        assert (device.created_at, device.readings.get().counter) == (make.NOW, 7)

    def test_one_that_nobody_has_looked_at_has_no_reading(self, site):
        desk = Desk(make.manager(site))
        entries = {"serial": "1", "model": make.device_model().pk, "condition": "quarantine"}
        assert desk.fill_in("/devices/add/", **entries) == 302
        assert (Device.objects.get().condition, Reading.objects.count()) == ("quarantine", 0)

    def test_one_that_a_recall_names_is_recalled_and_that_is_said(self, site):
        model = make.device_model()
        start_recall(model=model, serials=["77"], reason="Battery", at=make.NOW, actor=make.manager())
        desk = Desk(make.manager(site))
        assert desk.fill_in("/devices/add/", serial="77", model=model.pk) == 302
        assert Device.objects.get().condition == "recalled"
        desk.see(desk.led_to)
        assert "Device 77 is added, but a recall names it" in desk.page

    def test_the_same_unit_twice_is_refused_beside_the_serial(self, site):
        device = make.device(site)
        desk = Desk(make.manager(site))
        assert desk.fill_in("/devices/add/", serial=device.serial, model=device.model_id) == 409
        assert list(desk.problems()) == ["serial"]
        assert "look it up instead" in desk.page
        assert Device.objects.count() == 1

    @pytest.mark.parametrize("wrong", ["serial", "model", "clinic", "condition", "counter"])
    def test_what_is_no_device_comes_back_as_it_was_typed(self, site, wrong):
        entries = {
            "serial": "7",
            "model": make.device_model().pk,
            "clinic": site.pk,
            "condition": "ready",
            "counter": "3",
        }
        bad = {"serial": "", "model": "0", "clinic": make.clinic().pk, "condition": "broken", "counter": "-3"}
        desk = Desk(make.manager(site))
        assert desk.send("/devices/add/", **{**entries, wrong: bad[wrong]}) == 422
        assert list(desk.problems()) == [wrong]
        assert desk.answer.context["form"]["counter"].value() == ("-3" if wrong == "counter" else "3")
        assert Device.objects.count() == 0

    def test_sent_twice_one_is_added(self, site):
        model = make.device_model()
        desk = Desk(make.manager(site))
        desk.see("/devices/add/")
        form = {**desk.proposed(), "serial": "7", "model": model.pk}
        assert [desk.send("/devices/add/", **form) for _ in range(2)] == [302, 302]
        assert desk.led_to == f"/devices/{Device.objects.get().pk}/"

    def test_reception_finds_no_button_and_no_door(self, site, desk):
        model = make.device_model()
        desk.see("/devices/")
        assert "/devices/add/" not in desk.page
        assert desk.send("/devices/add/", serial="7", model=model.pk, clinic=site.pk, condition="ready") == 403
        assert Device.objects.count() == 0

    def test_without_any_model_the_page_says_where_models_come_from(self, site):
        desk = Desk(make.manager(site))
        assert desk.see("/devices/add/") == 200
        assert "load_fleet" in desk.page
        assert '<form method="post" novalidate' not in desk.page
