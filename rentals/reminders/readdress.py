"""Telling the right patient: what becomes of a rental's reminders when it was recorded for somebody else (I8)."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from config.models import User
from rentals.models import Message, Reminder, Rental
from rentals.reminders.decide import decide
from rentals.reminders.judge import WHYS_OF_PATIENT


def readdress(rental: Rental, *, at: datetime, actor: User) -> None:
    """Take the rental's reminders out of mails to another patient that have not left, or did not arrive, and judge
    anew those that became void because of that patient; the next planning bundles what is still due for the right one.

    The caller holds the transaction and the rental's lock. What is being sent at this moment is sent.
    """
    carried = Reminder.objects.filter(rental=rental, void=False)
    not_told = Q(state__in=Message.TO_SEND) | Q(state__in=Message.TO_DECIDE, decided_at=None)
    astray = Message.objects.filter(not_told, Exists(carried.filter(message=OuterRef("pk"))))
    # Whoever sends one of them has committed its claim by the time its row is ours; then it is not among these.
    messages = list(astray.exclude(patient=rental.patient).select_for_update(no_key=True))
    carried.filter(message__in=messages).update(message=None)
    Reminder.objects.filter(rental=rental, void=True, why__in=WHYS_OF_PATIENT).update(void=False, why="", message=None)
    for message in messages:
        if message.state in Message.TO_DECIDE and not message.reminders.filter(void=False).exists():
            decide(message, Message.Decision.NOT_NEEDED, at=at, actor=actor)
