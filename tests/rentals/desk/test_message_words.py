"""The words of messages at the desk: written, refused with the reason, shown as they will look, taken back."""

import re

import pytest
from django.contrib.sessions.models import Session

from patients.models import Access, Patient
from rentals.models import MessageTemplate
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db

EDIT = "/messages/words/edit/?kind=due_soon"
LETTER = "/messages/words/letter/?kind=due_soon"
OWN = {
    "subject": "Bringing it back",
    "text": "Hello {{ given_name }}, {{ due_when }}.",
    "html": "<p>Hello <strong>{{ given_name }}</strong>, {{ due_when }}.</p>",
}


@shared
def site():
    return make.clinic("A here")


@shared
def rental(site):
    rental = make.rental(State.ACTIVE, site)
    Patient.objects.filter(pk=rental.patient_id).update(given_name="Canary <b>")
    return rental


@shared
def desk(site):
    return Desk(make.manager(site))


def test_all_kinds_are_listed_with_their_subjects_and_who_wrote_own_words(desk):
    desk.fill_in(EDIT, **OWN)
    assert desk.see("/messages/words/") == 200
    assert "A reminder about your booking" in desk.page
    assert "Bringing it back" in desk.page
    assert re.search(r"Own words \(en\)</a>, version 1, by manager-\d+, Mon 2 Mar 2026", desk.page)


def test_the_editor_begins_with_the_default_words_and_saves_the_next_version(desk, site):
    desk.see(EDIT)
    assert "The device you hire from us (rental {{ reference }}) is due back {{ due_when }}." in desk.proposed()["text"]
    assert desk.fill_in(EDIT, **OWN) == 302
    desk.see(desk.led_to)
    assert "Saved as version 1." in desk.page
    assert desk.proposed()["text"] == OWN["text"]
    row = MessageTemplate.objects.get()
    assert (row.clinic, row.kind, row.language, row.version) == (site, "due_soon", "en", 1)


def test_wrong_words_stay_in_the_form_with_every_reason(desk):
    wrong = {"subject": "Your fracture", "text": "It heals {{ due_when }}", "html": "<p>{{ nobody }}</p>"}
    assert desk.fill_in(EDIT, **wrong) == 422
    assert set(desk.problems()) == {"subject", "text", "html"}
    assert "It heals" in desk.page
    assert "There is no preview until this is put right" in desk.page
    assert not MessageTemplate.objects.exists()


def test_what_was_taken_out_of_pasted_html_is_said(desk):
    desk.fill_in(EDIT, **{**OWN, "html": '<p style="color: red">Due {{ due_when }}</p>'})
    desk.see(desk.led_to)
    assert "Taken out of the HTML, for it says nothing: “style”." in desk.page


def test_who_was_slower_is_told_at_the_desk_and_keeps_what_was_written(desk):
    desk.see(EDIT)
    stale = {**desk.proposed(), **OWN, "text": "Mine, {{ due_when }}"}
    desk.fill_in(EDIT, **OWN)
    assert desk.send(EDIT, **stale) == 409
    assert "has saved version 1 meanwhile" in desk.page
    assert "Mine, {{ due_when }}" in desk.page


def test_an_earlier_version_can_be_looked_at_and_made_the_latest_again(desk):
    desk.fill_in(EDIT, **OWN)
    desk.fill_in(EDIT, **{**OWN, "text": "Second, {{ due_when }}"})
    desk.see(f"{EDIT}&version=1")
    assert desk.proposed()["text"] == OWN["text"]
    assert desk.send(f"{EDIT}&version=1", **desk.proposed()) == 302
    assert list(MessageTemplate.objects.values_list("version", flat=True)) == [3, 2, 1]
    assert desk.see(f"{EDIT}&version=9") == 404


def test_back_to_the_default_words_asks_first_and_keeps_the_versions(desk):
    desk.fill_in(EDIT, **OWN)
    assert desk.fill_in("/messages/words/reset/?kind=due_soon") == 302
    desk.see(desk.led_to)
    assert "The device you hire from us" in desk.proposed()["text"]
    assert [bool(row.text) for row in MessageTemplate.objects.all()] == [False, True]
    desk.see("/messages/words/reset/?kind=due_soon")
    assert desk.send("/messages/words/reset/?kind=due_soon", **desk.proposed()) == 409


def test_the_preview_shows_a_real_rental_recorded_as_read_and_saves_nothing(desk, rental):
    desk.see(EDIT)
    before = Access.objects.filter(patient=rental.patient, action="read").count()
    assert desk.send("/messages/words/preview/?kind=due_soon", **{**desk.proposed(), **OWN}) == 200
    assert "Hello Canary &lt;b&gt;, in 28 days, on Monday 30 March 2026." in desk.page
    assert "<h1>" not in desk.page
    assert Access.objects.filter(patient=rental.patient, action="read").count() == before + 1
    assert not MessageTemplate.objects.exists()
    assert "Canary" not in str([session.get_decoded() for session in Session.objects.all()])


def test_the_frame_shows_the_html_as_written_under_a_policy_of_its_own(desk, rental):
    desk.see(EDIT)
    desk.send("/messages/words/preview/?kind=due_soon", **{**desk.proposed(), **OWN})
    assert desk.see(LETTER) == 200
    assert "Hello <strong>Canary &lt;b&gt;</strong>, in 28 days" in desk.page
    assert 'style="' in desk.page
    policy = desk.answer["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'")
    assert desk.answer["X-Frame-Options"] == "SAMEORIGIN"
    desk.see(EDIT)
    assert "frame-src 'self'" in desk.answer["Content-Security-Policy"]
    desk.see(LETTER)
    assert "Hello <strong>" not in desk.page


def test_without_a_script_the_preview_comes_with_the_whole_page(desk, rental):
    desk.see(EDIT)
    assert desk.send(EDIT, **{**desk.proposed(), **OWN}, preview="1") == 200
    assert "Hello Canary &lt;b&gt;, in 28 days" in desk.page
    assert "<h1>" in desk.page
    assert not MessageTemplate.objects.exists()


def test_the_rental_of_the_preview_is_chosen_by_its_reference_among_those_of_the_site(desk, site, rental):
    older = make.rental(State.RESERVED, site)
    elsewhere = make.rental(State.ACTIVE)
    desk.see(EDIT)
    given = {**desk.proposed(), **OWN}
    desk.send("/messages/words/preview/?kind=due_soon", **given, reference=older.reference.lower())
    assert older.reference in desk.page
    desk.send("/messages/words/preview/?kind=due_soon", **given, reference=elsewhere.reference)
    assert "There is no rental here to show it on: look at the reference" in desk.page


def test_the_letter_around_all_messages_is_written_the_same_way(desk, rental):
    address = "/messages/words/edit/?kind=letter"
    desk.see(address)
    words = desk.proposed()
    changed = {"text": words["text"] + "\n\nSee you!", "html": words["html"] + "<p>See you!</p>"}
    assert desk.fill_in(address, **changed) == 302
    desk.see(desk.led_to)
    assert "See you!" in desk.page
    assert desk.fill_in(address, text="{{ body }}", html="{{ body }}") == 422
    assert "“{{ identification }}” is missing" in str(desk.problems())


@pytest.mark.parametrize("role", ["reception", "clinician", "auditor"])
def test_only_managers_write_and_preview_words(role, site, rental):
    desk = Desk(make.user(role, site))
    for address in ("/messages/words/", EDIT, LETTER):
        assert desk.see(address) == 403
    for address in (EDIT, "/messages/words/preview/?kind=due_soon", "/messages/words/reset/?kind=due_soon"):
        assert desk.send(address, **OWN, seen=0) == 403
    assert "Canary" not in desk.page


def test_an_unknown_kind_or_language_is_not_there(desk):
    assert [desk.see(f"/messages/words/edit/?{query}") for query in ("kind=nothing", "language=xx")] == [404, 404]
