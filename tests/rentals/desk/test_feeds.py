"""Calendar feeds at the desk: made, shown once, listed, revoked."""

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from rentals.feeds import make_feed, read_feed
from rentals.models import CalendarFeed
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db

ADDRESS = re.compile(r'value="http://testserver(/calendar/([\w-]{43})\.ics)"')


@shared
def site():
    return make.clinic("A here")


@shared
def desk(site):
    return Desk(make.manager(site))


def sessions():
    return str([session.get_decoded() for session in Session.objects.all()])


def test_the_address_of_a_new_feed_is_shown_once_and_opens_it(desk, site):
    assert desk.fill_in("/feeds/", name="Front desk screen") == 302
    assert desk.led_to == "/feeds/"
    desk.see("/feeds/")
    address, key = ADDRESS.search(desk.page).groups()
    assert b"Pick-ups and returns at A here" in Client().get(address).content
    desk.see("/feeds/")
    assert not ADDRESS.search(desk.page)
    assert "Front desk screen" in desk.page
    assert "last read Mon 2 Mar 2026, 12:00 pm" in desk.page
    assert key not in sessions()
    feed = CalendarFeed.objects.get()
    assert (feed.clinic, feed.name, feed.created_by.username in desk.page) == (site, "Front desk screen", True)


def test_a_double_click_makes_one_feed_and_shows_its_address(desk):
    desk.see("/feeds/")
    entries = {**desk.proposed(), "name": "Screen"}
    assert [desk.send("/feeds/", **entries), desk.send("/feeds/", **entries)] == [302, 302]
    desk.see(desk.led_to)
    assert read_feed(ADDRESS.search(desk.page)[2], at=make.NOW) == CalendarFeed.objects.get()


def test_a_feed_without_a_name_is_not_made(desk):
    assert desk.fill_in("/feeds/", name=" ") == 422
    assert "name" in desk.problems()
    assert not CalendarFeed.objects.exists()


def test_a_feed_is_revoked_after_a_second_look(desk, site, clock):
    feed, key = make_feed(site, name="Old screen", at=make.NOW, actor=make.manager())
    address = f"/feeds/{feed.pk}/revoke/"
    desk.see("/feeds/")
    assert f'href="{address}"' in desk.page
    clock.shift(timedelta(hours=1))
    assert desk.fill_in(address) == 302
    assert read_feed(key, at=make.NOW) is None
    desk.see(desk.led_to)
    assert "The feed for Old screen is revoked" in desk.page
    assert f'href="{address}"' not in desk.page
    assert f"revoked by {CalendarFeed.objects.get().revoked_by.username}, Mon 2 Mar 2026, 1:00 pm" in desk.page
    desk.see(address)
    assert "revoked already" in desk.page


def test_the_feeds_of_another_site_are_neither_seen_nor_revoked(desk):
    feed, key = make_feed(make.clinic("B there"), name="Their screen", at=make.NOW, actor=make.manager())
    desk.see("/feeds/")
    assert "Their screen" not in desk.page
    assert [desk.see(f"/feeds/{feed.pk}/revoke/"), desk.send(f"/feeds/{feed.pk}/revoke/")] == [404, 404]
    assert read_feed(key, at=make.NOW) == feed


def test_the_feeds_are_found_from_today_by_those_who_may_make_them(desk, site):
    desk.see("/")
    assert 'href="/feeds/"' in desk.page
    reception = Desk(make.reception(site))
    reception.see("/")
    assert 'href="/feeds/"' not in reception.page
