"""What waits at the desk today: each rental in the one list where it is looked for."""

from datetime import timedelta

import pytest

from devices.models import Device
from patients.models import Access
from rentals.booking.waiting import enquire
from rentals.desk.today import work_of
from rentals.models import Message
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk

pytestmark = pytest.mark.django_db

LISTS = ("open_money", "at_risk", "pick_ups", "tomorrow", "due_today", "overdue", "to_inspect", "to_settle", "waiting")


def lists_of(site, at):
    """The references in each list that is not empty."""
    work = work_of(site, at)
    found = {name: [rental.reference for rental in getattr(work, name)] for name in LISTS}
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


@pytest.mark.parametrize("number", [1, 3])
def test_the_page_makes_the_same_number_of_queries(number, django_assert_num_queries):
    now = make.NOW
    site = make.clinic(at=now)
    for _ in range(number):
        failed_message(make.rental(State.RETURNED, site, at=now - timedelta(days=20), ended=now).patient)
        make.rental(State.RESERVED, site, at=now)
        make.rental(State.ACTIVE, site, at=now - timedelta(days=35))
        make.device(site, condition=Device.Condition.QUARANTINE)
    desk = Desk(make.reception(site))
    with django_assert_num_queries(19):
        desk.see("/")
    assert desk.page.count('class="what"') == 5 * number
