"""What waits at the desk today: each rental in the one list where it is looked for."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.models import Device
from patients.models import Access
from rentals.booking.waiting import enquire
from rentals.desk import today
from rentals.desk.counts import counts_of
from rentals.desk.today import LISTS, work_of
from rentals.models import Discrepancy, Holding, Message, StaffTask
from rentals.models.states import State
from rentals.staff_tasks import ask_staff
from tests import make
from tests.rentals.desk.desk import Desk

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
OF_RENTALS = (*today.RENTALS, "open_money")


def lists_of(site, at):
    """The references in each list that is not empty."""
    work = work_of(site, at)
    found = {name: [rental.reference for rental in getattr(work, name)] for name in OF_RENTALS}
    return {name: references for name, references in found.items() if references}


def test_a_rental_stands_in_the_list_of_what_is_to_be_done_with_it():
    site = make.clinic()
    at, day = make.NOW, timedelta(days=1)
    today = site.day_of(at)
    pick_up = make.rental(State.RESERVED, site)
    missed = make.rental(State.RESERVED, site, at=at - 2 * day)
    tomorrow = make.rental(State.RESERVED, site, starts_on=today + day)
    make.rental(State.RESERVED, site, starts_on=today + 2 * day)
    due_today = make.rental(State.ACTIVE, site, at=at - 28 * day)
    overdue = make.rental(State.ACTIVE, site, at=at - 35 * day)
    make.rental(State.ACTIVE, site)
    returned = make.rental(State.RETURNED, site, at=at - 20 * day, ended=at - day)
    lost = make.rental(State.LOST, site, at=at - 20 * day, ended=at - day)
    closed = make.rental(State.CLOSED, site, at=at - 20 * day, ended=at - day)
    make.rental(State.CANCELLED, site)
    make.rental(State.RESERVED, make.clinic())
    waiting = enquire(make.booking(site), at=at, actor=make.reception(site))
    assert lists_of(site, at) == {
        "open_money": [closed.reference],
        "pick_ups": [missed.reference, pick_up.reference],
        "tomorrow": [tomorrow.reference],
        "due_today": [due_today.reference],
        "overdue": [overdue.reference],
        "to_inspect": [returned.reference],
        "to_settle": [lost.reference],
        "waiting": [waiting.reference],
    }


def test_a_reservation_at_risk_is_shown_whenever_it_starts():
    site = make.clinic()
    far = make.rental(State.RESERVED, site, starts_on=site.day_of(make.NOW) + timedelta(days=30))
    make.put_at_risk(far.holdings.get().device)
    assert lists_of(site, make.NOW) == {"at_risk": [far.reference]}


def test_a_device_in_quarantine_that_no_rental_waits_for_is_shown_by_itself():
    site = make.clinic()
    alone = make.device(site, condition=Device.Condition.QUARANTINE)
    make.device(site, condition=Device.Condition.REPAIR)
    make.rental(State.RETURNED, site)
    assert work_of(site, make.NOW).units_to_inspect == [alone]


def test_a_message_that_did_not_arrive_waits_until_somebody_has_phoned():
    site = make.clinic()
    patient = make.patient(site)
    user = make.reception(site)
    message = failed_message(patient)
    desk = Desk(user)
    assert desk.see("/") == 200
    assert patient.name in desk.page
    assert desk.see(f"/messages/{message.pk}/") == 200
    assert desk.send(f"/messages/{message.pk}/decide/", decision="told") == 302
    assert work_of(site, make.NOW).messages == []
    message.refresh_from_db()
    assert (message.decision, message.decided_by, message.state) == ("told", user, "failed")
    desk.send(f"/messages/{message.pk}/decide/", decision="not_needed")
    desk.see("/")
    assert "has decided already: told by phone instead" in desk.page


def test_a_message_whose_reason_has_passed_asks_nobody_to_phone():
    rental = make.rental(State.CLOSED, at=make.NOW - timedelta(days=20), ended=make.NOW - timedelta(days=1))
    message = failed_message(rental.patient)
    rental.reminders.create(kind="overdue", occasion="2026-02-20+1", due_at=make.NOW, message=message)
    desk = Desk(make.reception(rental.clinic))
    desk.see(f"/messages/{message.pk}/")
    assert "Its reason has passed since: the rental has ended." in desk.page
    assert "and say what stands below" not in desk.page
    assert desk.send(f"/messages/{message.pk}/decide/", decision="whatever") == 302
    assert desk.send(f"/messages/{message.pk}/decide/", decision="not_needed") == 302
    message.refresh_from_db()
    assert message.decision == "not_needed"


def failed_message(patient) -> Message:
    """A message that the mail server refused."""
    message = Message.objects.create(patient=patient, created_at=make.NOW, next_attempt_at=make.NOW)
    claimed = {"claim": "11111111-1111-1111-1111-111111111111", "lease_until": make.NOW}
    Message.objects.filter(pk=message.pk).update(state="sending", **claimed)
    Message.objects.filter(pk=message.pk).update(state="failed", claim=None, lease_until=None, why="550 5.1.1")
    return message


def test_the_page_offers_the_next_action_of_each_and_records_who_was_shown():
    now = make.NOW
    site = make.clinic(at=now)
    waiting = make.rental(State.RETURNED, site, at=now - timedelta(days=20), ended=now - timedelta(days=1))
    user = make.reception(site)
    desk = Desk(user)
    assert desk.see("/") == 200
    assert f'href="/rentals/{waiting.reference}/inspect/"' in desk.page
    assert list(Access.objects.filter(user=user).values_list("patient", "action")) == [(waiting.patient_id, "listed")]
    auditor = Desk(make.auditor(site))
    auditor.see("/")
    assert waiting.patient.name in auditor.page
    assert "/inspect/" not in auditor.page


def test_each_list_of_the_page_makes_the_same_number_of_queries_with_one_row_and_with_three():
    asked = []
    site = make.clinic(at=make.NOW - 90 * DAY)
    desk = Desk(make.reception(site))
    for rows in (1, 2):
        for _ in range(rows):
            one_row_in_each_list(site)
        with CaptureQueriesContext(connection) as queries:
            assert desk.see("/") == 200
        asked.append(len(queries))
    work = desk.answer.context["work"]
    assert {name: len(getattr(work, name)) for name in LISTS} == dict.fromkeys(LISTS, 3) | {"to_swap": 0}
    assert asked[0] == asked[1]


def one_row_in_each_list(site) -> None:
    now, today = make.NOW, make.NOW.date()
    late = make.rental(State.ACTIVE, site, at=now - 35 * DAY)
    failed_message(late.patient).reminders.create(rental=late, kind="overdue", occasion="x", due_at=now)
    ask_staff(StaffTask.Kind.CHASE, late.reference, rental=late, words="Phone.", at=now)
    about = {"clinic": site, "rental": late, "device": late.holdings.get().device, "opened_at": now}
    Discrepancy.objects.create(kind="log_missing", subject=late.reference, why="Missing.", action="Read.", **about)
    make.rental(State.ACTIVE, site, at=now - 28 * DAY)
    for ended in (State.RETURNED, State.LOST, State.CLOSED):
        make.rental(ended, site, at=now - 20 * DAY, ended=now - DAY)
    make.rental(State.RESERVED, site)
    make.rental(State.RESERVED, site, starts_on=today + DAY)
    make.rental(State.RESERVED, site, starts_on=today + 10 * DAY)
    make.device(site, condition=Device.Condition.QUARANTINE)
    make.offer_to(make.waiting(site))
    make.waiting(site)
    far = Holding.objects.filter(rental__clinic=site, rental__starts_on=today + 10 * DAY)
    far.update(device=None)  # last, or it would be mended on the way


def test_a_long_list_shows_its_first_rows_and_leads_to_the_rest(monkeypatch):
    monkeypatch.setattr(today, "MOST", 2)
    site = make.clinic()
    for _ in range(4):
        make.device(site, condition=Device.Condition.QUARANTINE)
        make.waiting(site)
    desk = Desk(make.reception(site))
    desk.see("/")
    work = desk.answer.context["work"]
    assert [(len(rows), rows.in_all) for rows in (work.waiting, work.units_to_inspect)] == [(2, 4), (2, 4)]
    assert 'href="/?all=waiting#waiting">and 2 more' in desk.page
    desk.see("/", all="waiting")
    work = desk.answer.context["work"]
    assert [(len(rows), rows.in_all) for rows in (work.waiting, work.units_to_inspect)] == [(4, 4), (2, 4)]


class TestAskedAnew:
    def again(self, desk, seen=""):
        headers = {"HX-Request": "true", "HX-Target": "work"}
        return desk.kept(desk.client.get("/", {"seen": seen}, headers=headers))

    def test_only_the_time_is_sent_while_nothing_has_changed(self):
        site = make.clinic()
        waiting = make.waiting(site)
        desk = Desk(make.reception(site))
        desk.see("/")
        seen = desk.answer.context["seen"]
        self.again(desk, seen)
        assert desk.answer.headers["HX-Reswap"] == "none"
        assert "as of" in desk.page and waiting.reference not in desk.page
        more = make.waiting(site)
        self.again(desk, seen)
        assert "HX-Reswap" not in desk.answer.headers
        assert more.reference in desk.page and 'id="ways"' in desk.page and "<html" not in desk.page

    def test_who_is_shown_is_recorded_when_new_and_once_an_hour(self, clock):
        site = make.clinic()
        first = make.waiting(site).patient
        user = make.reception(site)
        desk = Desk(user)

        def recorded():
            lines = list(Access.objects.filter(user=user, at=datetime.now(UTC)).values_list("patient", flat=True))
            return sorted(lines)

        desk.see("/")
        assert recorded() == [first.pk]
        clock.shift(60)
        self.again(desk)
        assert recorded() == []
        clock.shift(60)
        second = make.waiting(site).patient
        self.again(desk)
        assert recorded() == [second.pk]
        clock.shift(3600)
        self.again(desk)
        assert recorded() == [first.pk, second.pk]
        clock.shift(60)
        desk.see("/")
        assert recorded() == [first.pk, second.pk]


class TestInARow:
    ROW = {"HX-Request": "true", "HX-Target": "at-anything"}

    def test_the_page_of_a_verb_comes_without_what_stands_around_it_and_says_there_what_it_did(self):
        offer = make.offered()
        desk = Desk(make.reception(offer.clinic))
        address = f"/rentals/{offer.reference}/accept-offer/"
        desk.kept(desk.client.get(address, headers=self.ROW))
        assert f'hx-post="{address}"' in desk.page and "<html" not in desk.page and "<h1" not in desk.page
        assert desk.kept(desk.client.post(address, desk.proposed(), headers=self.ROW)) == 200
        assert "The offer is accepted." in desk.page and 'hx-swap-oob="true"' in desk.page
        offer.refresh_from_db()
        assert offer.offer_expires_at is None

    def test_a_no_is_said_there(self):
        message = failed_message(make.patient(make.clinic()))
        desk = Desk(make.reception(message.patient.clinic))
        address = f"/messages/{message.pk}/decide/"
        desk.send(address, decision="told")
        desk.see("/")
        desk.kept(desk.client.post(address, {"decision": "not_needed"}, headers=self.ROW))
        assert 'class="said refused"' in desk.page
        assert "has decided already: told by phone instead" in desk.page

    def test_another_place_than_a_row_is_led_on_as_ever(self):
        offer = make.offered()
        desk = Desk(make.reception(offer.clinic))
        headers = {"HX-Request": "true", "HX-Target": "elsewhere"}
        assert desk.kept(desk.client.post(f"/rentals/{offer.reference}/accept-offer/", headers=headers)) == 302


def test_the_menu_counts_what_waits_on_every_page_in_one_statement():
    site = make.clinic(at=make.NOW - 90 * DAY)
    one_row_in_each_list(site)
    make.rental(State.ACTIVE, make.clinic(at=make.NOW - 90 * DAY), at=make.NOW - 35 * DAY)
    with CaptureQueriesContext(connection) as queries:
        counts = counts_of(site, [site], make.NOW)
    assert counts == {"tasks": 1, "at_risk": 1, "overdue": 1, "messages": 1, "discrepancies": 1}
    assert len(queries) == 1
    desk = Desk(make.reception(site))
    desk.see("/patients/")
    assert re.sub(r"<[^>]+>", "", desk.page).count("Overdue 1") == 1


def test_an_overdue_rental_says_what_was_told_last():
    site = make.clinic(at=make.NOW - 90 * DAY)
    late = make.rental(State.ACTIVE, site, at=make.NOW - 35 * DAY)
    desk = Desk(make.reception(site))
    message = failed_message(late.patient)
    message.reminders.create(rental=late, kind="due_soon", occasion="a", due_at=make.NOW)
    desk.see("/")
    assert "Nothing was told yet" in desk.page
    desk.send(f"/messages/{message.pk}/decide/", decision="told")
    desk.see("/")
    assert "Last told: due soon" in desk.page


def test_what_waits_in_quarantine_says_since_when():
    site = make.clinic(at=make.NOW - 90 * DAY)
    make.rental(State.RETURNED, site, at=make.NOW - 30 * DAY, ended=make.NOW - 5 * DAY)
    desk = Desk(make.reception(site))
    desk.see("/")
    assert 'title="Wed 25 Feb 2026, 12:00 pm">5 days ago</time>' in desk.page
