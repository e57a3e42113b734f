"""Staff at the desk: invited, mailed or shown a link once, changed, switched off."""

import re

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.models import Invitation, User
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db

STAFF = "/settings/staff/"
LINK = re.compile(r'value="http://testserver(/welcome/([\w-]{43})/)"')


@shared
def site():
    return make.clinic("Harbour")


@shared
def desk(site):
    return Desk(make.manager())


def test_without_an_address_the_link_is_shown_once_and_kept_nowhere(desk, site):
    assert desk.fill_in(f"{STAFF}invite/", username="ada", role="clinician", clinics=[site.pk]) == 302
    desk.see(STAFF)
    address, key = LINK.search(desk.page).groups()
    assert "invited" in desk.page
    assert desk.client.get(address).status_code == 200
    desk.see(STAFF)
    assert not LINK.search(desk.page)
    assert key not in str([session.get_decoded() for session in Session.objects.all()])
    assert list(User.objects.get(username="ada").clinics.all()) == [site]


def test_with_an_address_the_link_is_mailed_and_not_shown(desk, site, settings):
    settings.EMAIL_URL, settings.PUBLIC_URL = "smtp://mail.example", "https://callus.example"
    desk.fill_in(f"{STAFF}invite/", username="ada", email="ada@clinic.example", role="clinician")
    desk.see(STAFF)
    assert "mailed to ada@clinic.example" in desk.page
    assert not LINK.search(desk.page)
    [letter] = mail.outbox
    assert letter.to == ["ada@clinic.example"]
    assert re.search(r"https://callus.example/welcome/[\w-]{43}/", letter.body)


def test_a_mail_that_did_not_leave_has_the_link_shown_after_all(desk, settings):
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = "config.mail.EmailBackend", "127.0.0.1", 1
    desk.fill_in(f"{STAFF}invite/", username="ada", email="ada@clinic.example", role="clinician")
    desk.see(STAFF)
    assert "did not leave" in desk.page
    assert LINK.search(desk.page)


def test_role_and_sites_are_changed_and_what_may_not_be_is_said(desk, site):
    user = make.reception(site)
    address = f"{STAFF}{user.pk}/change/"
    assert desk.fill_in(address, role="clinician") == 302
    user.refresh_from_db()
    assert (user.role, list(user.clinics.all())) == ("clinician", [site])
    own = f"{STAFF}{desk.answer.wsgi_request.user.pk}/change/"
    assert desk.fill_in(own, role="auditor") == 409
    assert "Nobody decides about their own work" in desk.page


def test_somebody_is_switched_off_and_on_again_with_a_new_link(desk, site):
    user = make.reception(site)
    assert desk.fill_in(f"{STAFF}{user.pk}/off/") == 302
    desk.see(STAFF)
    assert "switched off" in desk.page
    assert desk.send(f"{STAFF}{user.pk}/link/") == 409
    assert desk.fill_in(f"{STAFF}{user.pk}/on/") == 302
    desk.see(STAFF)
    assert LINK.search(desk.page)
    assert Invitation.objects.get().user == user


def test_a_manager_for_one_site_sees_and_gives_that_one_only(site):
    there = make.clinic("Elsewhere")
    other = make.reception(there)
    desk = Desk(make.manager(site))
    desk.see(STAFF)
    assert other.username not in desk.page
    assert desk.see(f"{STAFF}{other.pk}/change/") == 404
    assert desk.fill_in(f"{STAFF}invite/", username="ada", role="reception", clinics=[there.pk]) == 422
    assert desk.send(f"{STAFF}invite/", username="ada", role="reception") == 422
    assert not User.objects.filter(username="ada").exists()


def test_an_auditor_reads_who_works_here_and_changes_nothing(site):
    desk = Desk(make.auditor(site))
    assert desk.see(STAFF) == 200
    assert "What each role may do" in desk.page
    assert "Invite somebody" not in desk.page
    assert desk.see(f"{STAFF}invite/") == 403


def test_the_list_asks_as_much_for_three_as_for_one(desk, site):
    make.reception(site)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as asked:
            desk.see(STAFF)
        counts.append(len(asked))
        make.reception(site)
        make.clinician(site)
    assert counts[0] == counts[1]
