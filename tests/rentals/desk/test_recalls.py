"""Recalls at the desk: shown before they are done, and whom to phone afterwards."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.models import User
from devices.models import Device, Recall
from patients.models import Access, Patient
from rentals.models import Holding, Move
from rentals.recall import start_recall
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
START = "/devices/recalls/start/"


@shared
def site():
    return make.clinic()


@shared
def desk(site):
    return Desk(make.manager(site))


@pytest.fixture
def model():
    return make.device_model()


@pytest.fixture
def unit(site, model):
    return make.device(site, model=model)


def notice(model, *serials, **entries):
    """What is typed: the serials, one a line."""
    typed = {"model": model.pk, "which": "named", "serials": "\r\n".join(serials), "reason": "Output may be low."}
    return {**typed, **entries}


def recalled(device, *, serials=None, actor=None):
    serials = [device.serial] if serials is None else serials
    actor = actor or make.manager()
    return start_recall(model=device.model, serials=serials, reason="Heat", at=make.NOW, actor=actor).recall


def page_of(recall):
    return f"/devices/recalls/{recall.pk}/"


class TestStarting:
    def test_shows_first_what_it_would_do_and_does_nothing(self, site, desk, model, unit):
        had = make.rental("closed", device=unit, at=make.NOW - 60 * DAY)
        has = make.rental("active", device=unit)
        booked = make.book(site, device=make.device(site, model=model, serial="0408017701"), pinned=True)
        before = list(Device.objects.order_by("pk").values()), list(Holding.objects.order_by("pk").values())
        assert desk.send(START, **notice(model, unit.serial, "0408017701", "0408017799")) == 200
        for rental in (had, has, booked):
            assert rental.reference in desk.page
            assert rental.patient.name in desk.page
        assert has.patient.phone in desk.page
        assert "0408017799" in desk.page
        assert "it will be at risk until you give it another device or let it be moved" in desk.page
        assert before == (list(Device.objects.order_by("pk").values()), list(Holding.objects.order_by("pk").values()))
        assert (Recall.objects.count(), Move.objects.filter(verb="at_risk").count()) == (0, 0)

    def test_does_it_when_what_was_shown_is_sent_again(self, site, desk, model, unit):
        desk.send(START, **notice(model, unit.serial, "0408017799"))
        shown = desk.proposed()
        assert desk.send(START, **shown, start="1") == 302
        recall = Recall.objects.get()
        assert (recall.serials, recall.reason) == (["0408017799", unit.serial], "Output may be low.")
        assert desk.led_to == page_of(recall)
        assert Device.objects.get(pk=unit.pk).condition == "recalled"
        desk.see(desk.led_to)
        assert "1 unit of yours may not go out any more" in desk.page

    def test_twice_by_a_double_click_is_once(self, desk, model, unit):
        desk.send(START, **notice(model, unit.serial))
        shown = desk.proposed()
        addresses = [(desk.send(START, **shown, start="1"), desk.led_to) for _ in range(2)]
        assert addresses[0] == addresses[1]
        assert Recall.objects.count() == 1

    def test_lets_the_notice_be_changed_before(self, desk, model, unit):
        desk.send(START, **notice(model, unit.serial), change="1")
        assert desk.proposed() == notice(model, unit.serial) | {"model": str(model.pk)}
        assert not Recall.objects.exists()

    def test_names_all_units_only_when_that_is_chosen(self, desk, model, unit):
        desk.send(START, **notice(model, which="all"), start="1")
        assert Recall.objects.get().serials == []
        assert Device.objects.get(pk=unit.pk).condition == "recalled"

    @pytest.mark.parametrize(
        ("entries", "field"),
        [
            ({"reason": " "}, "reason"),
            ({"reason": "x" * 2001}, "reason"),
            ({"serials": " \r\n "}, "serials"),
            ({"which": "all"}, "serials"),
            ({"which": "some"}, "which"),
            ({"serials": "1" * 41}, "serials"),
            ({"serials": "1\0"}, "serials"),
            ({"model": "71034999"}, "model"),
            ({"model": ""}, "model"),
        ],
    )
    def test_of_a_notice_that_cannot_be_says_what_is_wrong(self, desk, model, unit, entries, field):
        for button in ({}, {"start": "1"}):
            assert desk.send(START, **notice(model, unit.serial) | entries, **button) == 422
            assert list(desk.problems()) == [field]
        assert not Recall.objects.exists()

    def test_says_that_a_serial_stands_on_another_model(self, desk, site, model):
        namesake = make.device(site, serial="0408017701")
        desk.send(START, **notice(model, "0408017701"))
        assert f"is here, but as Exogen 250 ({namesake.model.part_number})" in desk.page
        assert "No unit at the sites you work for is named" in desk.page

    def test_says_where_no_model_is_known_that_no_notice_can_be_about_a_unit_here(self, desk):
        desk.see(START)
        assert "No device model is known here yet" in desk.page
        assert '<button class="btn btn-primary">See what it would do' not in desk.page


class TestTheRecall:
    def test_says_whom_to_phone_and_what_became_of_the_reservations(self, site, desk, model, unit):
        has = make.rental("active", device=unit)
        moved = make.book(site, device=unit, starts_on=date(2026, 4, 13))
        pinned = make.book(site, device=unit, starts_on=date(2026, 6, 1), pinned=True)
        spare = make.device(site)
        Patient.objects.filter(pk=has.patient_id).update(email="", state="withdrawn")
        desk.see(page_of(recalled(unit)))
        assert has.patient.phone in desk.page
        assert "no usable e-mail address" in desk.page
        assert '<span class="tag alarm">withdrawn</span>' in desk.page
        assert f"moved from {unit.serial} to {spare.serial}" in desk.page
        assert f'now on <a class="mono" href="/devices/{spare.pk}/">' in desk.page
        assert f"/rentals/{moved.reference}/" in desk.page
        assert "It was pinned to its device, so nobody moved it" in desk.page
        ways = [f"/rentals/{pinned.reference}/{way}/" for way in ("device", "pin")]
        assert all(f'href="{way}"' in desk.page for way in ways)
        assert [desk.see(way) for way in ways] == [200, 200]

    def test_offers_a_reader_nothing_that_they_may_not_do(self, site, unit):
        rental = make.book(site, device=unit, pinned=True)
        reader = Desk(make.auditor(site))
        assert reader.see(page_of(recalled(unit))) == 200
        assert rental.patient.phone in reader.page
        assert f"/rentals/{rental.reference}/device/" not in reader.page
        assert f"/rentals/{rental.reference}/pin/" not in reader.page

    def test_shows_to_a_site_its_own_patients_only(self, site, model, unit):
        elsewhere = make.clinic()
        had = make.rental("closed", device=unit, at=make.NOW - 60 * DAY)
        Device.objects.filter(pk=unit.pk).update(clinic=elsewhere)
        has = make.rental("active", elsewhere, device=Device.objects.get(pk=unit.pk))
        address = page_of(recalled(unit))
        for reader, own, other in ((make.manager(site), had, has), (make.manager(elsewhere), has, had)):
            desk = Desk(reader)
            assert desk.see(address) == 200
            assert own.patient.name in desk.page
            for hidden in (other.patient.name, other.patient.phone, other.reference):
                assert hidden not in desk.page
            assert set(Access.objects.filter(user=reader).values_list("patient", flat=True)) == {own.patient_id}
        assert "1 more patient who has or had one of these units is a patient of sites" in desk.page
        assert Desk(make.manager(make.clinic())).see(address) == 404

    def test_offers_to_recall_what_its_starter_did_not_see(self, site, desk, model, unit):
        recall = recalled(unit, serials=[], actor=make.manager(make.clinic()))
        desk.see(page_of(recall))
        assert "1 unit of yours that the notice names is still in issue" in desk.page
        again = {field.html_name: field.value() for field in desk.answer.context["again"]}
        assert desk.send(START, **again) == 200
        assert desk.send(START, **desk.proposed(), start="1") == 302
        assert Device.objects.get(pk=unit.pk).condition == "recalled"
        desk.see(page_of(recall))
        assert "still in issue" not in desk.page

    def test_is_reached_from_the_devices_and_from_its_device(self, site, unit):
        address = page_of(recalled(unit))
        desk = Desk(make.reception(site))
        for way, link in (
            ("/devices/", "/devices/recalls/"),
            (f"/devices/{unit.pk}/", address),
            ("/devices/recalls/", address),
        ):
            desk.see(way)
            assert f'href="{link}"' in desk.page
        assert 'href="/devices/" aria-current="true"' in desk.page
        assert START not in desk.page


class TestTheList:
    def test_shows_what_is_still_to_do(self, site, desk, model, unit):
        make.rental("active", device=unit)
        make.book(site, device=make.device(site, model=model), pinned=True)
        recalled(unit, serials=[])
        desk.see("/devices/recalls/")
        (row,) = desk.answer.context["table"].page.object_list
        assert (row.record.units, row.record.out, row.record.at_risk) == (2, 1, 1)
        assert "all units" in desk.page

    def test_cuts_a_long_notice_short(self, desk, model, unit):
        recalled(unit, serials=[unit.serial, *(f"{number:010d}" for number in range(9))])
        desk.see("/devices/recalls/")
        assert "and 7 more" in desk.page

    def test_of_three_costs_no_more_queries_than_of_one(self, site, desk, model, unit):
        def queries():
            with CaptureQueriesContext(connection) as captured:
                assert desk.see("/devices/recalls/") == 200
            return len(captured)

        make.rental("active", device=unit)
        recalled(unit)
        one = queries()
        for _ in range(2):
            recalled(unit)
        assert queries() == one


@pytest.mark.parametrize("role", User.Role.values)
def test_everybody_at_a_site_may_read_and_only_a_manager_starts(site, unit, role):
    recall = recalled(unit)
    desk = Desk(make.user(role, site))
    assert desk.see(page_of(recall)) == 200
    assert desk.see(START) == (200 if role == "manager" else 403)
