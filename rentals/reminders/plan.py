"""Writing down what is due to be told, and bundling it into one mail a patient and recipient (I8).

Safe to run at any time, twice at once, and after days of downtime: a reminder exists once by its
constraint, and gets its message once under a row lock.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from config.models import Clinic
from rentals.models import Message, MessageReport, Reminder
from rentals.models.reminders import ReminderQuerySet
from rentals.reconciliation.sql import execute
from rentals.reminders.addressees import address, addressees_of, send_to_whom_it_concerns
from rentals.reminders.by_phone import chase, phone_instead
from rentals.reminders.calls import review_calls
from rentals.reminders.finding import set_back, untold
from rentals.reminders.judge import make_void, sort_out, worth_telling
from rentals.reminders.known import known_of
from rentals.reminders.schedule import DAY, may_send

logger = logging.getLogger(__name__)

Recipient = Message.Recipient
Reader = tuple[int, str, int | None]
BOUNCES_COUNT = timedelta(days=14)  # for which staff phone after a mail that came back


@dataclass(frozen=True)
class Plan:
    """What one pass has planned: new `messages` (ids), how many reminders they carry, how many became void."""

    messages: list[int]
    reminders: int
    void: int


def plan_reminders(at: datetime) -> Plan:
    """Plan what is due at `at` in every clinic, each in a transaction of its own: where one fails, the others go on."""
    clinics = Clinic.objects.prefetch_related("opening_hours", "closures", "reminder_rules").order_by("pk")
    plans = [planned for clinic in clinics if (planned := plan_or_complain(clinic, at))]
    return Plan(
        messages=[message for plan in plans for message in plan.messages],
        reminders=sum(plan.reminders for plan in plans),
        void=sum(plan.void for plan in plans),
    )


def plan_or_complain(clinic: Clinic, at: datetime) -> Plan | None:
    try:
        return plan_clinic(clinic, at)
    except Exception as error:
        # Neither its words nor its trace: they may tell of a patient.
        logger.error("the reminders of clinic %s could not be planned (%s)", clinic.pk, type(error).__name__)
        return None


def plan_clinic(clinic: Clinic, at: datetime) -> Plan:
    """Write the reminders that have fallen due; in the sending hours, judge and bundle those without a message, and
    ask staff to phone what no mail can tell."""
    with transaction.atomic(), connection.cursor() as cursor:
        # The audit trigger's exception block looks through all deferred checks, once a row: with twenty
        # thousand rows over a minute. Checked at each statement's end, there are none to look through.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        write_due_reminders(clinic, at)
        planned = judge_and_bundle(clinic, at) if may_send(clinic, at) else Plan([], 0, 0)
        review_calls(clinic, at)
        return planned


def judge_and_bundle(clinic: Clinic, at: datetime) -> Plan:
    bounced = phone_after_bounces(clinic, at)
    ready, void = judge_waiting(clinic, at)
    return Plan(bundle(ready, at) if ready else [], len(ready), bounced + void)


def write_due_reminders(clinic: Clinic, at: datetime) -> None:
    """One row for each occasion and recipient that is due and not yet written, or that became void and is so again."""
    found = untold(clinic, at)
    set_back(found)
    Reminder.objects.bulk_create(found, ignore_conflicts=True)


def phone_after_bounces(clinic: Clinic, at: datetime) -> int:
    """Void what went to an address that takes no mail, as was heard at once or later, and have staff phone where it is
    still worth telling; returns how many. What failed otherwise may be sent again, which is for staff to say."""
    returned = MessageReport.objects.filter(message=OuterRef("message"), permanent=True)
    undecided = Q(message__state=Message.State.FAILED, message__decided_at=None)
    lately = Reminder.objects.to_judge().filter(rental__clinic=clinic, message__created_at__gt=at - BOUNCES_COUNT)
    failed = locked(lately.filter(undecided | Exists(returned)), clinic)
    suppressed = known_of(failed, at).suppressed
    bounced = [one for one in failed if not is_failed(one) or address(one) in suppressed]
    still = [reminder for reminder, why in worth_telling(bounced, at) if not why]
    make_void(bounced, Reminder.Why.BOUNCED)
    phone_instead(still, Reminder.Why.BOUNCED, at)
    return len(bounced)


def is_failed(reminder: Reminder) -> bool:
    return reminder.message is not None and reminder.message.state == Message.State.FAILED


def judge_waiting(clinic: Clinic, at: datetime) -> tuple[list[Reminder], int]:
    """Void what must not be sent; return what may be, and how many became void. What is of a later day, by a clock
    that was set back, is let alone: what it tells of is not so yet.

    A reservation whose device was taken away waits: to collect nothing nobody need come.
    """
    to_mail = Reminder.objects.to_judge().filter(channel=Reminder.Channel.EMAIL, message=None)
    tomorrow = clinic.start_of(clinic.day_of(at) + DAY)
    waiting = locked(to_mail.filter(rental__clinic=clinic, due_at__lt=tomorrow), clinic)
    if astray := [reminder for reminder in waiting if reminder.recipient not in addressees_of(reminder)]:
        send_to_whom_it_concerns(astray)
    ready, void = sort_out([reminder for reminder in waiting if not reminder.void], at)
    chase([reminder for reminder in waiting if not reminder.void], clinic, at)
    return of_today(ready, at), void


def locked(reminders: ReminderQuerySet, clinic: Clinic) -> list[Reminder]:
    """The reminders under a lock of their rows, but for those that another planner holds: they are in good hands."""
    rows = list(reminders.select_for_update(of=("self",), no_key=True, skip_locked=True))
    for reminder in rows:
        reminder.rental.clinic = clinic  # whose hours are known, where each has a clinic of its own to look them up
    return rows


def of_today(ready: Sequence[Reminder], at: datetime) -> list[Reminder]:
    """Those that are due; and what is due for the same reader later today, so that all of a day is one message."""
    told_now = {reader(reminder) for reminder in ready if reminder.due_at <= at}
    return [reminder for reminder in ready if reader(reminder) in told_now]


def reader(reminder: Reminder) -> Reader:
    """Whose message it goes into: of one patient, recipient and, where a payer is told, payer."""
    payer = reminder.rental.payer_id if reminder.recipient == Recipient.PAYER else None
    return reminder.rental.patient_id, reminder.recipient, payer


def bundle(reminders: Sequence[Reminder], at: datetime) -> list[int]:
    """Give the reminders one message a reader, one that still waits where there is one; return the messages' ids."""
    readers = list(dict.fromkeys(reader(reminder) for reminder in reminders))
    message_of = waiting_messages(readers)
    new = [one for one in readers if one not in message_of]
    made = Message.objects.bulk_create(
        Message(patient_id=patient, recipient=recipient, created_at=at, next_attempt_at=at)
        for patient, recipient, _ in new
    )
    message_of |= {one: message.pk for one, message in zip(new, made, strict=True)}
    carry([(reminder.pk, message_of[reader(reminder)]) for reminder in reminders])
    return [message_of[one] for one in readers]


def waiting_messages(readers: Sequence[Reader]) -> dict[Reader, int]:
    """The messages (ids) that have not been tried yet, by reader, under a lock of their rows: who claims one waits,
    and then sees all that it carries. One to a payer is not known by whose it is; its reader gets another."""
    patients = {patient for patient, *_ in readers}
    queued = Message.objects.filter(state=Message.State.QUEUED, patient__in=patients, resend_of=None)
    rows = queued.exclude(recipient=Recipient.PAYER).select_for_update(no_key=True, skip_locked=True, of=("self",))
    return {(patient, recipient, None): pk for pk, patient, recipient in rows.values_list("pk", "patient", "recipient")}


def carry(carried: Sequence[tuple[int, int]]) -> None:
    """Write down which message (id) carries which reminder (id)."""
    execute(
        """
        UPDATE rentals_reminder SET message_id = carried.message
        FROM unnest(%s::bigint[], %s::bigint[]) AS carried (reminder, message)
        WHERE rentals_reminder.id = carried.reminder
        """,
        [[reminder for reminder, _ in carried], [message for _, message in carried]],
    )
