"""What a patient reads about a hire in each of its states, and what of it nobody else reads."""

import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pghistory.models
import pytest
from django.contrib.staticfiles import finders
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from config.logs import DiscreetFormatter
from devices.models import Reading
from rentals.agreement import current_agreement, sign_by_link
from rentals.booking.extension import extend
from rentals.correction import correct_patient_of
from rentals.links import make_portal_link
from rentals.models import Paper, PatientDay, Rental, StaffTask
from rentals.models.states import State
from rentals.portal.urls import urlpatterns
from rentals.portal_sessions import FIRST_LOCK, MOST_TRIES
from tests import make
from tests.rentals.papers.reading import says
from tests.rentals.portal.conftest import make_clinic
from tests.rentals.portal.visitor import BORN, COOKIE, WRONG, Visitor
from tests.threads import in_its_own_connection, until_somebody_waits_for_a_lock
from tests.usage import Log, import_logs

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
PAGES = [str(pattern.name) for pattern in urlpatterns if str(pattern.pattern).startswith("my/")]
FILES = ("my-document", "my-statement")
HTML = [name for name in PAGES if name not in (*FILES, "my-sign-out")]
DRAWN = json.dumps([[[index / 20, 0.5] for index in range(20)]])
PROMISES = re.compile(r"cure|recover|faster|will heal|heals", re.IGNORECASE)


def signed(rental):
    """The paper that the patient signed by the link."""
    paper = current_agreement(rental, at=make.NOW)
    sign_by_link(rental, paper=paper, name="Ada Example", method="typed", at=make.NOW)
    return Paper.objects.get(signature=None, rental=rental)


def address_of(name, paper=None):
    return reverse(name, args=[paper.pk] if name == "my-document" else [])


class TestEachState:
    @pytest.mark.parametrize("state", State)
    def test_every_page_opens_and_says_where_the_hire_stands(self, clinic, state):
        rental = make.rental(state, clinic)
        visitor = Visitor(rental)
        for name in HTML:
            assert visitor.see(address_of(name)) == 200, name
            assert not PROMISES.search(visitor.page), name
        visitor.see("/my/")
        assert SAID[state] in visitor.page
        assert "02 5550 1000" in visitor.page

    def test_an_offer_is_answered_by_its_own_mail(self, clinic):
        visitor = Visitor(make.offered(clinic))
        visitor.see("/my/")
        assert "We hold a device for you until" in visitor.page
        assert "/my/sign/" not in visitor.page

    def test_a_late_device_is_asked_for_with_its_day_and_price(self, clock, active):
        clock.move_to(make.NOW + 30 * DAY)
        visitor = Visitor(active, at=make.NOW + 30 * DAY)
        visitor.see("/my/")
        assert "was due back on <strong>Monday 30 March" in visitor.page
        assert "A late day costs $10.00" in visitor.page

    def test_after_healing_is_confirmed_the_page_asks_for_the_device_alone(self, active):
        Rental.objects.update(healed_on=make.NOW.date())
        visitor = Visitor(active)
        visitor.see("/my/")
        assert "your treatment may end" in visitor.page
        assert "/my/healed/" not in visitor.page
        assert "/my/extension/" not in visitor.page


SAID = {
    State.ENQUIRY: "You are on our list",
    State.RESERVED: "Collect the device on <strong>Monday 2 March 2026</strong>",
    State.ACTIVE: "Treat once a day",
    State.RETURNED: "Thank you for bringing the device back on Monday 16 March",
    State.LOST: "This hire has ended",
    State.KEPT: "This hire has ended",
    State.CLOSED: "This hire is finished and settled. Your papers stay here until 14 June 2026",
    State.CANCELLED: "This booking was cancelled",
}


class TestDays:
    def test_the_calendar_says_each_day_without_colour_and_the_patients_word_beside(self, clinic):
        device = make.device(clinic, at=make.NOW - 60 * DAY)
        out = make.NOW - 10 * DAY
        rental = make.rental(State.ACTIVE, clinic, device=device, at=out)
        import_logs(Log(device, out + 5 * DAY, counter=2).daily([1, 2], out + DAY / 2), at=make.NOW)
        PatientDay.objects.create(rental=rental, day=date(2026, 2, 24), treated=True, said_at=make.NOW)
        visitor = Visitor(rental)
        visitor.see("/my/days/")
        assert "21 February: done, 1 treatment<" in visitor.page
        assert "24 February: no treatment; in your words: treated<" in visitor.page
        assert "1 March: nothing is known<" in visitor.page
        assert "341 on this device, as of 25 February" in visitor.page

    def test_what_is_not_known_to_be_left_is_said_to_be_unknown(self, clinic):
        device = make.device(clinic, nominal=None)
        visitor = Visitor(make.rental(State.ACTIVE, clinic, device=device, accept_unknown_capacity=True))
        visitor.see("/my/days/")
        assert "not known how many this device has left" in visitor.page

    def test_a_device_past_its_number_is_no_negative_number(self, clinic):
        device = make.device(clinic, nominal=28)
        visitor = Visitor(make.rental(State.ACTIVE, clinic, device=device))
        seen = {"allowance": device.allowances.get(), "counter": 30, "recorded_at": make.NOW}
        Reading.objects.create(device=device, read_at=make.NOW + DAY, source=Reading.Source.DESK, **seen)
        visitor.see("/my/")
        assert "has done all the treatments that it is made for" in visitor.page


class TestDocuments:
    def test_the_signed_agreement_is_there_as_pdf(self, reserved):
        visitor = Visitor(reserved)
        paper = signed(reserved)
        visitor.see("/my/documents/")
        assert visitor.page.count('href="/my/documents/') == 2  # the way and the paper
        assert visitor.see(f"/my/documents/{paper.pk}/") == 200
        assert visitor.answer.content == bytes(paper.content)
        assert visitor.answer["Content-Type"] == "application/pdf"
        assert visitor.answer["Referrer-Policy"] == "no-referrer"
        assert "no-store" in visitor.answer["Cache-Control"]
        assert f'filename="agreement-{reserved.reference}-2.pdf"' in visitor.answer["Content-Disposition"]

    def test_a_patient_signs_by_name_once_and_finds_the_paper(self, reserved):
        visitor = Visitor(reserved, origin="null")
        visitor.see("/my/")
        assert "/my/sign/" in visitor.page
        visitor.see("/my/sign/")
        assert "at least 2 weeks" in visitor.page
        assert visitor.send("/my/sign/", name="Ada Example") == 422
        assert reserved.signatures.count() == 0
        assert [visitor.send("/my/sign/", name="Ada Example", agrees="on") for _ in range(2)] == [302, 302]
        signature = reserved.signatures.get()
        assert (signature.name, signature.method, signature.signer) == ("Ada Example", "typed", "patient")
        assert (signature.address, signature.witnessed_by) == ("127.0.0.1", None)
        visitor.see("/my/documents/?thanks")
        assert "Thank you. We have written it down." in visitor.page
        visitor.see("/my/")
        assert "Agreement signed" in visitor.page

    def test_a_signature_is_drawn_as_well_and_stands_in_the_pdf(self, reserved):
        visitor = Visitor(reserved)
        visitor.see("/my/sign/")
        assert "/static/rentals/signature.js" in visitor.page
        assert visitor.send("/my/sign/", name="Ada Example", agrees="on", strokes=DRAWN) == 302
        signature = reserved.signatures.get()
        assert (signature.method, signature.strokes) == ("drawn", json.loads(DRAWN))
        assert signature.signed_paper.facts["signature"]["drawing"].startswith("<svg")
        assert says(signature.signed_paper, "How Drawn", "By the link that was mailed")

    def test_a_drawing_that_is_none_is_asked_for_again(self, reserved):
        visitor = Visitor(reserved)
        for strokes in ("[[[0.1,0.1]]]", "[[[5,5]]]", "[", "x" * 200_001, "[[[0.1,0.1]]]\0", "\0"):
            assert visitor.fill_in("/my/sign/", name="Ada Example", agrees="on", strokes=strokes) == 422
            assert "clear it and draw once more, or type the name" in visitor.page
            assert "Hidden field" not in visitor.page
        assert reserved.signatures.count() == 0

    @pytest.mark.parametrize(
        "paper", ["9" * 19, "9" * 5000, "-1", "x"], ids=["unknown", "too long", "negative", "a word"]
    )
    def test_a_paper_that_cannot_be_is_the_one_that_holds(self, paper, reserved):
        visitor = Visitor(reserved)
        visitor.see("/my/sign/")
        assert visitor.send("/my/sign/", name="Ada Example", agrees="on", paper=paper) == 302
        assert reserved.signatures.count() == 1

    def test_a_guardian_signs_for_a_minor(self, clinic):
        rental = make.rental(State.RESERVED, clinic, patient=make.patient(clinic, date_of_birth=date(2012, 1, 1)))
        visitor = Visitor(rental)
        assert visitor.fill_in("/my/sign/", name="Ada Example", agrees="on") == 422
        assert visitor.fill_in("/my/sign/", name="Eva Example", relation="mother", agrees="on") == 302
        signature = rental.signatures.get()
        assert (signature.name, signature.signer, signature.relation) == ("Eva Example", "guardian", "mother")

    def test_what_was_changed_meanwhile_is_shown_before_it_is_signed(self, reserved):
        visitor = Visitor(reserved)
        visitor.see("/my/sign/")
        Rental.objects.filter(pk=reserved.pk).update(planned_treatments=20)
        assert visitor.send("/my/sign/", name="Ada Example", agrees="on") == 409
        assert "20 planned in all" in visitor.page
        assert reserved.signatures.count() == 0
        assert visitor.send("/my/sign/", name="Ada Example", agrees="on") == 302


class TestWhoReadsIt:
    """T4: every address x no session, ended, revoked, another rental's, own."""

    def test_each_page_is_there_for_its_own_patient_alone(self, clinic, clock, reserved):
        rental, other = reserved, make.rental(State.RESERVED, clinic)
        paper, theirs = signed(rental), signed(other)
        own, ended, stranger = Visitor(rental), Visitor(rental), Visitor()
        forged = Visitor()
        forged.client.cookies[COOKIE] = "x" * 43
        ended.see("/my/")
        ended.send("/my/sign-out/")
        ended.client.cookies[COOKIE] = own.client.cookies[COOKIE].value[:-1] + "~"
        neighbour = Visitor(other)
        cells = 0
        for name in PAGES:
            mine, not_mine = address_of(name, paper), address_of(name, theirs)
            assert own.see(mine) == (405 if name == "my-sign-out" else 200), name
            for visitor in (stranger, ended, forged):
                for answer in (visitor.see(mine), self.sent(visitor, mine)):
                    assert answer == 404, name
                    assert self.is_generic(visitor, rental), name
                    cells += 1
            neighbour.see(mine)
            assert rental.reference not in neighbour.page, name
            if name == "my-document":
                assert own.see(not_mine) == neighbour.see(mine) == 404
                assert self.is_generic(own, other)
                assert self.is_generic(neighbour, rental)
            cells += 2
        assert cells == 8 * len(PAGES)

    def test_a_revoked_or_idle_session_reads_nothing(self, clock, reserved):
        paper, revoked, idle = signed(reserved), Visitor(reserved), Visitor(reserved)
        reserved.links.filter(pk=reserved.links.first().pk).update(revoked_at=make.NOW)
        for name in PAGES:
            assert revoked.see(address_of(name, paper)) == 404
        clock.move_to(make.NOW + timedelta(minutes=31))
        for name in PAGES:
            assert idle.see(address_of(name, paper)) == 404
            assert self.is_generic(idle, reserved)

    def sent(self, visitor, address):
        """A form with a token of its own, so that not the token is what is refused."""
        if "csrftoken" not in visitor.client.cookies:
            visitor.see("/p/" + "x" * 43 + "/")
        return visitor.send(address, name="Ada", agrees="on", day="2026-03-02", treated="yes", words="x")

    def is_generic(self, visitor, rental):
        return "This page is not open" in visitor.page and rental.reference not in visitor.page

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("name", ["my-statement", "my-sign"])
    def test_a_paper_asked_for_while_the_hire_is_given_to_another_is_refused_kindly(self, name):
        clinic = make_clinic()
        rental, right = make.rental(State.RESERVED, clinic), make.patient(clinic)
        Rental.objects.update(planned_treatments=20)  # so that the agreement is to be made anew
        visitor = Visitor(rental)
        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic():
                correct_patient_of(rental, patient=right, reason="A namesake", at=make.NOW, actor=make.manager())
                seen = pool.submit(in_its_own_connection, visitor.see, address_of(name))
                until_somebody_waits_for_a_lock()
            assert seen.result(timeout=30) == 404
        assert self.is_generic(visitor, rental)

    @pytest.mark.django_db(transaction=True)
    def test_while_staff_hold_the_hire_for_long_the_patient_is_asked_to_come_back(self, monkeypatch):
        monkeypatch.setattr("rentals.deciding.LOCK_TIMEOUT", "50ms")
        rental = make.rental(State.ACTIVE, make_clinic())
        visitor = Visitor(rental)
        with ThreadPoolExecutor(1) as pool, transaction.atomic():
            Rental.objects.select_for_update().get()
            seen = pool.submit(in_its_own_connection, visitor.see, "/my/documents/statement/")
            assert seen.result(timeout=30) == 409
        assert "open this page again in a minute" in visitor.page
        assert visitor.see("/my/documents/statement/") == 200

    def test_what_was_read_of_the_next_patient_meanwhile_is_not_shown(self, clinic, active):
        """The hire was given away after the session was looked up, and before its statement was made."""
        rental, right = active, make.patient(clinic)
        visitor = Visitor(rental)
        given: list[object] = []

        def give_away_after_the_look(execute, sql, *details):
            answer = execute(sql, *details)
            if sql.startswith('UPDATE "rentals_portalsession"') and not given:
                given.append(right)
                correct_patient_of(rental, patient=right, reason="A namesake", at=make.NOW, actor=make.manager())
            return answer

        with connection.execute_wrapper(give_away_after_the_look):
            assert visitor.see("/my/documents/statement/") == 404
        assert Paper.objects.get(kind="statement").facts["patient_pk"] == right.pk
        assert self.is_generic(visitor, rental)

    def test_a_member_of_staff_who_is_signed_in_reads_no_patients_page(self, clinic):
        client = Client()
        client.force_login(make.manager(clinic))
        for name in HTML:
            assert client.get(address_of(name)).status_code == 404


def test_the_first_visit_weighs_less_than_100_kilobytes(active):
    """All pages one after the other, with style sheets, picture and script once, uncompressed."""
    extend(active, due_on=active.due_on + 7 * DAY, at=make.NOW, actor=make.manager())  # which is to be signed
    visitor = Visitor(active)
    visitor.see(visitor.link)
    weight, all_files = len(visitor.page), set()
    for name in HTML:
        visitor.see(address_of(name))
        weight += len(visitor.answer.content)
        files = set(re.findall(r'(?:href|src)="/static/([^"]+)"', visitor.page))
        assert ("<script" in visitor.page) == (name == "my-sign")
        assert files - {"rentals/signature.js"} == {"config/callus.css", "config/callus.svg", "rentals/portal.css"}
        all_files |= files
    weight += sum(Path(finders.find(file)).stat().st_size for file in all_files)
    assert weight < 100_000, weight


def test_neither_patient_nor_injury_nor_key_is_in_logs_addresses_cookies_or_the_history(clinic, queue, clock, caplog):
    """T14: what is logged while a patient comes in, guesses, reads, asks and leaves, as it would be written."""
    caplog.set_level(logging.DEBUG)
    canary = {"given_name": "Canaria", "family_name": "Serinus", "email": "canary@patients.example"}
    rental = make.rental(State.ACTIVE, clinic, patient=make.patient(clinic, **canary), indication=make.indication())
    key = make_portal_link(rental, at=make.NOW)
    visitor, addresses = Visitor(), []
    for _ in range(MOST_TRIES):  # the fifth is in the history, with the address
        visitor.fill_in(f"/p/{key}/", date_of_birth=WRONG)
    visitor.client.post(f"/p/{key}/", {"date_of_birth": BORN})  # without a token: refused, and logged
    clock.move_to(make.NOW + FIRST_LOCK)
    visitor.send(f"/p/{key}/", date_of_birth=BORN)
    for name in PAGES:
        if name != "my-document":
            visitor.see(address_of(name))
            addresses += re.findall(r'(?:href|action)="([^"]*)"', visitor.page)
    assert visitor.fill_in("/my/problem/", problem="unwell", words="Canaria has a rash") == 302
    addresses.append(visitor.led_to)
    assert visitor.fill_in("/my/days/", day="2026-03-02", treated="yes") == 302
    visitor.client.post("/my/problem/", {"words": "Canaria"})
    session = visitor.client.cookies[COOKIE].value
    lines = [DiscreetFormatter("%(name)s %(message)s").format(record) for record in caplog.records]
    contexts = json.dumps(list(pghistory.models.Context.objects.values_list("metadata", flat=True)))
    pokes = b"".join(queue.lrange("celery", 0, -1)).decode()
    cookies = " ".join(cookie.value for cookie in visitor.client.cookies.values())
    assert "/my/problem/" in contexts
    assert "/p/(key)" in contexts
    assert any("/p/(key)" in line for line in lines)
    assert any("/my/problem/" in line for line in lines)
    secrets = [*canary.values(), BORN, key, "metatarsal", "stress_fatigue", "rash"]
    for place in (*lines, contexts, pokes, *addresses):
        assert [secret for secret in (*secrets, session) if secret in place] == []
    assert [secret for secret in secrets if secret in cookies] == []
    assert [task.kind for task in StaffTask.objects.all()] == ["locked_out", "problem"]


def test_a_patients_change_is_nobodys_of_staff_even_where_one_is_signed_in(clinic, active):
    visitor = Visitor(active)
    visitor.client.force_login(make.manager(clinic))
    assert visitor.fill_in("/my/days/", day="2026-03-02", treated="yes") == 302
    context = PatientDay.objects.get().events.get().pgh_context  # type: ignore[attr-defined]
    assert context.metadata == {"user": None, "url": "/my/days/"}
