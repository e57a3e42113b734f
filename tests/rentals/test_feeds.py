"""Calendar feeds: who can read them, what they say, and what they never say."""

import re
from datetime import UTC, date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from icalendar import Calendar

from config.models import Clinic
from rentals.booking import extension
from rentals.feeds import DAYS_AHEAD, calendar_of, make_feed, read_feed, revoke_feed
from rentals.models import CalendarFeed, Rental
from rentals.models.states import State
from tests import make
from tests.shared import shared

pytestmark = pytest.mark.django_db

TODAY = date(2026, 3, 2)


@shared
def clinic():
    return make.clinic("Harbour Street")


@shared
def manager():
    return make.manager()


@pytest.fixture
def feed(clinic, manager):
    return make_feed(clinic, name="Front desk screen", at=make.NOW, actor=manager)[0]


def raw(feed, at=make.NOW):
    return calendar_of(feed, at=at, address_of=lambda reference: f"https://desk.example/rentals/{reference}/")


def events(feed, at=make.NOW):
    """The events of the feed, read back, by rental and kind."""
    return {str(event["uid"]): event for event in Calendar.from_ical(raw(feed, at)).events}


def summaries(feed, at=make.NOW):
    return sorted(str(event["summary"]) for event in events(feed, at).values())


class TestSays:
    def test_each_pick_up_on_its_first_day_and_each_return_on_its_last(self, clinic, feed, manager):
        coming = make.rental(State.RESERVED, clinic, actor=manager, starts_on=TODAY + timedelta(days=2))
        out = make.rental(State.ACTIVE, clinic, actor=manager)
        found = events(feed)
        pick_up, back = found[f"{coming.reference}-pick-up@callus"], found[f"{out.reference}-return@callus"]
        assert len(found) == 2
        assert (pick_up["dtstart"].dt, pick_up["dtend"].dt) == (date(2026, 3, 4), date(2026, 3, 5))
        assert (back["dtstart"].dt, back["dtend"].dt) == (out.due_on, out.due_on + timedelta(days=1))
        serial = coming.holdings.get().device.serial
        assert pick_up["summary"] == f"Pick-up: device {serial} (rental {coming.reference})"
        assert back["summary"] == f"Return: device {out.holdings.get().device.serial} (rental {out.reference})"
        assert f"https://desk.example/rentals/{out.reference}/" in back["description"]

    def test_what_a_calendar_program_asks_for(self, clinic, feed):
        calendar = Calendar.from_ical(raw(feed))
        assert (calendar["version"], calendar["method"]) == ("2.0", "PUBLISH")
        assert calendar["x-wr-calname"].to_ical() == b"Pick-ups and returns at Harbour Street"
        assert calendar["x-wr-timezone"].to_ical() == b"Australia/Sydney"
        assert calendar.refresh_interval == timedelta(hours=1)
        assert b"X-PUBLISHED-TTL:PT1H\r\n" in raw(feed)

    def test_nothing_of_a_patient_but_the_reference_of_the_rental(self, clinic, feed, manager):
        canary = make.patient(
            clinic, given_name="Zebedia", family_name="Quixwhistle", email="zq@canary.example", phone="+61 2 5550 9876"
        )
        injury = make.indication("stress_fatigue", "navicular", "fell off a giraffe")
        make.rental(State.ACTIVE, clinic, actor=manager, patient=canary, indication=injury, planned_treatments=97)
        text = re.sub(r"\r\n ", "", raw(feed).decode())
        assert "Return: device" in text
        for word in ("Zebedia", "Quixwhistle", "canary", "9876", "stress", "navicular", "giraffe", "97", "treatment"):
            assert word not in re.sub(r"device \d+|rental \w+|rentals/\w+|UID:\S+|\d{8}\w*", "", text), word

    def test_that_a_device_is_missing_that_an_offer_is_open_and_that_a_return_is_late(self, clinic, feed, manager):
        robbed, offered, late = (
            make.rental(state, clinic, actor=manager, days=14) for state in ("reserved", "reserved", "active")
        )
        make.put_at_risk(robbed.holdings.get().device)
        Rental.objects.filter(pk=offered.pk).update(offer_expires_at=make.NOW + timedelta(hours=9))
        assert summaries(feed, make.NOW + timedelta(days=40)) == sorted(
            [
                f"Pick-up: no device yet (rental {robbed.reference})",
                f"Pick-up: device {offered.holdings.get().device.serial} (rental {offered.reference}), "
                "offered, not yet accepted",
                f"Return: device {late.holdings.get().device.serial} (rental {late.reference}), overdue",
            ]
        )

    def test_an_overdue_return_on_its_due_day_until_the_device_is_back(self, clinic, feed, manager):
        late = make.rental(State.ACTIVE, clinic, actor=manager)
        weeks_later = make.NOW + timedelta(days=90)
        [event] = events(feed, weeks_later).values()
        assert event["dtstart"].dt == late.due_on
        make.take_back(late, actor=manager, at=weeks_later)
        assert events(feed, weeks_later) == {}

    def test_only_what_is_open_at_its_site_within_half_a_year(self, clinic, feed, manager):
        for state in (State.ENQUIRY, State.CANCELLED, State.RETURNED, State.LOST, State.KEPT, State.CLOSED):
            make.rental(state, clinic, actor=manager)
        make.rental(State.ACTIVE, make.clinic(), actor=manager)
        far = make.rental(State.RESERVED, clinic, actor=manager)
        last_day = TODAY + timedelta(days=DAYS_AHEAD)
        for first_day, shown in ((last_day, 1), (last_day + timedelta(days=1), 0)):
            Rental.objects.filter(pk=far.pk).update(starts_on=first_day, due_on=first_day + timedelta(days=28))
            assert len(events(feed)) == shown

    @pytest.mark.parametrize("day", [date(2026, 4, 5), date(2026, 10, 4)])
    def test_the_same_day_on_both_nights_on_which_the_clocks_change(self, day, clinic, feed, manager):
        rental = make.rental(State.ACTIVE, clinic, actor=manager)
        Rental.objects.filter(pk=rental.pk).update(due_on=day)
        begins, ends = clinic.start_of(day), clinic.start_of(day + timedelta(days=1))
        assert ends.astimezone(UTC) - begins.astimezone(UTC) != timedelta(days=1)
        for at, overdue in ((begins, False), (ends - timedelta(seconds=1), False), (ends, True)):
            [event] = events(feed, at).values()
            assert (event["dtstart"].dt, "overdue" in event["summary"]) == (day, overdue)
        assert event["last-modified"].dt == ends

    def test_the_same_until_something_happens_and_then_a_later_version(self, clinic, feed, manager):
        rental = make.rental(State.ACTIVE, clinic, actor=manager)
        uid = f"{rental.reference}-return@callus"
        before, at = events(feed)[uid], make.NOW + timedelta(hours=5)
        assert raw(feed) == raw(feed, at)
        extension.extend(rental, due_on=rental.due_on + timedelta(days=7), at=at, actor=manager)
        after = events(feed, at)[uid]
        assert after["sequence"] > before["sequence"]
        assert (before["dtstamp"].dt, after["dtstamp"].dt) == (make.NOW, at)

    def test_a_hostile_name_in_one_line_of_at_most_75_octets(self, clinic, manager):
        hostile = "Zoë, \\;:\r\nBEGIN:VEVENT\rSUMMARY:x\nEND:VEVENT\x0b\x0c\x85\u2028\x00" + "très long " * 9
        Clinic.objects.filter(pk=clinic.pk).update(name=hostile.replace("\x00", "")[:120])
        clinic.refresh_from_db()
        feed = make_feed(clinic, name="x", at=make.NOW, actor=manager)[0]
        feed.name = hostile
        make.rental(State.ACTIVE, clinic, actor=manager)
        text = raw(feed)
        assert len(Calendar.from_ical(text).events) == 1
        assert text.count(b"\nBEGIN:VEVENT") == 1
        assert text.count(b"\n") == text.count(b"\r\n") == text.count(b"\r")
        assert max(map(len, text.split(b"\r\n"))) <= 75
        assert not set(text.decode()) & set("\x0b\x0c\x85\u2028\x00")


class TestIsRead:
    @pytest.fixture(autouse=True)
    def _clock(self):
        with time_machine.travel(make.NOW, tick=False) as self.clock:
            yield

    @pytest.fixture
    def key(self, clinic, manager):
        return make_feed(clinic, name="Screen", at=make.NOW, actor=manager)[1]

    def ask(self, key, method="GET", **headers):
        return Client(headers=headers).generic(method, f"/calendar/{key}.ics")

    def test_by_its_key_alone(self, clinic, key, manager):
        rental = make.rental(State.ACTIVE, clinic, actor=manager)
        answer = self.ask(key)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Set-Cookie" not in answer.headers
        [event] = Calendar.from_ical(answer.content).events
        assert f"http://testserver/rentals/{rental.reference}/" in str(event["description"])
        head = self.ask(key, "HEAD")
        assert (head.status_code, head.content) == (200, b"")

    def test_again_only_when_it_has_changed(self, clinic, key, manager):
        tag = self.ask(key).headers["ETag"]
        assert self.ask(key, if_none_match=tag).status_code == 304
        make.rental(State.ACTIVE, clinic, actor=manager)
        assert self.ask(key, if_none_match=tag).status_code == 200

    def test_by_no_other_key_and_a_revoked_one_is_like_one_that_never_was(self, key, manager):
        feed = CalendarFeed.objects.get()
        tag = self.ask(key).headers["ETag"]
        never = [self.ask(other) for other in ("x", key[:-1], key + "x", feed.key_hash, "%00", "é")]
        revoke_feed(feed, at=make.NOW, actor=manager)
        revoked = self.ask(key, if_none_match=tag)
        nothing = Client().get("/calendar/")
        assert {answer.status_code for answer in (*never, revoked, nothing)} == {404}
        assert len({answer.content for answer in (*never, revoked, nothing)}) == 1
        assert dict(revoked.headers) == dict(never[0].headers)

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    def test_and_never_written_to(self, key, method):
        for path in (key, "unknown"):
            answer = Client(enforce_csrf_checks=True).generic(method, f"/calendar/{path}.ics")
            assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")

    def test_and_the_reading_is_noted_once_a_minute_at_most(self, key):
        noted = []
        for seconds in (0, 59, 60, 61, 119):
            self.clock.move_to(make.NOW + timedelta(seconds=seconds))
            assert self.ask(key).status_code == 200
            read_at = CalendarFeed.objects.get().last_read_at
            assert read_at
            noted.append((read_at - make.NOW).seconds)
        assert noted == [0, 0, 60, 60, 60]

    def test_with_as_many_queries_for_three_rentals_as_for_one(self, clinic, key, manager):
        counted = []
        for made in (1, 2):
            for _ in range(made):
                make.rental(State.ACTIVE, clinic, actor=manager)
            self.clock.shift(timedelta(minutes=2))
            with CaptureQueriesContext(connection) as captured:
                self.ask(key)
            counted.append(len(captured))
        assert counted == [4, 4]  # the feed, the note that it was read, the clinics' days, the rentals

    def test_only_as_long_as_it_is_not_revoked_and_the_first_to_revoke_stays_written_down(self, key, manager):
        feed, later = read_feed(key, at=make.NOW), make.NOW + timedelta(hours=1)
        revoke_feed(feed, at=make.NOW, actor=manager)
        revoke_feed(feed, at=later, actor=make.manager())
        assert read_feed(key, at=later) is None
        feed.refresh_from_db()
        assert (feed.revoked_at, feed.revoked_by, feed.last_read_at) == (make.NOW, manager, make.NOW)

    def test_by_a_key_of_256_bits_of_which_only_the_hash_is_kept(self, key):
        row = CalendarFeed.objects.values_list().get()
        assert re.fullmatch(r"[\w-]{43}", key)
        assert key not in map(str, row)
