"""Writing down what is due to be told, and bundling it into one mail a patient (I8).

Safe to run at any time, twice at once, and after days of downtime: a reminder exists once by its
constraint, and gets its message once under a row lock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, F, Func, OuterRef, Q, TextField, Value
from django.db.models.functions import Concat, TruncDate

from config.models import Clinic
from rentals.models import Message, Reminder, Rental
from rentals.reminders.judge import sort_out
from rentals.reminders.schedule import (
    ALL_SERIES,
    Series,
    Step,
    due_at,
    is_too_late,
    latest_due_day,
    may_send,
    occasion,
    suffix,
)


@dataclass(frozen=True)
class Plan:
    """What one pass has planned: new `messages` (ids), how many reminders they carry, how many became void."""

    messages: list[int]
    reminders: int
    void: int


def plan_reminders(at: datetime) -> Plan:
    """Plan what is due at `at` in every clinic, each in a transaction of its own."""
    clinics = Clinic.objects.prefetch_related("opening_hours", "closures").order_by("pk")
    plans = [plan_clinic(clinic, at) for clinic in clinics]
    return Plan(
        messages=[message for plan in plans for message in plan.messages],
        reminders=sum(plan.reminders for plan in plans),
        void=sum(plan.void for plan in plans),
    )


def plan_clinic(clinic: Clinic, at: datetime) -> Plan:
    """Write the reminders that have fallen due; in the sending hours, judge and bundle those without a message."""
    with transaction.atomic(), connection.cursor() as cursor:
        # The audit trigger's exception block looks through all deferred checks, once a row: with twenty
        # thousand rows over a minute. Checked at each statement's end, there are none to look through.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        write_due_reminders(clinic, at)
        if not may_send(clinic, at):
            return Plan([], 0, 0)
        ready, void = judge_waiting(clinic, at)
        return Plan(bundle(ready, at), len(ready), void)


def write_due_reminders(clinic: Clinic, at: datetime) -> None:
    """One row for each occasion that is due and not yet written, a late one too; in an order that all planners
    share, so that two at once never wait for each other crosswise."""
    rows = [
        Reminder(
            rental_id=rental,
            kind=step.kind,
            occasion=occasion(anchor, step.days),
            due_at=due_at(clinic, anchor, step.days),
        )
        for series in ALL_SERIES
        for step in series.steps
        for rental, anchor in untold(series, step, clinic, at)
    ]
    Reminder.objects.bulk_create(rows, ignore_conflicts=True)


def untold(series: Series, step: Step, clinic: Clinic, at: datetime) -> Iterable[tuple[int, date]]:
    """Rentals (id and anchor day) for which this step is due, still worth telling and not written.

    Not those handed over on its day or later: the desk has just told them when the device is due.
    """
    anchor_day = Func(OuterRef(series.anchor), Value("YYYY-MM-DD"), function="to_char", output_field=TextField())
    key = Concat(anchor_day, Value(suffix(step.days)))
    written = Reminder.objects.filter(rental=OuterRef("pk"), kind=step.kind, occasion=key)
    day = F(series.anchor) + timedelta(days=step.days)
    rentals = (
        Rental.objects.filter(due_to_tell(series, step, clinic, at), ~Exists(written), clinic=clinic)
        .alias(handed_over_on=TruncDate("handed_over_at", tzinfo=clinic.zone))
        .filter(Q(handed_over_at=None) | Q(handed_over_on__lt=day))
    )
    return rentals.order_by("pk").values_list("pk", series.anchor)


def due_to_tell(series: Series, step: Step, clinic: Clinic, at: datetime) -> Q:
    """Rentals of the series for which this step has fallen due and is still worth telling; not while the rental is
    an offer, of which the patient is told otherwise."""
    latest = latest_due_day(clinic, at) - timedelta(days=step.days)
    due = Q(state=series.state, offer_expires_at=None, **{f"{series.anchor}__lte": latest})
    if step.until is None:
        return due
    today = clinic.day_of(at)
    over = is_too_late(step, today, clinic, at)
    return due & Q(**{f"{series.anchor}__gte": today + timedelta(days=over)})


def judge_waiting(clinic: Clinic, at: datetime) -> tuple[list[Reminder], int]:
    """Void what must not be sent; return what may be, and how many became void.

    A reservation whose device was taken away waits: to collect nothing nobody need come.
    """
    waiting = Reminder.objects.to_judge().filter(rental__clinic=clinic, message=None)
    # Rows that another planner holds are in good hands.
    locked = list(waiting.select_for_update(of=("self",), no_key=True, skip_locked=True))
    for reminder in locked:
        reminder.rental.clinic = clinic  # whose hours are known, where each has a clinic of its own to look them up
    return sort_out(locked, at)


def bundle(reminders: list[Reminder], at: datetime) -> list[int]:
    """Give the reminders one message a patient; return the messages' ids."""
    patients = list(dict.fromkeys(reminder.rental.patient_id for reminder in reminders))
    messages = Message.objects.bulk_create(
        Message(patient_id=patient, created_at=at, next_attempt_at=at) for patient in patients
    )
    message_of = {message.patient_id: message.pk for message in messages}
    carried = [(reminder.pk, message_of[reminder.rental.patient_id]) for reminder in reminders]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE rentals_reminder SET message_id = carried.message
            FROM unnest(%s::bigint[], %s::bigint[]) AS carried (reminder, message)
            WHERE rentals_reminder.id = carried.reminder
            """,
            [[reminder for reminder, _ in carried], [message for _, message in carried]],
        )
    return [message.pk for message in messages]
