"""The report of the month before, by mail to each manager who has an e-mail address (I8).

Each mail is a row first, once a manager and month, and is claimed like a message (`reminders/outbox.py`): whose sender
died after the claim becomes `unknown`, for its manager to see, who may have it sent again; by itself it never is. No
row stays locked while figures are reckoned, the PDF is made or the mail server is spoken to.
"""

import logging
from collections import Counter
from datetime import date, datetime, timedelta
from email.utils import parseaddr
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from config.mail import Delivery, Outcome, deliver
from config.models import Clinic, User
from config.refusals import Refusal
from rentals.fleet.monthly_mail import write_mail
from rentals.models import MonthlyReport
from rentals.reminders.outbox import LEASE, LEASE_RAN_OUT, back_off

logger = logging.getLogger(__name__)

State = MonthlyReport.State
LAST_DAY_TO_WAIT = 3
ATTEMPTS_A_ROUND = 100  # about four days, an hour between most
ONE_DAY = timedelta(days=1)


def plan_reports(at: datetime) -> int:
    """Write down the reports that have fallen due; returns how many. Run twice, or at once, it writes each once."""
    made = [report for manager in managers_to_tell(at) if (report := report_due(manager, at))]
    return len(MonthlyReport.objects.bulk_create(made, ignore_conflicts=True))


def managers_to_tell(at: datetime) -> list[User]:
    """Managers with an e-mail address for whom a month that has ended somewhere is not written down."""
    ended = {month_before(day) for day in (at.date() - ONE_DAY, at.date(), at.date() + ONE_DAY)}
    managers = User.objects.filter(role=User.Role.MANAGER, is_active=True).exclude(email="")
    written = MonthlyReport.objects.filter(user=OuterRef("pk"), month__in=ended).order_by().values("user")
    several = written.annotate(number=Count("pk")).values("number")
    waiting = managers.alias(written=Coalesce(Subquery(several), 0)).filter(written__lt=len(ended))
    return list(waiting.prefetch_related("monthly_reports").order_by("pk"))


def month_before(day: date) -> date:
    """The first day of the month before the one of `day`."""
    return (day.replace(day=1) - ONE_DAY).replace(day=1)


def report_due(manager: User, at: datetime) -> MonthlyReport | None:
    """The report on the month before, once the first open day of a month has begun its mail hours at the manager's
    first site, or its third day where none was open; None before that, where it is written down already, and for who
    has joined since."""
    site = manager.visible_clinics().first()
    if site is None:
        return None
    today = site.day_of(at)
    month = month_before(today)
    told = any(report.month == month for report in manager.monthly_reports.all())
    day = first_open_day(site, today.replace(day=1))
    joined_since = manager.date_joined >= site.start_of(today.replace(day=1))
    if told or joined_since or at < site.moment(day, site.reminders_from):
        return None
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    message_id = f"<{uuid4().hex}@{domain}>"
    return MonthlyReport(user=manager, month=month, not_before=at, created_at=at, message_id=message_id)


def first_open_day(site: Clinic, first: date) -> date:
    """The first open one of the days `first` to the third of its month; the third where none is."""
    days = [first + timedelta(days=number) for number in range(LAST_DAY_TO_WAIT)]
    return next((day for day in days if site.is_open(day)), days[-1])


def due_reports(at: datetime) -> list[int]:
    """Reports (ids) that wait to be sent, and no longer for their next attempt."""
    waiting = MonthlyReport.objects.filter(state=State.PENDING, not_before__lte=at)
    return list(waiting.order_by("not_before", "pk").values_list("pk", flat=True))


def send_due(at: datetime) -> Counter[str]:
    """Send all that is due; returns how many reports ended in which state."""
    return Counter(filter(None, (send_report(report, at) for report in due_reports(at))))


def send_report(report_id: int, at: datetime) -> str | None:
    """Send one report if it is due and nobody else is sending it; returns its state, None when it was left alone."""
    report = claim(report_id, at)
    if report is None:
        return None
    if report.user.role != User.Role.MANAGER or not report.user.is_active or not report.user.email:
        return settle(report, state=State.VOID, why="the manager left, or has no e-mail address any more")
    try:
        mail = write_mail(report, at)
    except Exception as error:  # by its class alone: its words may tell of somebody
        logger.error("report %s could not be written (%s)", report.pk, type(error).__name__)
        return try_again(report, f"it could not be written ({type(error).__name__})", at)
    return after(deliver(mail), report, at)


def claim(report_id: int, at: datetime) -> MonthlyReport | None:
    """Make the report ours for one attempt; None when it is not to be sent now, or somebody else was first."""
    report = MonthlyReport.objects.select_related("user").filter(pk=report_id).first()
    if report is None or report.state != State.PENDING or report.not_before > at:
        return None
    ours = {"state": State.SENDING, "claimed_at": at, "attempts": report.attempts + 1}
    unclaimed = MonthlyReport.objects.filter(pk=report.pk, state=State.PENDING, attempts=report.attempts)
    if not unclaimed.update(**ours):
        return None
    vars(report).update(ours)
    return report


def after(delivery: Delivery, report: MonthlyReport, at: datetime) -> str:
    """Write down what became of the attempt."""
    if delivery.outcome is Outcome.TRY_AGAIN:
        return try_again(report, delivery.why, at)
    if delivery.outcome is Outcome.ACCEPTED:
        return settle(report, state=State.SENT, sent_at=at, why="")
    failed = delivery.outcome is Outcome.REFUSED
    return settle(report, state=State.FAILED if failed else State.UNKNOWN, why=delivery.why)


def try_again(report: MonthlyReport, why: str, at: datetime) -> str:
    """Wait longer after each attempt; after some days of them it has failed, until somebody has it sent again."""
    if report.attempts % ATTEMPTS_A_ROUND == 0:
        return settle(report, state=State.FAILED, why=why)
    return settle(report, state=State.PENDING, not_before=at + back_off(report.attempts), why=why)


def settle(report: MonthlyReport, **changes: Any) -> str:
    """End the claim with `changes`, unless its lease ran out meanwhile; returns the report's state."""
    ours = MonthlyReport.objects.filter(pk=report.pk, state=State.SENDING, attempts=report.attempts)
    if not ours.update(claimed_at=None, **changes):
        return State.UNKNOWN
    if changes["state"] != State.SENT:
        logger.warning("report %s is %s: %s", report.pk, changes["state"], changes["why"])
    return str(changes["state"])


def sweep_reports(at: datetime) -> int:
    """Make reports whose sender is gone `unknown`; returns how many."""
    left = MonthlyReport.objects.filter(state=State.SENDING, claimed_at__lte=at - LEASE)
    return left.update(state=State.UNKNOWN, claimed_at=None, why=LEASE_RAN_OUT)


def reports_seen_by(user: User) -> QuerySet[MonthlyReport]:
    """The user's own, and those of managers who are named for a site that the user sees."""
    theirs = Q(user__in=User.objects.filter(clinics__in=user.visible_clinics()))
    return MonthlyReport.objects.filter(Q(user=user) | theirs).select_related("user")


def send_again(report: MonthlyReport, at: datetime) -> None:
    """Have a report that failed, or may not have arrived, sent once more, under the same Message-ID.

    Raises `wrong_state` for any other.
    """
    stuck = MonthlyReport.objects.filter(pk=report.pk, state__in=(State.FAILED, State.UNKNOWN))
    if not stuck.update(state=State.PENDING, not_before=at, why=""):
        raise Refusal("wrong_state", _("This report was sent, or is on its way; look at the list again."))
