"""Discrepancies at the desk: found, narrowed down, resolved with a note."""

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from patients.models import Access
from rentals.models import Discrepancy
from rentals.models.states import State
from rentals.reconciliation.discrepancies import resolve
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db
_numbers = count(1)


@shared
def site():
    return make.clinic("A here")


@shared
def desk(site):
    return Desk(make.reception(site))


def opened(site, kind: str = "log_missing", rental: Any = None, **columns: Any) -> Discrepancy:
    number = next(_numbers)
    return Discrepancy.objects.create(
        kind=kind,
        subject=str(number),
        clinic=site,
        rental=rental,
        why=f"Something happened {number} times.",
        action=f"Look {number} times.",
        opened_at=make.NOW,
        **columns,
    )


def closed(site, **columns: Any) -> Discrepancy:
    return resolve(opened(site, **columns), note="Misread", at=make.NOW, actor=make.clinician())


def found(desk: Desk, **query: str) -> list[Discrepancy]:
    assert desk.see("/discrepancies/", **query) == 200
    return list(desk.answer.context["shown"])


class TestList:
    def test_it_says_what_is_wrong_what_to_do_and_what_it_is_about(self, site, desk):
        rental = make.rental(State.ACTIVE, site)
        device = rental.holdings.get().device
        one = opened(site, "counter_log_mismatch", rental, device=device)
        assert found(desk) == [one]
        shown = ("Counter log mismatch", one.why, one.action, "opened Mon 2 Mar 2026, 12:00 pm")
        links = (f'href="/devices/{device.pk}/"', f'href="/rentals/{rental.reference}/"')
        assert [words for words in (*shown, *links) if words not in desk.page] == []

    def test_it_shows_the_open_ones_unless_others_are_asked_for(self, site, desk):
        gap, done = opened(site), closed(site, kind="counter_down")
        assert found(desk) == found(desk, state="open") == [gap]
        assert found(desk, state="closed") == found(desk, state="", kind="counter_down") == [done]
        assert found(desk, state="") == [done, gap]
        assert found(desk, kind="counter_down") == []
        assert found(desk, page="7") == [gap]

    def test_a_closed_one_keeps_its_note_and_who_wrote_it(self, site, desk):
        done = closed(site)
        found(desk, state="closed")
        assert f"closed Mon 2 Mar 2026, 12:00 pm by {done.closed_by}" in desk.page
        assert "Misread" in desk.page
        assert f"/discrepancies/{done.pk}/resolve/" not in desk.page

    @pytest.mark.parametrize("query", [{"state": "maybe"}, {"kind": "ghosts"}])
    def test_a_filter_that_means_nothing_is_said_and_finds_nothing(self, site, desk, query):
        opened(site)
        assert desk.see("/discrepancies/", **query) == 422
        assert list(desk.answer.context["filter"].form.errors) == list(query)
        assert list(desk.answer.context["shown"]) == []

    def test_it_holds_the_chosen_site_and_devices_that_nobody_knows(self, site):
        there = make.clinic("B there")
        here, elsewhere, nowhere = opened(site), opened(there), opened(None, "unknown_device")
        desk = Desk(make.manager())
        assert found(desk) == [nowhere, here]
        desk.send("/site/", site=there.pk)
        assert found(desk) == [nowhere, elsewhere]

    def test_pages_turn_over_and_keep_the_filters(self, site, desk, monkeypatch):
        monkeypatch.setattr("rentals.desk.views.discrepancies.ROWS_A_PAGE", 2)
        all_of_them = [opened(site) for _ in range(3)][::-1]
        assert found(desk, kind="log_missing") == all_of_them[:2]
        assert 'href="?kind=log_missing&amp;page=2"' in desk.page
        assert found(desk, kind="log_missing", page="2") == all_of_them[2:]

    def test_each_patient_on_the_page_is_recorded_in_one_insert(self, site):
        rentals = [make.rental(State.ACTIVE, site) for _ in range(2)]
        for rental in (*rentals, None):
            opened(site, rental=rental)
        user = make.auditor(site)
        with CaptureQueriesContext(connection) as captured:
            found(Desk(user))
        assert sum('INSERT INTO "patients_access"' in query["sql"] for query in captured) == 1
        listed = Access.objects.filter(user=user).order_by("patient").values_list("patient", "action")
        assert list(listed) == [(rental.patient_id, "listed") for rental in rentals]

    def test_three_cost_no_more_queries_than_one(self, site, desk):
        def queries() -> int:
            rental = make.rental(State.ACTIVE, site)
            opened(site, rental=rental, device=rental.holdings.get().device)
            closed(site)
            with CaptureQueriesContext(connection) as captured:
                found(desk, state="")
            return len(captured)

        one = queries()
        queries()
        assert queries() == one


class TestResolve:
    def test_it_is_closed_with_the_note_from_the_list(self, site):
        rental = make.rental(State.ACTIVE, site)
        one = opened(site, rental=rental)
        user = make.reception(site)
        desk = Desk(user)
        found(desk)
        assert f'<form method="post" action="/discrepancies/{one.pk}/resolve/"' in desk.page
        form = {**desk.proposed(), "note": "Asked; they forgot."}
        assert [desk.send(f"/discrepancies/{one.pk}/resolve/", **form) for _ in range(2)] == [302, 302]
        assert desk.led_to == "/discrepancies/"
        one.refresh_from_db()
        assert (one.state, one.note, one.closed_at, one.closed_by) == (
            "closed",
            "Asked; they forgot.",
            make.NOW,
            user,
        )
        assert rental.patient.accesses.filter(user=user, action="changed").count() == 1
        assert found(desk) == []
        assert f"Resolved: {one.why}" in desk.page

    def test_it_has_a_page_of_its_own_which_is_recorded_as_a_read(self, site):
        rental = make.rental(State.ACTIVE, site)
        one = opened(site, rental=rental)
        user = make.reception(site)
        desk = Desk(user)
        assert desk.fill_in(f"/discrepancies/{one.pk}/resolve/", note="Seen") == 302
        accesses = Access.objects.filter(user=user).order_by("pk").values_list("patient", "action")
        assert list(accesses) == [(rental.patient_id, "read"), (rental.patient_id, "changed")]

    @pytest.mark.parametrize("note", ["", "   ", "x" * 2001])
    def test_without_a_note_it_stays_open_and_what_was_typed_stays(self, site, desk, note):
        one = opened(site)
        assert desk.send(f"/discrepancies/{one.pk}/resolve/", note=note) == 422
        assert list(desk.problems()) == ["note"]
        assert desk.answer.context["form"]["note"].value() == note
        one.refresh_from_db()
        assert (one.state, one.note) == ("open", "")

    def test_what_somebody_else_closed_meanwhile_is_said_with_their_note(self, site, desk):
        done = closed(site)
        assert desk.send(f"/discrepancies/{done.pk}/resolve/", note="Mine") == 409
        assert "It is closed already" in desk.page
        assert "Misread" in desk.page
        assert "Your note was not recorded: <q>Mine</q>" in desk.page
        done.refresh_from_db()
        assert done.note == "Misread"

    def test_sent_twice_it_is_closed_once(self, site, desk):
        one = opened(site)
        desk.see(f"/discrepancies/{one.pk}/resolve/")
        form = {**desk.proposed(), "note": "Once"}
        assert [desk.send(f"/discrepancies/{one.pk}/resolve/", **form) for _ in range(2)] == [302, 302]
        assert Discrepancy.objects.get().note == "Once"

    def test_an_auditor_finds_no_form_and_no_door(self, site):
        one = opened(site)
        desk = Desk(make.auditor(site))
        assert found(desk) == [one]
        assert "/resolve/" not in desk.page
        assert desk.send(f"/discrepancies/{one.pk}/resolve/", note="x") == 403
        one.refresh_from_db()
        assert one.state == "open"

    def test_one_of_another_site_is_not_there_and_one_without_a_site_is(self, site, desk):
        theirs, nobodys = opened(make.clinic()), opened(None, "unknown_device")
        assert desk.send(f"/discrepancies/{theirs.pk}/resolve/", note="x") == 404
        assert desk.send(f"/discrepancies/{nobodys.pk}/resolve/", note="x") == 302
        assert list(Discrepancy.objects.filter(state="closed")) == [nobodys]


class TestOwner:
    def taken(self, desk, one, owner, seen="") -> Discrepancy:
        assert desk.send(f"/discrepancies/{one.pk}/owner/", owner=getattr(owner, "pk", ""), seen=seen) == 302
        one.refresh_from_db()
        return one

    def test_one_takes_it_on_and_finds_it_among_ones_own(self, site):
        ann = make.reception(site)
        desk, others = Desk(ann), Desk(make.clinician(site))
        mine, theirs = opened(site), opened(site)
        assert self.taken(desk, mine, ann).owner == ann
        assert found(desk, owner="mine") == [mine]
        assert found(desk, owner="nobody") == found(others, owner="nobody") == [theirs]
        assert found(others, owner="mine") == []
        found(desk)
        assert f"in the hands of {ann}" in desk.page
        assert "nobody’s hands" in desk.page

    def test_it_is_handed_to_a_colleague_and_given_back(self, site, desk):
        bob, one = make.clinician(site), opened(site)
        assert self.taken(desk, one, bob).owner == bob
        assert self.taken(desk, one, None, seen=bob.pk).owner is None

    def test_what_a_colleague_has_taken_meanwhile_is_said(self, site, desk):
        ann, bob, one = make.reception(site), make.clinician(site), opened(site)
        self.taken(desk, one, bob)
        assert self.taken(desk, one, ann).owner == bob
        desk.see("/discrepancies/")
        assert f"Meanwhile {bob} has taken it on" in desk.page

    @pytest.mark.parametrize("entries", [{"owner": "x"}, {"owner": "999999"}, {"seen": "x"}])
    def test_what_means_nobody_is_refused(self, site, desk, entries):
        one = opened(site)
        assert desk.send(f"/discrepancies/{one.pk}/owner/", **entries) == 302
        one.refresh_from_db()
        assert one.owner is None


class TestNarrowing:
    def test_by_device_and_by_rental(self, site, desk):
        rental = make.rental(State.ACTIVE, site)
        device = rental.holdings.get().device
        one = opened(site, rental=rental, device=device)
        opened(site, device=make.device(site))
        assert found(desk, device=device.serial) == [one]
        assert found(desk, rental=rental.reference.lower()) == [one]

    def test_it_says_how_old_one_is(self, site, desk):
        one = opened(site)
        Discrepancy.objects.filter(pk=one.pk).update(opened_at=make.NOW - timedelta(days=3))
        found(desk)
        assert "3 days ago" in desk.page


class TestNextSteps:
    @pytest.mark.parametrize(
        ("kind", "subject", "leads_to"),
        [
            ("counter_jump", "reading 7", ["#readings", "/renew/", "/readings/7/trust/"]),
            ("counter_down", "allowance 7", ["/restarts/7/"]),
            ("counter_log_mismatch", "1", ["/usage/", "#readings"]),
            ("log_missing", "2", ["/usage/", "#readings"]),
            ("usage_outside_rental", "3", ["#rentals"]),
            ("over_prescribed", "4", ["#days"]),
            ("clock_in_doubt", "read-out 7", ["/clock/"]),
            ("conflicting_duplicate", "5", ["#rentals"]),
            ("past_nominal", "6", ["/swap/", "/renew/"]),
            ("silent_device", "holding 7", ["/usage/", "#readings"]),
        ],
    )
    def test_each_kind_leads_to_where_it_is_put_right(self, site, desk, kind, subject, leads_to):
        rental = make.rental(State.ACTIVE, site)
        one = opened(site, kind, rental, device=rental.holdings.get().device)
        Discrepancy.objects.filter(pk=one.pk).update(subject=subject)
        found(desk)
        rows = desk.page.partition('id="found"')[2]
        assert [part for part in leads_to if f'{part}"' not in rows] == []

    def test_an_unknown_device_is_added_by_its_serial_by_those_who_may(self, site):
        make.device_model()
        one = opened(site, "unknown_device")
        Discrepancy.objects.filter(pk=one.pk).update(subject="serial 0222400136", clinic=None)
        manager, reception = Desk(make.manager(site)), Desk(make.reception(site))
        for desk in (manager, reception):
            found(desk)
        assert 'href="/devices/add/?serial=0222400136"' in manager.page
        assert "/devices/add/" not in reception.page.partition('id="found"')[2]
        manager.see("/devices/add/", serial="0222400136")
        assert 'value="0222400136"' in manager.page

    def test_an_auditor_is_shown_what_may_be_looked_at_only(self, site):
        rental = make.rental(State.ACTIVE, site)
        opened(site, "past_nominal", rental, device=rental.holdings.get().device)
        auditor = Desk(make.auditor(site))
        found(auditor)
        assert not [door for door in ("/swap/", "/renew/", "/owner/", "/resolve/") if door in auditor.page]


def test_it_is_closed_for_the_reason_that_was_chosen(site, desk):
    one = opened(site)
    assert desk.send(f"/discrepancies/{one.pk}/resolve/", note="Misread.", closed_as="mistaken") == 302
    one.refresh_from_db()
    assert one.closed_as == "mistaken"
    found(desk, state="closed")
    assert "mistaken: " in desk.page
