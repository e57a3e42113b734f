"""Background work. Each task is only a poke: the rows say what is to be done, and a sweep finds what was missed."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice

from celery import shared_task
from django.conf import settings
from kombu.exceptions import OperationalError

from config.models import Clinic
from rentals import buy_out, retention
from rentals.booking import offers, replan
from rentals.fleet import monthly
from rentals.models import Rental
from rentals.reconciliation import discrepancies, imports
from rentals.reconciliation.routes import fetching
from rentals.reminders import mailbox, outbox, plan

logger = logging.getLogger(__name__)

# An import may be long; its row is claimed under a lease, so a message delivered again does nothing.
IMPORT_SECONDS = 3600


@shared_task(time_limit=IMPORT_SECONDS)
def run_import(import_id: int) -> None:
    imports.run_import(import_id, at=datetime.now(UTC))


@shared_task
def sweep_imports() -> None:
    imports.sweep_imports(datetime.now(UTC))


@shared_task
def fetch_all_usage() -> None:
    fetching.poke(fetching.routes_due(datetime.now(UTC)))


@shared_task
def fetch_usage(route: str) -> None:
    fetching.fetch(route, at=datetime.now(UTC))


# A sweep pokes again what may still stand in the queue; what stood there for so long is dropped, or they would pile up.
SECONDS_TO_NEXT_SWEEP = 55
# A task sends several mails over one connection to the mail server and one to the database. With a slow server it
# stops early, well before its time limit, which would leave a mail in doubt; the next sweep asks for the rest.
MESSAGES_A_TASK = 25
SECONDS_TO_BEGIN_MAILS = 30


@shared_task
def plan_reminders() -> None:
    poke(plan.plan_reminders(datetime.now(UTC)).messages)


@shared_task
def sweep_messages() -> None:
    at = datetime.now(UTC)
    outbox.sweep(at)
    poke(outbox.due_messages(at))
    see_to_reports(at)


def see_to_reports(at: datetime) -> None:
    """The monthly reports, by the same minute; a dead queue loses none of them either."""
    monthly.sweep_reports(at)
    monthly.plan_reports(at)
    try:
        for report in monthly.due_reports(at):
            send_report.apply_async((report,), expires=SECONDS_TO_NEXT_SWEEP)
    except OperationalError:
        logger.warning("the queue does not answer; reports wait for the next sweep")


@shared_task
def send_report(report: int) -> None:
    monthly.send_report(report, datetime.now(UTC))


@shared_task
def send_messages(messages: list[int]) -> None:
    outbox.send_each(messages, datetime.now(UTC), seconds=SECONDS_TO_BEGIN_MAILS)


@shared_task
def mend_plans() -> None:
    replan.mend(datetime.now(UTC))


@shared_task
def place_at_risk() -> None:
    replan.place_at_risk(Clinic.objects.order_by("pk"), datetime.now(UTC))


@shared_task
def sweep_offers() -> None:
    at = datetime.now(UTC)
    tell(offers.sweep_offers(at), at)


@shared_task
def offer_what_is_free(clinic_id: int) -> None:
    at = datetime.now(UTC)
    tell(offers.see_to_offers(Clinic.objects.get(pk=clinic_id), at), at)


def tell(offered: Iterable[Rental], at: datetime) -> None:
    """Have the mails about new offers written and sent now; the next planning would do so too."""
    for clinic in {rental.clinic for rental in offered}:
        poke(plan.plan_clinic(clinic, at).messages)


@shared_task
def sweep_silence() -> None:
    discrepancies.sweep_silence(datetime.now(UTC))


@shared_task
def propose_deemed_purchases() -> None:
    buy_out.propose_deemed_purchases(datetime.now(UTC))


@shared_task
def forget_stored_answers() -> None:
    retention.forget_stored_answers(datetime.now(UTC))


@shared_task
def forget_links() -> None:
    at = datetime.now(UTC)
    retention.forget_links(at)
    retention.forget_sheets(at)


@shared_task
def take_reports() -> None:
    mailbox.take_mailbox(datetime.now(UTC))


def poke(messages: Iterable[int]) -> None:
    """Ask the workers to send `messages` (ids, committed), or as many as may leave in a minute. A dead queue loses
    nothing: the next sweep asks again."""
    try:
        wanted = iter(list(messages)[: settings.EMAIL_PER_MINUTE])
        while chunk := list(islice(wanted, MESSAGES_A_TASK)):
            send_messages.apply_async((chunk,), expires=SECONDS_TO_NEXT_SWEEP)
    except OperationalError:
        logger.warning("the queue does not answer; messages wait for the next sweep")
