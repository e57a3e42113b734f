"""What staff are asked to do, and that it was done."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal
from config.words import in_sentence
from patients.access import record_access
from patients.models import Access, Patient
from rentals.deciding import deciding
from rentals.models import Reminder, Rental, StaffTask
from rentals.reminders.by_phone import say_today


def ask_staff(
    kind: StaffTask.Kind,
    subject: str,
    *,
    rental: Rental,
    words: str,
    at: datetime,
    due_at: datetime | None = None,
    for_role: StaffTask.For = StaffTask.For.RECEPTION,
    asked: dict[str, Any] | None = None,
    reminder: Reminder | None = None,
) -> StaffTask:
    """Ask staff of the rental's clinic for one thing; the same `subject` of a kind is asked for once, done or not.

    `words` say what to do, or are what the patient wrote; `asked` holds what the patient asked for as values.
    Due at once when `due_at` is not given. The caller holds the transaction.
    """
    task, _ = StaffTask.objects.get_or_create(
        kind=kind,
        subject=subject,
        defaults={
            "clinic": rental.clinic,
            "patient": rental.patient,
            "rental": rental,
            "reminder": reminder,
            "words": words,
            "opened_at": at,
            "due_at": due_at or at,
            "for_role": for_role,
            "asked": asked or {},
        },
    )
    return task


# Of no use to anybody once the hire is over; a problem and a wrong address are looked into all the same.
OF_THE_HIRE = frozenset(StaffTask.Kind) - {StaffTask.Kind.PROBLEM, StaffTask.Kind.ADDRESS}


def settle_tasks(rental: Rental, kinds: Iterable[StaffTask.Kind], why: str, at: datetime) -> None:
    """Close the rental's open tasks of these kinds: what they ask for has come about, or is not wanted any more.

    Nobody did them, so they name nobody; `why` is kept as their note. The caller holds the transaction.
    """
    StaffTask.objects.filter(rental=rental, kind__in=list(kinds), done_at=None).update(done_at=at, note=why)


# What the device that is out gives cause for, whoever has it.
OF_THE_DEVICE = frozenset({StaffTask.Kind.CHASE, StaffTask.Kind.DEEMED_KEPT, StaffTask.Kind.GEL})


def hand_tasks_over(rental: Rental, wrong: Patient, at: datetime) -> None:
    """Of the rental's open tasks about `wrong`, who is not its patient any more, let those that the device gives cause
    for be about its patient, and close what `wrong` asked for or was to be told.

    Calls that a reminder became are put right with the reminder. The caller holds the transaction.
    """
    astray = StaffTask.objects.filter(rental=rental, patient=wrong, reminder=None, done_at=None)
    astray.filter(kind__in=OF_THE_DEVICE).update(patient=rental.patient)
    why = "The rental was recorded for the wrong patient."
    astray.filter(kind__in=OF_THE_HIRE).update(done_at=at, note=why)


# Whom a task is for, and who may do it for them: clinicians what reception does, a manager everything.
For, Role = StaffTask.For, User.Role
WHO_MAY = {
    For.RECEPTION: {Role.RECEPTION, Role.CLINICIAN, Role.MANAGER},
    For.CLINICIAN: {Role.CLINICIAN, Role.MANAGER},
    For.MANAGER: {Role.MANAGER},
}


def may_do(task: StaffTask, user: User) -> bool:
    """Whether `user` may say that the task is done."""
    return user.role in WHO_MAY[For(task.for_role)]


def do_task(task: StaffTask, *, note: str, at: datetime, actor: User) -> StaffTask:
    """Write down that a task is done, by whom and with what result; of a call, what was to be said then. A change of
    the patient's record (I10).

    Raises `not_yours` (403) for who may not, `already_done` the second time.
    """
    if not may_do(task, actor):
        whose = in_sentence(For(task.for_role).label)
        raise Refusal(
            "not_yours",
            _("This is for a %(whose)s to decide; tell them what you know of it.") % {"whose": whose},
            status=403,
        )
    with deciding():
        say_today([task], at)
        done = StaffTask.objects.filter(pk=task.pk, done_at=None)
        mine = done.update(done_at=at, done_by=actor, note=note.strip(), words=task.words)
        task = StaffTask.objects.select_related("done_by").get(pk=task.pk)
        if not mine:
            who = str(task.done_by) if task.done_by else _("Callus, for it was not needed any more")
            raise Refusal("already_done", _("This was done already by %(who)s; nothing is left to do.") % {"who": who})
        record_access(actor, [task.patient_id], Access.Action.CHANGED, at)
    return task
