"""Reading a source: one run at a time, each delivery queued together with how far the source is read.

No row stays locked while a source is asked: a run has the source by a lease, and moves the cursor on only where it
still stands as this run left it.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from config.refusals import Refusal, invalid
from rentals.models import UsageRoute
from rentals.reconciliation.imports import queue_import
from rentals.reconciliation.routes.route import ROUTES, Delivery, Route, RouteFailed

LEASE = timedelta(minutes=5)  # longer than a task may last (CELERY_TASK_TIME_LIMIT): who is past it is dead
LONGEST_RUN = 60  # seconds, after which the rest is left to the next run
FIRST_WAIT, LONGEST_WAIT, MOST_DOUBLINGS = timedelta(minutes=1), timedelta(hours=1), 10
POKE_EXPIRES = 55  # seconds; the next minute brings another one
logger = logging.getLogger(__name__)


def routes_due(at: datetime) -> list[str]:
    """The sources (names) that are set up, not being read and not to be left alone for a while."""
    resting = UsageRoute.objects.filter(Q(next_try_at__gt=at) | Q(lease_until__gt=at)).values_list("name", flat=True)
    left_alone = set(resting)
    return [name for name, route in ROUTES.items() if route.is_set_up() and name not in left_alone]


@dataclass(frozen=True)
class Source:
    """A source as the desk shows it; `read` is None for one that was never asked."""

    route: Route
    is_set_up: bool
    is_being_read: bool
    read: UsageRoute | None


def sources(at: datetime) -> list[Source]:
    """Every source that could bring usage data, and how it went."""
    read = {row.name: row for row in UsageRoute.objects.all()}
    return [
        Source(
            route,
            route.is_set_up(),
            name in read and (read[name].lease_until or at) > at,
            read.get(name),
        )
        for name, route in ROUTES.items()
    ]


def fetch(name: str, *, at: datetime) -> int:
    """Queue what the source has that is new, unless another run has it or it failed a moment ago.

    Returns how many imports were queued. A failure is kept with the source, for the desk to see.
    """
    route = ROUTES[name]
    if not route.is_set_up() or not claim(name, at):
        return 0
    run = Run(route, at)
    try:
        run.take_deliveries()
    except RouteFailed as failure:
        run.failed(str(failure), from_the_start=failure.from_the_start)
    except Overtaken:
        logger.warning("the run that read the %s was overtaken by another", name)
    else:
        run.succeeded()
    return run.queued


def claim(name: str, at: datetime) -> bool:
    """Whether the source is ours until the lease ends: nobody reads it, and it may be asked again."""
    UsageRoute.objects.get_or_create(name=name)
    free = UsageRoute.objects.filter(nobody_reads(at), Q(next_try_at=None) | Q(next_try_at__lte=at), name=name)
    return bool(free.update(lease_until=at + LEASE))


def nobody_reads(at: datetime) -> Q:
    return Q(lease_until=None) | Q(lease_until__lte=at)


class Overtaken(Exception):
    """Our lease ran out and another run has the source."""


class Run:
    """One reading of `route` that began at `at`, its claim made."""

    def __init__(self, route: Route, at: datetime) -> None:
        self.route, self.at = route, at
        self.queued = 0
        self._started = time.monotonic()
        self._lease = at + LEASE

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    @property
    def moment(self) -> datetime:
        return self.at + timedelta(seconds=self.seconds)

    def ours(self) -> QuerySet[UsageRoute]:
        return UsageRoute.objects.filter(name=self.route.name, lease_until=self._lease)

    def take_deliveries(self) -> None:
        source = self.ours().first()
        if source is None:
            raise Overtaken
        for delivery in self.route.deliveries(source.cursor, self.at):
            refused = self.queue(delivery)
            delivery.settle(refused)
            if self.seconds > LONGEST_RUN:
                break

    def queue(self, delivery: Delivery) -> str:
        """Queue the delivery and move the cursor on, both or neither; why it was refused, or ""."""
        try:
            with transaction.atomic():
                if delivery.content is not None:
                    queue_import(
                        delivery.content, name=delivery.name, at=self.moment, actor=None, route=self.route.name
                    )
                self.move_on(delivery.cursor)
        except Refusal as refusal:
            return refusal.message
        except OSError as error:
            raise RouteFailed(f"{delivery.name} could not be kept here ({error.strerror}).") from error
        self.queued += delivery.content is not None
        return ""

    def move_on(self, cursor: str) -> None:
        lease = self.moment + LEASE
        if not self.ours().update(cursor=cursor, lease_until=lease):
            raise Overtaken
        self._lease = lease

    def succeeded(self) -> None:
        self.ours().update(lease_until=None, next_try_at=None, failures=0, failure="", succeeded_at=self.moment)

    def failed(self, why: str, *, from_the_start: bool) -> None:
        """Keep why, and leave the source alone for a while: twice as long after each failure, an hour at most."""
        logger.warning("the usage data of the %s could not be fetched", self.route.name)
        failures = self.ours().values_list("failures", flat=True).first() or 0
        wait = min(FIRST_WAIT * 2 ** min(failures, MOST_DOUBLINGS), LONGEST_WAIT)
        start = {"cursor": ""} if from_the_start else {}
        self.ours().update(
            lease_until=None, next_try_at=self.moment + wait, failures=F("failures") + 1, failure=why, **start
        )


def fetch_now(name: str, *, at: datetime, from_the_start: bool = False) -> None:
    """Have the source read at once, however often it failed; all of it again where `from_the_start`.

    Raises `invalid` for a source that is not set up, `busy` when one that shall begin anew is being read.
    """
    route = ROUTES[name]
    if not route.is_set_up():
        raise invalid(
            "route",
            _("The %(title)s is not set up; whoever runs Callus sets %(settings)s.")
            % {"title": route.title, "settings": route.settings},
        )
    with transaction.atomic():
        source = UsageRoute.objects.get_or_create(name=name)[0]
        asked = UsageRoute.objects.filter(pk=source.pk)
        if from_the_start and not asked.filter(nobody_reads(at)).update(cursor=""):
            raise Refusal(
                "busy", _("The %(title)s is being read just now; try again in some minutes.") % {"title": route.title}
            )
        asked.update(next_try_at=None)
        transaction.on_commit(lambda: poke([name]))


def poke(names: Iterable[str]) -> None:
    """Ask the workers to read the sources. A dead queue loses nothing: the next minute asks again."""
    from rentals.tasks import fetch_usage as task  # tasks import this module

    try:
        for name in names:
            task.apply_async((name,), retry=False, expires=POKE_EXPIRES)
    except OperationalError:
        logger.warning("the queue does not answer; sources of usage data wait for the next minute")
