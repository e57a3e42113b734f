"""Sending many: what one mail costs, what several over one way share, and what may never be out of date (I8)."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.models import Clinic, Closure, OpeningHours
from rentals.models import Message, MessageTemplate, Reminder, ReminderRule, Rental
from rentals.reminders import outbox, plan, sites
from rentals.reminders.rules import rules_of
from rentals.reminders.texts.templates import words_for
from tests import make
from tests.rentals.reminders.moments import days_overdue, overdue, switch_off
from tests.shared import shared

pytestmark = pytest.mark.django_db

Kind = Reminder.Kind
TABLE = Message._meta.db_table

STATEMENTS_A_MAIL = 9  # the message, its site's versions, its claim, its reminders, stopped addresses, parts, what it
# says, its links, its end
SAVEPOINTS = 2  # the claim's transaction, inside the test's
SEQUENCES = 1  # of the calendar file about a day that is still to come


@shared
def hired() -> dict[int, Rental]:
    """The last of the rentals of a clinic, of whose patients each has so many."""
    return {1: last_hired(3, 1), 3: last_hired(2, 3)}


def last_hired(patients, rentals):
    place = make.clinic()
    switch_off(place, *set(Kind) - {Kind.OVERDUE, Kind.DUE_SOON})
    for _ in range(patients):
        last = overdue(place, days=7)
        for _ in range(rentals - 1):
            last = overdue(place, days=7, patient=last.patient)
    return last


def waiting(rental, days=1):
    """The messages of the rental's clinic, each about the rentals of one patient, so many days overdue; the moment."""
    at = days_overdue(rental, days)
    return plan.plan_clinic(rental.clinic, at).messages, at


@pytest.mark.parametrize("rentals", [1, 3])
@pytest.mark.parametrize(("days", "more"), [(1, 0), (4, 0), (-3, SEQUENCES)])
def test_a_mail_takes_the_same_number_of_statements_however_many_hires_it_tells_of(
    hired, sink, django_assert_num_queries, rentals, days, more
):
    [known, message, *_], at = waiting(hired[rentals], days)
    outbox.send(known, at)
    with django_assert_num_queries(STATEMENTS_A_MAIL + more + SAVEPOINTS):
        assert outbox.send(message, at) == "sent"
    text = sink.mails[1].get_body(("plain",)).get_content()
    assert text.count("/p/") == rentals


def test_nobody_looks_through_all_that_wait_to_find_one(hired, sink):
    """Right after planning PostgreSQL has not counted them, and takes the indexes of those that wait for a short way;
    where it must not read a whole table either, it goes by the id."""
    messages, at = waiting(hired[1])
    with CaptureQueriesContext(connection) as found:
        outbox.send(messages[0], at)
    asked = [one["sql"] for one in found if one["sql"].startswith(("SELECT", "UPDATE")) and TABLE in one["sql"]]
    assert asked
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for sql in asked:
            cursor.execute(f"EXPLAIN {sql}")
            way = str(cursor.fetchall())
            assert "message_to_send" not in way, sql
            assert "message_sending" not in way, sql


def test_messages_sent_together_go_over_one_connection(hired, sink):
    messages, at = waiting(hired[1])
    sessions, handle = set(), sink.handle_DATA

    async def noted(server, session, envelope):
        sessions.add(id(session))
        return await handle(server, session, envelope)

    sink.handle_DATA = noted
    assert outbox.send_each(messages, at) == {"sent": 3}
    assert (len(sessions), sink.message_ids.total(), len(sink.message_ids)) == (1, 3, 3)


def test_after_so_many_seconds_no_further_message_is_begun(hired, sink):
    messages, at = waiting(hired[1])
    sink.delay = 0.2
    assert outbox.send_each(messages, at, seconds=0.1) == {"sent": 1}
    assert list(Message.objects.values_list("state", "attempts").order_by("pk")) == [("sent", 1), *[("queued", 0)] * 2]


def test_a_message_seen_waiting_before_another_s_attempt_is_not_taken(planned):
    at = planned.created_at
    early, late = Message.objects.get(), Message.objects.get()
    assert outbox.take(early, at)
    assert not outbox.take(late, at)
    outbox.release(early, state="retry", why="")
    assert not outbox.take(late, at)
    assert (Message.objects.get().state, Message.objects.get().attempts) == ("retry", 1)


CHANGES = {
    "hours": lambda place: OpeningHours.objects.filter(clinic=place, weekday=0).delete(),
    "longer hours": lambda place: OpeningHours.objects.filter(clinic=place).update(closes="19:00"),
    "closure": lambda place: Closure.objects.create(
        clinic=place, first_day=date(2026, 3, 2), last_day=date(2026, 3, 2), reason="Flood"
    ),
    "rule": lambda place: ReminderRule.objects.create(clinic=place, kind="overdue", enabled=False, days=[1]),
    "words": lambda place: MessageTemplate.objects.create(
        clinic=place,
        kind="overdue",
        version=1,
        subject="Ours",
        text="Own",
        html="<p>Own</p>",
        created_at=make.NOW,
        created_by=make.manager(),
    ),
    "name": lambda place: Clinic.objects.filter(pk=place.pk).update(name="Elsewhere"),
}


def seen(place):
    monday = place.hours_on(date(2026, 3, 2))
    words = words_for(place, ["overdue"], "en")["overdue"]
    return place.name, monday and str(monday.closes), rules_of(place)["overdue"].enabled, words.subject


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_site_says_counts_from_the_moment_on_at_which_it_says_so(change):
    place = make.clinic()
    before = seen(sites.site(place.pk))
    assert seen(sites.site(place.pk)) == before
    CHANGES[change](place)
    assert seen(sites.site(place.pk)) == seen(Clinic.objects.get(pk=place.pk)) != before


def test_what_a_site_takes_back_counts_no_more():
    place = make.clinic()
    before = seen(sites.site(place.pk))
    for change in ("closure", "rule"):
        CHANGES[change](place)
    sites.site(place.pk)
    Closure.objects.all().delete()
    ReminderRule.objects.all().delete()
    assert seen(sites.site(place.pk)) == before


def test_a_site_that_has_not_changed_is_asked_for_in_one_query(django_assert_num_queries):
    place = make.clinic()
    sites.site(place.pk)
    with django_assert_num_queries(1):
        seen(sites.site(place.pk))
