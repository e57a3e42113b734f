"""Calls that staff have still to make, looked at again: none not needed any more, each that is needed again (I8)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q, Subquery, TextField, Value
from django.db.models.functions import Concat

from config.models import Clinic
from rentals.models import Reminder, Rental, StaffTask
from rentals.models.reminders import ReminderQuerySet
from rentals.models.states import State
from rentals.reminders.by_phone import with_rentals
from rentals.reminders.finding import passed
from rentals.reminders.judge import worth_telling
from rentals.reminders.rules import Kind

Channel, SUPERSEDED = Reminder.Channel, Reminder.Why.SUPERSEDED


def review_calls(clinic: Clinic, at: datetime) -> None:
    """End what staff of `clinic` need not say any more, what has gone out by mail after all, and what nobody will say
    because its task was closed otherwise; the tasks that went with it are closed by nobody. What is so again is to be
    said again. The caller holds the transaction."""
    calls = open_calls(clinic)
    same = Reminder.objects.filter(mailed_too(), pk__in=[call.pk for call in calls])
    mailed = set(same.values_list("pk", flat=True))
    over = {call.pk for call in calls if call.pk in mailed or is_closed(call)}
    judged = [(call, why or (SUPERSEDED if call.pk in over else None)) for call, why in worth_telling(calls, at)]
    give_up([(call, why) for call, why in judged if why], at)
    take_up_again(clinic, at)
    put_right(clinic)
    give_up_chasing(clinic, at)


def mailed_too() -> Exists:
    """Whether a mail carries the same as a call."""
    same = {column: OuterRef(column) for column in ("rental", "kind", "occasion", "recipient")}
    return Exists(Reminder.objects.filter(channel=Channel.EMAIL, void=False, message__isnull=False, **same))


def open_calls(clinic: Clinic) -> list[Reminder]:
    """Calls of `clinic` that nobody has made."""
    return not_made(clinic, Reminder.objects.filter(void=False))


def not_made(clinic: Clinic, reminders: ReminderQuerySet) -> list[Reminder]:
    calls = reminders.filter(rental__clinic=clinic, channel=Channel.PHONE, staff_task__done_by=None)
    found = with_rentals(calls)
    for call in found:
        call.rental.clinic = clinic  # whose hours are known
    return found


def is_closed(call: Reminder) -> bool:
    """Whether the task to make the call was closed, by nobody."""
    task = getattr(call, "staff_task", None)
    return bool(task and task.done_at)


def give_up(calls: Sequence[tuple[Reminder, Reminder.Why]], at: datetime) -> None:
    """Void the calls and close their tasks; one that somebody has made in this moment stays told."""
    by_why = defaultdict(list)
    for call, why in calls:
        by_why[why].append(call.pk)
    StaffTask.objects.filter(reminder__in=[call for call, _ in calls], done_at=None).update(done_at=at)
    # Each task is closed by now, by us or by whoever was first: who made the call stands in it.
    for why, ended in by_why.items():
        Reminder.objects.filter(pk__in=ended, void=False, staff_task__done_by=None).update(void=True, why=why)


def take_up_again(clinic: Clinic, at: datetime) -> None:
    """Have staff make those calls after all that were given up because of how things stood and that stand so again,
    unless a mail has told the same: each task is open again."""
    given_up = Reminder.objects.filter(passed(), ~mailed_too(), due_at__lte=at, rental__ended_at=None)
    judged = worth_telling(not_made(clinic, given_up.filter(staff_task__isnull=False)), at)
    again = [call.pk for call, why in judged if not why]
    if again:
        Reminder.objects.filter(pk__in=again).update(void=False, why="")
        made_anew = {"done_at": None, "note": "", "opened_at": at, "due_at": at}
        StaffTask.objects.filter(reminder__in=again, done_by=None).update(**made_anew)


def put_right(clinic: Clinic) -> None:
    """Let staff call the right patient where the rental was recorded for somebody else."""
    calls = StaffTask.objects.filter(clinic=clinic, done_at=None, reminder__isnull=False)
    theirs = Rental.objects.filter(pk=OuterRef("rental")).values("patient")
    calls.exclude(patient=F("rental__patient")).update(patient=Subquery(theirs))


def give_up_chasing(clinic: Clinic, at: datetime) -> None:
    """Close what was asked about devices that are back, or that have been given more time; and what staff say by phone
    by now, for the mail came back."""
    over = ~Q(rental__state=State.ACTIVE) | Q(rental__due_on__gte=clinic.day_of(at)) | Q(said_in_a_call())
    StaffTask.objects.filter(over, clinic=clinic, kind=StaffTask.Kind.CHASE, done_at=None).update(done_at=at)


def said_in_a_call() -> Exists:
    """Whether staff have still to say by phone what they were asked to chase."""
    subject = Concat("rental__reference", Value(" "), "occasion", output_field=TextField())
    calls = Reminder.objects.filter(channel=Channel.PHONE, kind=Kind.OVERDUE, void=False, rental=OuterRef("rental"))
    return Exists(calls.annotate(subject=subject).filter(subject=OuterRef("subject"), staff_task__done_at=None))
