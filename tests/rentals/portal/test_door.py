"""The way in: what a link opens and for whom, and what becomes of guesses."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
import time_machine
from django.apps import apps
from django.db import transaction

from patients.models import Access, Patient
from rentals.correction.patient import correct_patient_of
from rentals.links import address_of_portal, make_link, make_portal_link, revoke_links
from rentals.models import PatientLink, PortalSession, StaffTask
from rentals.models.states import State
from rentals.portal_sessions import FIRST_LOCK, IDLE, LONGEST, MOST_TRIES, READABLE_AFTER_END, open_session
from tests import make
from tests.config.test_settings import python
from tests.rentals.portal.conftest import make_clinic
from tests.rentals.portal.visitor import BORN, COOKIE, WRONG, Visitor
from tests.shared import shared
from tests.threads import all_at_once, in_its_own_connection

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@shared
def rental(clinic):
    return make.rental(State.ACTIVE, clinic)


@shared
def link(rental):
    return f"/p/{make_portal_link(rental, at=make.NOW)}/"


def come_in(link, born=BORN):
    visitor = Visitor()
    return visitor, visitor.fill_in(link, date_of_birth=born)


def everything():
    """All that the database keeps, but Django's own."""
    models = [model for model in apps.get_models() if model._meta.app_label in ("rentals", "patients", "pghistory")]
    return {model.__name__: list(model._default_manager.order_by("pk").values_list()) for model in models}


class TestTheDoor:
    def test_a_mail_scanner_that_opens_everything_twice_changes_nothing_and_learns_nothing(self, rental, link):
        before = everything()
        scanner = Visitor()
        for _ in range(2):
            assert scanner.see(link) == 200
            for address in ("/my/", "/my/days/", "/my/documents/", "/my/sign/", "/my/healed/"):
                assert scanner.see(address) == 404
                assert rental.reference not in scanner.page
        assert everything() == before
        assert COOKIE not in scanner.client.cookies

    def test_the_date_of_birth_opens_the_pages_and_the_key_is_left_behind(self, rental, link):
        visitor, status = come_in(link)
        assert (status, visitor.led_to) == (302, "/my/")
        cookie = visitor.client.cookies[COOKIE]
        assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Strict", "")
        assert cookie.value not in str(everything())
        assert visitor.see("/my/") == 200
        assert rental.reference in visitor.page
        assert link.split("/")[2] not in visitor.page

    def test_the_address_in_a_mail_leads_here(self, rental):
        key = make_portal_link(rental, at=make.NOW)
        assert address_of_portal(key) == f"http://localhost:8000/p/{key}/"

    def test_nothing_is_kept_by_the_browser_or_told_to_others(self, link):
        visitor = Visitor()
        answers = [
            visitor.see(link),
            visitor.fill_in(link, date_of_birth=WRONG),
            visitor.fill_in(link, date_of_birth=BORN),
        ]
        assert answers == [200, 200, 302]
        for address in ("/my/", "/my/days/", "/my/care/", "/my/documents/", link):
            assert visitor.see(address) == 200
            assert visitor.answer["Referrer-Policy"] == "no-referrer"
            assert "no-store" in visitor.answer["Cache-Control"]
        assert visitor.fill_in("/my/problem/", problem="other", words="x") == 302
        assert visitor.answer["Referrer-Policy"] == "no-referrer"

    def test_a_form_without_its_token_is_refused(self, link):
        stranger = Visitor()
        assert stranger.kept(stranger.client.post(link, {"date_of_birth": BORN})) == 403
        assert not PortalSession.objects.exists()

    @pytest.mark.parametrize(
        ("origin", "status"), [("null", 302), ("http://testserver", 302), ("https://evil.example", 403)]
    )
    def test_a_form_may_hide_where_it_comes_from_but_not_come_from_elsewhere(self, link, origin, status):
        visitor = Visitor(origin=origin)
        assert visitor.fill_in(link, date_of_birth=BORN) == status

    def test_a_link_to_an_offer_opens_no_pages_and_one_to_the_pages_opens_no_offer(self, clinic):
        offer = make.offered(clinic)
        to_offer = make_link(offer, expires_at=offer.offer_expires_at, at=make.NOW)
        to_pages = make_portal_link(offer, at=make.NOW)
        assert come_in(f"/p/{to_offer}/")[1] == 200
        assert come_in(f"/p/{to_pages}/")[1] == 302
        visitor, status = come_in(f"/offers/{to_pages}/")
        assert (status, "This cannot be opened" in visitor.page) == (200, True)

    def test_a_new_link_leaves_earlier_ones_open(self, rental, link):
        make_portal_link(rental, at=make.NOW)
        assert come_in(link)[1] == 302


class TestGuesses:
    def test_wrong_unknown_revoked_locked_and_expired_keys_are_answered_alike(self, rental, link):
        """Byte for byte, but for the token of the form."""

        def answer(link, born=BORN):
            visitor, status = come_in(link, born)
            return status, visitor.page, {name: one for name, one in visitor.answer.items() if name != "Expires"}

        wrong = answer(link, WRONG)
        assert wrong[0] == 200
        assert answer("/p/" + "x" * 43 + "/") == wrong
        with time_machine.travel(make.NOW + timedelta(days=366), tick=False):
            assert answer(link) == wrong
        links = PatientLink.objects.all()
        links.update(locked_until=make.NOW + MINUTE)
        assert answer(link) == wrong
        links.update(locked_until=None, revoked_at=make.NOW)
        assert answer(link) == wrong
        links.update(revoked_at=None)
        for state in (Patient.State.WITHDRAWN, Patient.State.DECEASED):
            Patient.objects.update(state=state)
            assert answer(link) == wrong
        Patient.objects.update(state=Patient.State.ACTIVE)
        assert answer(link)[0] == 302

    @pytest.mark.django_db(transaction=True)
    def test_a_right_date_while_another_try_is_judged_is_asked_for_again_and_not_called_wrong(self, monkeypatch):
        address = f"/p/{make_portal_link(make.rental(State.ACTIVE), at=make.NOW)}/"
        monkeypatch.setattr("rentals.deciding.LOCK_TIMEOUT", "50ms")
        visitor = Visitor()
        visitor.see(address)
        with ThreadPoolExecutor(1) as pool, transaction.atomic():
            list(PatientLink.objects.select_for_update())
            sent = pool.submit(in_its_own_connection, lambda: visitor.send(address, date_of_birth=BORN))
            assert sent.result(timeout=30) == 409
        assert "open this page again in a minute" in visitor.page
        assert visitor.fill_in(address, date_of_birth=BORN) == 302

    def test_five_wrong_dates_lock_the_link_for_a_while_and_tell_staff_once(self, rental, link, clock):
        for _ in range(MOST_TRIES + 2):
            assert come_in(link, WRONG)[1] == 200
        assert come_in(link)[1] == 200
        task = StaffTask.objects.get()
        assert (task.kind, task.rental, task.for_role) == ("locked_out", rental, "reception")
        assert "locked until Monday 2 March 2026, 12:15" in task.words
        clock.move_to(make.NOW + FIRST_LOCK - MINUTE)
        assert come_in(link)[1] == 200
        clock.move_to(make.NOW + FIRST_LOCK)
        assert come_in(link)[1] == 302

    def test_each_further_lock_lasts_twice_as_long_and_is_told_anew(self, rental, link, clock):
        at = make.NOW
        for number in range(3):
            for _ in range(MOST_TRIES):
                come_in(link, WRONG)
            lock = FIRST_LOCK * 2**number
            assert PatientLink.objects.get().locked_until == at + lock
            at += lock
            clock.move_to(at)
        assert StaffTask.objects.count() == 3

    def test_guesses_at_the_links_of_several_mails_count_together(self, rental, link):
        another = f"/p/{make_portal_link(rental, at=make.NOW)}/"
        for number in range(MOST_TRIES):
            come_in(another if number % 2 else link, WRONG)
        assert [come_in(one)[1] for one in (link, another)] == [200, 200]
        assert StaffTask.objects.count() == 1

    def test_a_right_date_costs_nothing(self, link):
        for _ in range(MOST_TRIES + 1):
            assert come_in(link)[1] == 302
        assert PatientLink.objects.get().wrong_tries == 0

    def test_a_date_that_is_none_costs_no_try(self, link):
        visitor, status = come_in(link, "tomorrow")
        assert (status, "Enter a valid date" in visitor.page) == (200, True)
        assert PatientLink.objects.get().wrong_tries == 0

    @pytest.mark.django_db(transaction=True)
    def test_guesses_at_the_same_moment_are_counted_right(self):
        """Twelve at once are five tries and one lock; the right date then opens nothing."""
        rental = make.rental(State.ACTIVE, make_clinic())
        key, born = make_portal_link(rental, at=make.NOW), rental.patient.date_of_birth
        wrong = [lambda: open_session(key, born + timedelta(days=1), at=make.NOW)] * 12
        assert all_at_once(wrong) == [None] * 12
        link = PatientLink.objects.get()
        assert (link.wrong_tries, link.locked_until) == (MOST_TRIES, make.NOW + FIRST_LOCK)
        assert StaffTask.objects.count() == 1
        assert open_session(key, born, at=make.NOW) is None


class TestTheVisit:
    def test_it_ends_when_nothing_happens_for_half_an_hour(self, rental, clock):
        visitor = Visitor(rental)
        clock.move_to(make.NOW + IDLE - MINUTE)
        assert visitor.see("/my/") == 200
        clock.move_to(make.NOW + 2 * IDLE - 2 * MINUTE)
        assert visitor.see("/my/") == 200
        clock.move_to(make.NOW + 3 * IDLE)
        assert visitor.see("/my/") == 404

    def test_it_ends_after_two_hours_whatever_happens(self, rental, clock):
        visitor = Visitor(rental)
        for minutes in range(20, 120, 20):
            clock.move_to(make.NOW + minutes * MINUTE)
            assert visitor.see("/my/") == 200
        clock.move_to(make.NOW + LONGEST)
        assert visitor.see("/my/") == 404

    def test_signing_out_ends_it_for_good(self, rental):
        visitor = Visitor(rental)
        key = visitor.client.cookies[COOKIE].value
        visitor.see("/my/")
        assert visitor.send("/my/sign-out/") == 200
        assert "You are signed out" in visitor.page
        assert visitor.client.cookies[COOKIE].value == ""
        visitor.client.cookies[COOKIE] = key
        assert visitor.see("/my/") == 404

    @pytest.mark.parametrize("state", [Patient.State.WITHDRAWN, Patient.State.DECEASED])
    def test_it_ends_at_once_when_the_patient_is_silenced(self, rental, state):
        visitor = Visitor(rental)
        Patient.objects.update(state=state)
        assert visitor.see("/my/") == 404

    def test_it_ends_when_staff_revoke_the_links_and_later_mails_bring_new_ones(self, rental):
        visitor, actor = Visitor(rental), make.reception(rental.clinic)
        revoke_links(rental, at=make.NOW, actor=actor)
        assert visitor.see("/my/") == 404
        assert come_in(visitor.link)[1] == 200
        assert (rental.moves.last().verb, rental.moves.last().actor) == ("revoke_links", actor)
        assert Access.objects.filter(patient=rental.patient, user=actor, action="changed").exists()
        assert Visitor(rental).see("/my/") == 200

    def test_it_ends_when_the_rental_turns_out_to_be_another_patients(self, rental):
        visitor, right = Visitor(rental), make.patient(rental.clinic, date_of_birth=date(1970, 1, 1))
        correct_patient_of(rental, patient=right, reason="Mixed up", at=make.NOW, actor=make.manager())
        assert visitor.see("/my/") == 404
        assert come_in(visitor.link)[1] == 200

    def test_papers_stay_readable_for_a_while_after_the_end(self, clinic, clock):
        ended = make.NOW + timedelta(days=14)
        rental = make.rental(State.CLOSED, clinic, ended=ended)
        link = f"/p/{make_portal_link(rental, at=ended)}/"
        clock.move_to(ended + READABLE_AFTER_END - MINUTE)
        visitor, status = come_in(link)
        assert (status, visitor.see("/my/documents/")) == (302, 200)
        clock.move_to(ended + READABLE_AFTER_END)
        assert visitor.see("/my/documents/") == 404
        assert come_in(link)[1] == 200

    def test_it_says_nothing_to_the_log_of_who_of_staff_looked(self, rental):
        before = Access.objects.count()
        visitor = Visitor(rental)
        visitor.see("/my/")
        assert Access.objects.count() == before


def test_in_a_deployment_the_cookie_is_for_this_host_alone_and_never_in_the_clear(tmp_path):
    show = "import django; django.setup(); from rentals.portal.door import let_in; print(let_in('k').cookies.output())"
    shown = python("-c", show, tmp_path=tmp_path, DJANGO_SETTINGS_MODULE="config.settings")
    assert shown.stdout == "Set-Cookie: __Host-patient=k; HttpOnly; Path=/; SameSite=Strict; Secure\n"
