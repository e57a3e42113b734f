"""What the scheduler and the workers do each day: the plan repaired at night, reminders planned and sent later."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings

from rentals.booking.offers import sweep_offers
from rentals.booking.replan import mend
from rentals.demo.sites import Site
from rentals.reminders import outbox
from rentals.reminders.plan import plan_reminders
from rentals.reminders.schedule import latest_due_day

FIRST_DAY = -35  # days from today
FIRST_NIGHT = -14  # before that nothing was overdue for long, and nobody waited
WORKER_STOPS = -9  # from this day on, at the first message there is, a worker is stopped once while it sends


def nights(site: Site) -> Iterator[datetime]:
    """Let the plan of all sites repair itself, and take back the offers that are over."""
    for days in range(FIRST_NIGHT, 0):
        yield (at := site.at(site.today + timedelta(days=days), 0, 30))
        mend(at)
        sweep_offers(at)


def mornings(site: Site, now: datetime) -> Iterator[datetime]:
    """Plan at a quarter past eleven in Sydney, when Perth is awake too, and send half an hour later.

    What fell due last is left for the scheduler that runs from now on. Nothing is sent where a mail server is named:
    no letter of the past shall reach a real one, though the addresses are nobody's.
    """
    if settings.EMAIL_URL:
        return
    has_stopped = False
    days_told = (latest_due_day(site.clinic, now) - site.today).days
    for days in range(FIRST_DAY, days_told):
        day = site.today + timedelta(days=days)
        yield (at := site.at(day, 11, 15))
        outbox.sweep(at)
        plan_reminders(at)
        yield (at := site.at(day, 11, 45))
        if days >= WORKER_STOPS and not has_stopped:
            has_stopped = stop_while_sending(at)
        outbox.send_due(at)
        if days < FIRST_NIGHT:
            continue
        # What the day has brought, an offer say; on the next one the doors may be closed, and no mail leave.
        yield (at := site.at(day, 17, 15))
        plan_reminders(at)
        outbox.send_due(at + timedelta(minutes=1))


def stop_while_sending(at: datetime) -> bool:
    """Claim a message, and never settle it, as a worker does that is killed then; the next sweep finds it unknown."""
    claims = (outbox.claim(message, at) for message in outbox.due_messages(at))
    return any(claim is not None and claim[1] is not None for claim in claims)
