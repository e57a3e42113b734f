"""The timeline: who has which device when over eight weeks, what each has left by then, and a reservation moved."""

import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db.backends.postgresql.psycopg_any import DateRange

from devices.models import Device, Transfer
from devices.readings import record_reading
from rentals.desk.timeline import Timeline, timeline_of
from rentals.models import Holding, Rental
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk
from tests.rentals.desk.offers import device_of
from tests.shared import shared

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MONDAY = date(2026, 3, 2)


@shared
def site():
    return make.clinic()


def seen(site, day=MONDAY, at=make.NOW) -> Timeline:
    return timeline_of(site, day, at)


def cells(timeline: Timeline, device: Device, lane: int = 0) -> list[tuple[str, int, int]]:
    """What stands in the row of `device`: kind ("" for free days), first day's number, how many days."""
    [row] = [row for _, rows in timeline.models for row in rows if row.device == device]
    return [(cell.part.kind if cell.part else "", cell.begins, cell.days) for cell in row.lanes[lane]]


def words(timeline: Timeline) -> list[str]:
    """What the bars say to those who hear them."""
    rows = timeline.at_risk + [row for _, rows in timeline.models for row in rows]
    found = [cell for row in rows for lane in row.lanes for cell in lane]
    return [cell.words for cell in found if cell.part and cell.part.bar]


def path(rental: Rental) -> str:
    return f"/rentals/{rental.reference}/device/"


def put_in(device: Device, **columns: Any) -> None:
    Device.objects.filter(pk=device.pk).update(**columns)


class TestBars:
    def test_a_reservation_blocks_its_days_and_the_turnaround(self, site):
        device = device_of(site)
        rental = make.book(site, device=device)
        timeline = seen(site)
        assert cells(timeline, device) == [("reserved", 0, 29), ("turnaround", 29, 1), ("", 30, 26)]
        assert words(timeline) == [
            f"Rental {rental.reference} reserved 2 to 30 March, then 1 day turnaround; "
            "343 treatments left before, 315 after"
        ]

    def test_treatments_run_down_from_rental_to_rental_by_plan(self, site):
        """The first patient has had 5 of the 28 so far, by the counter."""
        device = device_of(site)
        make.rental(State.ACTIVE, device=device, at=make.NOW - 10 * DAY)
        record_reading(device, 5, read_at=make.NOW, now=make.NOW, source="desk", actor=None)
        make.book(site, device=device, starts_on=date(2026, 3, 30), planned_treatments=100)
        make.book(site, device=device, starts_on=date(2026, 5, 4), planned_treatments=14)
        timeline = seen(site, date(2026, 3, 30))
        parts = [cell.part for cell in timeline.models[0][1][0].lanes[0] if cell.part and cell.part.bar]
        assert [(part.bar.left.before, part.bar.left.after) for part in parts] == [(315, 215), (215, 201)]
        timeline = seen(site)
        first = timeline.models[0][1][0].lanes[0][0].part.bar
        assert (first.left.before, first.left.after) == (343, 315)
        assert first.outline == "M-10 0L0 1L19 8V100H-10Z"

    def test_what_nobody_knows_is_said_to_be_unknown(self, site):
        device = device_of(site, nominal=None)
        make.book(site, device=device, accept_unknown_capacity=True)
        [said] = words(seen(site))
        assert said.endswith("; nobody knows what is left")

    def test_one_that_is_out_late_is_overdue_until_today_and_then_presumed_away(self, site):
        """Due five days ago; the nightly run blocked it for a week from today and the turnaround."""
        device = device_of(site)
        rental = make.rental(State.ACTIVE, device=device, at=make.NOW - 19 * DAY, days=14)
        Holding.objects.filter(rental=rental).update(blocked=DateRange(date(2026, 2, 11), date(2026, 3, 11)))
        timeline = seen(site, date(2026, 2, 23))
        assert cells(timeline, device) == [
            ("out", 0, 3), ("late", 3, 5), ("presumed", 8, 7), ("turnaround", 15, 1), ("", 16, 40),
        ]  # fmt: skip
        assert "5 days late 11 to 25 February, then 5 days overdue, then 7 days presumed away" in words(timeline)[0]

    def test_a_reservation_that_somebody_late_is_in_the_way_of_lies_below_in_the_same_row(self, site):
        device = device_of(site)
        make.rental(State.ACTIVE, device=device, at=make.NOW - 19 * DAY, days=14)
        make.book(site, device=device, at=make.NOW - 10 * DAY, starts_on=date(2026, 2, 28))
        timeline = seen(site)
        assert cells(timeline, device) == [("late", 0, 1), ("", 1, 55)]
        assert cells(timeline, device, lane=1) == [("reserved", 0, 27), ("turnaround", 27, 1), ("", 28, 28)]

    def test_the_way_by_courier_is_shown_at_both_ends(self, site):
        device = device_of(site)
        make.book(site, device=device, starts_on=date(2026, 3, 9), delivery="courier")
        assert cells(seen(site), device)[:6] == [
            ("", 0, 5), ("way", 5, 2), ("reserved", 7, 29), ("way", 36, 2), ("turnaround", 38, 1), ("", 39, 17),
        ]  # fmt: skip

    def test_an_offer_a_pinned_one_and_one_not_collected_say_so(self, site):
        offer = make.book(site, device=device_of(site))
        Rental.objects.filter(pk=offer.pk).update(offer_expires_at=make.NOW + DAY)
        make.book(site, device=device_of(site), pinned=True)
        make.book(site, device=device_of(site), at=make.NOW - 2 * DAY, starts_on=date(2026, 2, 28))
        said = "\n".join(words(seen(site)))
        assert "offered 2 to 30 March, until 3 March, 12:00," in said
        assert "reserved 2 to 30 March, pinned," in said
        assert "not collected 28 February to 28 March," in said

    def test_one_that_came_back_is_shown_as_long_as_it_was_out(self, site):
        device = device_of(site)
        rental = make.rental(State.RETURNED, device=device, at=make.NOW - 6 * DAY, ended=make.NOW - DAY)
        timeline = seen(site, date(2026, 2, 23))
        assert cells(timeline, device) == [("", 0, 1), ("ended", 1, 6), ("idle", 7, 2), ("", 9, 47)]
        assert words(timeline) == [f"Rental {rental.reference} had it 24 February to 1 March"]

    def test_a_cancelled_one_and_one_of_another_site_are_not_there(self, site):
        make.rental(State.CANCELLED, site)
        make.rental(State.ACTIVE)
        assert words(seen(site)) == []

    def test_a_reservation_without_a_device_stands_on_top(self, site):
        device = device_of(site)
        rental = make.book(site, device=device)
        make.put_at_risk(device)
        timeline = seen(site)
        [row] = timeline.at_risk
        assert (row.reference, [cell.part.kind for cell in row.lanes[0] if cell.part]) == (
            rental.reference, ["risk", "turnaround"],
        )  # fmt: skip
        assert words(timeline)[0].endswith("it has no device and needs 28 treatments")

    @pytest.mark.parametrize(
        ("columns", "expected"),
        [
            ({"condition": "quarantine"}, [("idle", 0, 2), ("", 2, 54)]),
            ({"condition": "repair"}, [("idle", 0, 56)]),
            ({"shelf_until": date(2026, 3, 10)}, [("", 0, 9), ("idle", 9, 47)]),
            ({"service_due_on": date(2026, 3, 10)}, [("", 0, 8), ("idle", 8, 48)]),
        ],
    )
    def test_days_on_which_nobody_can_have_it_are_marked(self, site, columns, expected):
        device = device_of(site)
        put_in(device, **columns)
        assert cells(seen(site), device) == expected

    def test_a_device_on_its_way_from_another_site_is_nobodys(self, site):
        device, perth = device_of(site), make.clinic("Perth")
        days = DateRange(date(2026, 3, 2), date(2026, 3, 5))
        Transfer.objects.create(
            device=device, from_clinic=perth, to_clinic=site, away=days, at=make.NOW, by=make.manager()
        )
        assert cells(seen(site), device) == [("transfer", 0, 3), ("", 3, 53)]

    def test_a_device_that_is_gone_is_shown_only_with_what_is_left_of_it(self, site):
        sold, lost = device_of(site, condition="sold"), device_of(site)
        make.rental(State.LOST, device=lost, at=make.NOW - 6 * DAY, ended=make.NOW)
        assert [row.device for _, rows in seen(site).models for row in rows] == [lost]
        assert seen(site, MONDAY + 7 * DAY).models == []
        assert sold.condition == "sold"

    def test_days_are_the_clinics_and_closed_ones_are_marked(self, site):
        """Half past one at night in Sydney is still Sunday in UTC; the first of March is a Sunday."""
        site.holiday_region = "AU-NSW"
        night = datetime.fromisoformat("2026-03-02T01:30:00+11:00")
        days = {day.date: day for day in timeline_of(site, MONDAY, night).days}
        assert [day for day in days if days[day].is_today] == [MONDAY]
        assert days[date(2026, 3, 8)].why_closed == "closed on Sundays"
        assert days[date(2026, 4, 3)].why_closed == "Good Friday"
        assert not days[date(2026, 3, 7)].why_closed


class TestPage:
    def test_it_begins_with_the_week_that_was_asked_for(self, site):
        desk = Desk(make.auditor(site))
        for asked, first in (({}, "Mon 2 Mar 2026"), ({"day": "2026-03-19"}, "Mon 16 Mar 2026")):
            assert desk.see("/timeline/", **asked) == 200
            assert f"{first} to " in desk.page
        assert 'href="?day=2026-03-09"' in desk.page
        assert desk.see("/timeline/", day="some day") == 422
        assert "Mon 2 Mar 2026 to " in desk.page

    def test_it_names_no_patient_and_an_auditor_is_offered_no_move(self, site):
        patient = make.patient(site, family_name="Lovelace")
        rental = make.book(site, patient=patient, device=device_of(site))
        desk = Desk(make.auditor(site))
        desk.see("/timeline/")
        assert rental.reference in desk.page
        assert "Lovelace" not in desk.page
        assert "/device/" not in desk.page

    @pytest.mark.parametrize("number", [1, 3])
    def test_it_makes_the_same_number_of_queries(self, site, number, django_assert_num_queries):
        for _ in range(number):
            device = device_of(site)
            make.rental(State.ACTIVE, device=device)
            make.book(site, device=device, starts_on=date(2026, 4, 7))
            make.rental(State.RETURNED, site, at=make.NOW - 6 * DAY, ended=make.NOW)
            gone = device_of(site)
            make.book(site, device=gone)
            make.put_at_risk(gone)
        desk = Desk(make.reception(site))
        with django_assert_num_queries(11):
            assert desk.see("/timeline/") == 200
        assert len(words(desk.answer.context["timeline"])) == 4 * number


class TestMoving:
    def test_a_reservation_is_moved_and_leads_back_to_where_it_was_dragged(self, site):
        old, new = device_of(site), device_of(site)
        rental = make.book(site, device=old)
        desk = Desk(make.reception(site))
        assert desk.send(path(rental), device=new.pk, week="2026-03-02") == 302
        assert desk.led_to == f"/timeline/?day=2026-03-02#{rental.reference}"
        assert rental.holdings.get(live=True).device == new
        desk.see(desk.led_to)
        assert f"Rental {rental.reference} is on device {new.serial} now." in desk.page

    def test_the_form_shows_what_fits_best_first_and_leads_to_the_rental(self, site):
        old, worn, fresh = device_of(site), device_of(site, counter=300), device_of(site)
        device_of(site, counter=330)
        rental = make.book(site, device=old)
        desk = Desk(make.reception(site))
        assert desk.see(path(rental)) == 200
        assert [device for device, _ in desk.answer.context["offers"]] == [worn, fresh]
        assert "It has 43 free treatments and would keep 15 after this course of 28; " in desk.page
        assert desk.send(path(rental)) == 422
        assert desk.problems() == {"device": ["Choose one of the devices."]}
        assert desk.send(path(rental), device=fresh.pk) == 302
        assert desk.led_to == f"/rentals/{rental.reference}/"

    def test_a_move_onto_a_device_that_somebody_has_says_who_is_in_the_way(self, site):
        taken, old = device_of(site), device_of(site)
        other = make.book(site, device=taken)
        rental = make.book(site, device=old)
        desk = Desk(make.reception(site))
        assert desk.send(path(rental), device=taken.pk, week="2026-03-02") == 409
        assert f"Device {taken.serial} cannot be had on these days" in desk.problems()["device"][0]
        assert f'In the way: rental <a class="mono" href="/rentals/{other.reference}/">' in desk.page
        assert '<input type="hidden" name="week" value="2026-03-02">' in desk.page
        assert rental.holdings.get(live=True).device == old

    def test_where_nothing_fits_it_is_said_why_and_what_would(self, site):
        old, away = device_of(site), device_of(site)
        make.book(site, device=away)
        rental = make.book(site, device=old)
        make.put_at_risk(old)
        put_in(old, condition="recalled")
        desk = Desk(make.reception(site))
        assert desk.see(path(rental)) == 200
        assert "Give it a device" in desk.page
        assert set(desk.answer.context["why_none"].split(", ")) == {"1 booked on these days", "1 not ready"}
        assert f"device {away.serial} from Wed 1 Apr 2026" in desk.page

    def test_a_reservation_at_risk_is_given_a_device_from_its_page_and_from_today(self, site):
        old, new = device_of(site), device_of(site)
        rental = make.book(site, device=old)
        make.put_at_risk(old)
        put_in(old, condition="recalled")
        desk = Desk(make.reception(site))
        for address in (f"/rentals/{rental.reference}/", "/"):
            desk.see(address)
            assert re.search(rf'href="{path(rental)}"[^>]*>Give it a device', desk.page)
        assert desk.fill_in(path(rental), device=new.pk) == 302
        assert rental.holdings.get(live=True).device == new

    def test_a_move_after_the_hand_over_leads_to_the_rental(self, site):
        rental = make.rental(State.ACTIVE, site)
        desk = Desk(make.reception(site))
        assert (desk.see(path(rental)), desk.led_to) == (302, f"/rentals/{rental.reference}/")

    @pytest.mark.parametrize("number", [1, 3])
    def test_the_form_makes_the_same_number_of_queries(self, site, number, django_assert_num_queries):
        rental = make.book(site, device=device_of(site))
        for _ in range(number):
            device_of(site)
        desk = Desk(make.reception(site))
        with django_assert_num_queries(15):
            desk.see(path(rental))
        assert len(desk.answer.context["offers"]) == number


def test_a_reservation_is_pinned_and_let_go_on_its_page(site):
    rental = make.book(site, device=device_of(site))
    desk = Desk(make.reception(site))
    address = f"/rentals/{rental.reference}/"
    for button, pinned in (("Pin it to this device", True), ("Let it be moved", False)):
        desk.see(address)
        assert button in desk.page
        assert desk.send(f"{address}pin/", pinned=pinned) == 302
        rental.refresh_from_db()
        assert rental.pinned is pinned
    assert desk.fill_in(f"{address}pin/") == 302
    rental.refresh_from_db()
    assert rental.pinned
