"""Who works here: invited by a link, changed, switched off and on; and who may decide that about whom."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client

from config.keys import digest_of
from config.models import ApiToken, Invitation, User
from config.refusals import Refusal
from config.role_words import WORDS, matrix_in_words
from config.roles import MATRIX
from config.staff import change_work, choose_password, invite, link_of, new_link, staff_seen_by, switch_off, switch_on
from config.tries import MOST_WRONG_KEYS
from tests import make

pytestmark = pytest.mark.django_db

NOW, DAY = make.NOW, timedelta(days=1)
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')  # new with each answer
PASSWORD = "a bone knits in its time"


@pytest.fixture(autouse=True)
def _own_minute(monkeypatch):
    """Wrong keys are counted by address and minute; other tests' are not this one's."""
    own = f"callus:wrong-keys:{uuid4()}"
    monkeypatch.setattr("config.tries.counter_of", lambda asked, at: own)


def invited(actor, *clinics, role="reception", **given):
    return invite(**{"username": "ada", "email": "", **given}, role=role, clinics=clinics, at=NOW, actor=actor)


def refused(code, deed, *given, **more):
    with pytest.raises(Refusal) as refusal:
        deed(*given, **more)
    assert refusal.value.code == code
    return refusal.value


class TestInviting:
    def test_makes_somebody_without_a_password_and_a_link_of_which_only_the_hash_is_kept(self):
        site, boss = make.clinic(), make.manager()
        user, key = invited(boss, site, email="ada@clinic.example")
        assert (user.role, list(user.clinics.all()), user.has_usable_password()) == ("reception", [site], False)
        link = Invitation.objects.get()
        assert (link.digest, link.created_by, link.expires_at) == (digest_of(key), boss, NOW + 7 * DAY)
        assert key not in str(list(Invitation.objects.values()))

    def test_a_name_that_somebody_has_is_refused_however_it_is_written(self):
        boss = make.manager()
        invited(boss)
        assert refused("invalid", invited, boss, username="Ada").field == "username"
        assert refused("invalid", invited, boss, username="a da").field == "username"

    def test_the_password_is_chosen_once_behind_the_link(self):
        user, key = invited(make.manager())
        assert choose_password(key, PASSWORD, at=NOW + 6 * DAY) == user
        user.refresh_from_db()
        assert user.check_password(PASSWORD)
        assert choose_password(key, "another good one of mine", at=NOW + 6 * DAY) is None
        user.refresh_from_db()
        assert user.check_password(PASSWORD)

    def test_a_password_that_is_easily_guessed_leaves_the_link_open(self):
        user, key = invited(make.manager(), username="florence.nightingale")
        for weak in ("short", "password1234", "florence.nightingale1"):
            assert refused("invalid", choose_password, key, weak, at=NOW).field == "password"
        assert link_of(key, NOW).user == user

    def test_a_link_opens_nothing_after_a_week_or_once_a_newer_one_is_there(self):
        boss = make.manager()
        user, key = invited(boss)
        assert link_of(key, NOW + 7 * DAY) is None
        newer = new_link(user, at=NOW, actor=boss)
        assert [link_of(one, NOW) is None for one in (key, newer)] == [True, False]

    def test_a_new_password_signs_out_whoever_was_signed_in_by_the_old_one(self):
        boss = make.manager(make.clinic())
        thief = Client()
        thief.force_login(boss)
        assert thief.get("/").status_code == 200
        choose_password(new_link(boss, at=NOW, actor=boss), PASSWORD, at=NOW)
        assert thief.get("/").status_code == 302


class TestSwitchingOff:
    def test_ends_sessions_keys_links_and_the_password_at_once(self):
        boss, site = make.manager(), make.clinic()
        user = make.reception(site)
        browser = Client()
        browser.force_login(user)
        token = ApiToken.objects.issue(user, NOW)
        key = new_link(user, at=NOW, actor=boss)
        asking = {"headers": {"Authorization": f"Token {token}"}}
        assert (browser.get("/").status_code, Client().get("/api/v1/clinics/", **asking).status_code) == (200, 200)
        switch_off(user, at=NOW, actor=boss)
        assert (browser.get("/").status_code, Client().get("/api/v1/clinics/", **asking).status_code) == (302, 401)
        assert link_of(key, NOW) is None
        assert refused("wrong_state", new_link, user, at=NOW, actor=boss)

    def test_inactive_alone_refuses_session_and_key(self):
        user = make.reception(make.clinic())
        browser, token = Client(), ApiToken.objects.issue(user, NOW)
        browser.force_login(user)
        User.objects.filter(pk=user.pk).update(is_active=False)
        answer = Client().get("/api/v1/clinics/", headers={"Authorization": f"Token {token}"})
        assert (browser.get("/").status_code, answer.status_code) == (302, 401)

    def test_switched_on_again_nothing_of_before_comes_back_but_role_and_sites(self):
        boss, site = make.manager(), make.clinic()
        user = make.clinician(site)
        browser, token = Client(), ApiToken.objects.issue(user, NOW)
        browser.force_login(user)
        switch_off(user, at=NOW, actor=boss)
        key = switch_on(user, at=NOW, actor=boss)
        user.refresh_from_db()
        assert (browser.get("/").status_code, ApiToken.objects.for_key(token)) == (302, None)
        assert (user.role, list(user.clinics.all()), user.has_usable_password()) == ("clinician", [site], False)
        assert choose_password(key, PASSWORD, at=NOW) == user
        refused("wrong_state", switch_on, user, at=NOW, actor=boss)


class TestWhoDecides:
    def test_nobody_decides_about_himself(self):
        boss, _ = make.manager(), make.manager()
        refused("yourself", change_work, boss, role="auditor", clinics=[], actor=boss)
        refused("yourself", switch_off, boss, at=NOW, actor=boss)

    def test_the_last_manager_who_can_sign_in_stays_one(self):
        boss = make.manager()
        invited(boss, role="manager", username="never-chose-a-password")
        new = User.objects.get(username="never-chose-a-password")
        refused("last_manager", change_work, boss, role="reception", clinics=[], actor=new)
        refused("last_manager", switch_off, boss, at=NOW, actor=new)
        other = make.manager()
        change_work(boss, role="reception", clinics=[], actor=other)
        boss.refresh_from_db()
        assert boss.role == "reception"

    def test_a_manager_who_was_demoted_a_moment_ago_decides_nothing_more(self):
        one, other = make.manager(), make.manager()
        change_work(other, role="reception", clinics=[], actor=one)
        assert refused("permission_denied", switch_off, one, at=NOW, actor=other).status == 403

    def test_a_manager_for_some_sites_decides_about_who_works_at_no_other(self):
        here, there = make.clinic(), make.clinic()
        boss = make.manager(here)
        mine, both, all_sites = make.reception(here), make.reception(here, there), make.reception()
        assert set(staff_seen_by(boss)) == {boss, mine}
        assert {mine, both, all_sites, boss} <= set(staff_seen_by(all_sites))
        for one in (both, all_sites):
            refused("another_site", switch_off, one, at=NOW, actor=boss)
        change_work(mine, role="clinician", clinics=[here], actor=boss)

    def test_a_manager_for_some_sites_gives_no_others_and_not_all(self):
        here, there = make.clinic(), make.clinic()
        boss, mine = make.manager(here), make.reception(here)
        for given in ([there], [here, there], []):
            assert refused("another_site", change_work, mine, role="reception", clinics=given, actor=boss)
            assert refused("another_site", invited, boss, *given).field == "clinics"


class TestTheWelcomePage:
    def test_sets_the_password_and_leads_to_the_sign_in(self):
        _, key = invited(make.manager())
        client, address = Client(), f"/welcome/{key}/"
        Invitation.objects.update(expires_at=NOW + 100000 * DAY)  # whatever the day of the test
        page = client.get(address)
        assert "<strong>ada</strong>" in page.content.decode()
        assert page.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")
        assert client.post(address, {"password": PASSWORD, "again": "another"}).status_code == 422
        assert "too short" in client.post(address, {"password": "short", "again": "short"}).content.decode()
        answer = client.post(address, {"password": PASSWORD, "again": PASSWORD})
        assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in/")
        assert client.login(username="ada", password=PASSWORD)

    def test_a_wrong_a_used_a_revoked_and_an_expired_key_get_one_and_the_same_answer(self):
        boss = make.manager()
        keys = ["wrong", *(invited(boss, username=name)[1] for name in ("used", "revoked", "expired"))]
        Invitation.objects.update(expires_at=NOW + 100000 * DAY)
        for column in ("used_at", "revoked_at", "expires_at"):
            name = column.replace("expires", "expired").partition("_")[0]
            Invitation.objects.filter(user__username=name).update(**{column: NOW})
        answers = {key: [getattr(Client(), way)(f"/welcome/{key}/") for way in ("get", "post")] for key in keys}
        assert {answer.status_code for pair in answers.values() for answer in pair} == {404}
        read = {(key, answer.content.decode()) for key, pair in answers.items() for answer in pair}
        [page] = {TOKEN.sub("", text).replace(f"/welcome/{key}/", "/welcome/") for key, text in read}
        assert "ask a manager" in page

    def test_who_tries_many_keys_is_not_listened_to_for_the_rest_of_the_minute(self):
        _, key = invited(make.manager())
        Invitation.objects.update(expires_at=NOW + 100000 * DAY)
        client = Client()
        assert client.get(f"/welcome/{key}/").status_code == 200
        for _ in range(MOST_WRONG_KEYS):
            client.get("/welcome/wrong/")
        assert client.get(f"/welcome/{key}/").status_code == 404


def test_each_action_stands_in_words_in_the_table_of_roles():
    assert WORDS.keys() == MATRIX.keys()
    assert dict(dict(matrix_in_words())["Staff"]) == {WORDS["staff.manage"]: [False, False, True, False]}
