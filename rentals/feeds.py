"""Calendar feeds: one site's coming pick-ups and returns for a calendar program, opened by a key, without patients.

Whoever holds the address reads it, so it says only what stands on a device and in a rental's reference (I10).
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q
from django.db.models.functions import Coalesce
from icalendar import Calendar, Event, vDuration, vText

from config.keys import digest_of, new_key
from config.models import Clinic, User
from rentals.models import CalendarFeed, Rental
from rentals.models.states import State
from rentals.overview import with_overview

DAYS_AHEAD = 180
READ_NOTED_EVERY = timedelta(minutes=1)  # a program that asks all the time must not make us write all the time
ASK_AGAIN_AFTER = timedelta(hours=1)


def make_feed(clinic: Clinic, *, name: str, at: datetime, actor: User) -> tuple[CalendarFeed, str]:
    """Open a feed of `clinic` for whoever `name` says; return it with its key, of which only a hash is kept."""
    key = new_key()
    feed = CalendarFeed.objects.create(
        clinic=clinic, name=name, key_hash=digest_of(key), created_at=at, created_by=actor
    )
    return feed, key


def revoke_feed(feed: CalendarFeed, *, at: datetime, actor: User) -> None:
    """From now on the key of `feed` opens nothing; who revoked it first stays written down."""
    CalendarFeed.objects.filter(pk=feed.pk, revoked_at=None).update(revoked_at=at, revoked_by=actor)


def read_feed(key: str, *, at: datetime) -> CalendarFeed | None:
    """The feed that `key` opens, with the moment noted as its last reading (to the minute); None for any other key."""
    opened = CalendarFeed.objects.filter(key_hash=digest_of(key), revoked_at=None)
    feed = opened.select_related("clinic").first()
    if feed and (feed.last_read_at is None or at - feed.last_read_at >= READ_NOTED_EVERY):
        opened.update(last_read_at=at)
    return feed


def calendar_of(feed: CalendarFeed, *, at: datetime, address_of: Callable[[str], str]) -> bytes:
    """The feed as iCalendar (RFC 5545): all that is open at `at`, however late, up to `DAYS_AHEAD` local days ahead.

    What is done or cancelled is left out. `address_of` gives the address of a rental's page for its reference. The
    same rows on the same day give the same bytes.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Callus//Pick-ups and returns//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", vText(one_line(f"Pick-ups and returns at {feed.clinic}")))
    calendar.add("x-wr-caldesc", vText(one_line(f"From Callus, made for: {feed.name}")))
    calendar.add("x-wr-timezone", vText(feed.clinic.time_zone))
    calendar.add("x-published-ttl", vDuration(ASK_AGAIN_AFTER))
    calendar.refresh_interval = ASK_AGAIN_AFTER
    for rental in coming_and_going(feed.clinic, at):
        calendar.add_component(event_of(rental, address_of(rental.reference)))
    return calendar.to_ical()


def coming_and_going(clinic: Clinic, at: datetime) -> Any:
    """Rentals to hand over or to take back, with `changes` and `changed_at` of their history.

    No day is too long ago: what leaves the feed has been done, and an overdue device must not look as if it were back.
    """
    last_day = clinic.day_of(at) + timedelta(days=DAYS_AHEAD)
    pick_ups = Q(state=State.RESERVED, starts_on__lte=last_day)
    returns = Q(state=State.ACTIVE, due_on__lte=last_day)
    rentals = with_overview(Rental.objects.filter(pick_ups | returns, clinic=clinic), at)
    return (
        rentals.select_related("clinic")
        .annotate(
            changes=Count("moves"),
            changed_at=Coalesce(Max("moves__recorded_at"), "created_at"),
        )
        .order_by("pk")
    )


def event_of(rental: Any, address: str) -> Event:
    """One pick-up or return, as a whole local day, so that no program's time zone can shift it."""
    is_pick_up = rental.state == State.RESERVED
    day: date = rental.starts_on if is_pick_up else rental.due_on
    changed_at = last_change(rental)
    event = Event()
    event.add("uid", f"{rental.reference}-{'pick-up' if is_pick_up else 'return'}@callus")
    event.add("dtstart", day)
    event.add("dtend", day + timedelta(days=1))
    event.add("summary", one_line(summary_of(rental)))
    event.add("description", f"Open it in Callus (you sign in there): {address}")
    event.add("transp", "TRANSPARENT")  # nobody is busy for the whole day
    event.add("sequence", rental.changes)
    event.add("dtstamp", changed_at)
    event.add("last-modified", changed_at)
    return event


def summary_of(rental: Any) -> str:
    """`Pick-up: device 1121000123 (rental K7M2Q4XA)`, and what is special about it."""
    what = "Pick-up" if rental.state == State.RESERVED else "Return"
    device = f"device {rental.device_serial}" if rental.device_serial else "no device yet"
    offered = ", offered, not yet accepted" if rental.offer_expires_at else ""
    overdue = ", overdue" if rental.overdue else ""
    return f"{what}: {device} (rental {rental.reference}){offered}{overdue}"


def last_change(rental: Any) -> datetime:
    """When what the event says changed last: by a verb, or by the midnight since which the device is overdue."""
    if not rental.overdue:
        return rental.changed_at
    return max(rental.changed_at, rental.clinic.start_of(rental.due_on + timedelta(days=1)))


def one_line(text: str) -> str:
    """`text` without line breaks and other signs that nobody prints, at which a calendar program may stumble."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
