"""What staff say by phone: where no mail can tell it, once; and what they chase (I8).

The words to say name days, so they are made when a call is shown (`say_today`), and kept once it is made.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from config.models import Clinic
from rentals.models import Reminder, Rental, StaffTask
from rentals.models.reminders import ReminderQuerySet
from rentals.reminders.rules import PHONED_KINDS, PHONED_THOUGH_OPTED_OUT, Kind, rules_of
from rentals.reminders.schedule import steps_of
from rentals.reminders.texts import words_of

Why = Reminder.Why
NO_MAIL_CAN = frozenset({Why.NO_EMAIL, Why.BOUNCED, Why.COMPLAINED})
CHASED = 2  # of the reminders of a device that is overdue, the last so many are for staff too


def phone_instead(reminders: Sequence[Reminder], why: Reminder.Why, at: datetime) -> None:
    """Ask staff to tell by phone what became void because no mail can, once an occasion and recipient.

    The caller holds the transaction.
    """
    phoned = PHONED_KINDS if why in NO_MAIL_CAN else PHONED_THOUGH_OPTED_OUT if why == Why.OPTED_OUT else ()
    calls = [call_for(reminder) for reminder in reminders if reminder.kind in phoned]
    if calls:
        Reminder.objects.bulk_create(calls, ignore_conflicts=True)
        ask_to_phone({call.rental_id for call in calls}, at)


def call_for(reminder: Reminder) -> Reminder:
    return Reminder(
        rental_id=reminder.rental_id,
        kind=reminder.kind,
        occasion=reminder.occasion,
        recipient=reminder.recipient,
        channel=Reminder.Channel.PHONE,
        due_at=reminder.due_at,
    )


def ask_to_phone(rentals: Iterable[int], at: datetime) -> None:
    """Give each call about the rentals (ids) that no task was made for its task."""
    untold = Reminder.objects.filter(rental__in=rentals, channel=Reminder.Channel.PHONE, void=False, staff_task=None)
    StaffTask.objects.bulk_create(
        (
            StaffTask(
                clinic_id=call.rental.clinic_id,
                patient_id=call.rental.patient_id,
                rental=call.rental,
                reminder=call,
                kind=StaffTask.Kind.PHONE,
                subject=f"reminder-{call.pk}",
                opened_at=at,
                due_at=max(call.due_at, at),
            )
            for call in untold.select_related("rental").order_by("pk")
        ),
        ignore_conflicts=True,
    )


def say_today(tasks: Iterable[StaffTask], at: datetime) -> None:
    """Give those of `tasks` that are calls to be made the words to say at the moment `at`; in a constant number of
    queries. The database keeps none of them."""
    to_make = {task.reminder_id: task for task in tasks if task.reminder_id and not task.done_at}
    calls = with_rentals(Reminder.objects.filter(pk__in=to_make)) if to_make else []
    for call, words in zip(calls, words_of(calls, at), strict=True):
        to_make[call.pk].words = words


def with_rentals(calls: ReminderQuerySet) -> list[Reminder]:
    """The calls, in order, with their rentals, those whom they are about, and their tasks."""
    people = ("rental__patient__contact", "rental__payer")
    return list(calls.select_related("rental__clinic", "rental__terms", *people, "staff_task").order_by("pk"))


def chase(reminders: Iterable[Reminder], clinic: Clinic, at: datetime) -> None:
    """Ask staff to get in touch about devices that have been overdue for long: beside the last reminders of the series.

    Nobody is asked twice for the same occasion, nor to get in touch beside telling it by phone. The caller holds the
    transaction.
    """
    last = steps_of((Kind.OVERDUE,), rules_of(clinic))[-CHASED:]
    long_overdue = [
        reminder
        for reminder in reminders
        if reminder.kind == Kind.OVERDUE
        and any(reminder.occasion == step.occasion(reminder.rental.due_on.isoformat()) for step in last)
    ]
    called = told_by_phone({reminder.rental_id for reminder in long_overdue}) if long_overdue else ()
    StaffTask.objects.bulk_create(
        (
            StaffTask(
                clinic=clinic,
                patient_id=reminder.rental.patient_id,
                rental=reminder.rental,
                kind=StaffTask.Kind.CHASE,
                subject=f"{reminder.rental.reference} {reminder.occasion}",
                words=words_to_chase(reminder.rental),
                opened_at=at,
                due_at=at,
            )
            for reminder in long_overdue
            if (reminder.rental_id, reminder.occasion) not in called
        ),
        ignore_conflicts=True,
    )


def told_by_phone(rentals: Iterable[int]) -> set[tuple[int, str]]:
    """Of which occasions staff say by phone that the device is overdue, by rental (ids)."""
    calls = Reminder.objects.filter(rental__in=rentals, channel=Reminder.Channel.PHONE, kind=Kind.OVERDUE, void=False)
    return set(calls.values_list("rental", "occasion"))


def words_to_chase(rental: Rental) -> str:
    """In English, for they are kept."""
    return (
        f"Rental {rental.reference} was due back on {rental.due_on:%A %-d %B %Y}, and reminders have not brought the "
        "device back. Get in touch with the patient, agree on a day for the return, and write down what was said."
    )
