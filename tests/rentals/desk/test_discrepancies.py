"""Discrepancies at the desk: found, narrowed down, resolved with a note."""

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

pytestmark = pytest.mark.django_db
_numbers = count(1)


@pytest.fixture
def site():
    return make.clinic("A here")


@pytest.fixture
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
