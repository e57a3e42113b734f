"""What patients were told last of a rental, by mail or by phone, for whoever is about to phone them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, F, Q, When
from django.db.models.functions import Greatest

from rentals.models import Message, Reminder, Rental


@dataclass(frozen=True)
class LastTold:
    """What it was about, in words, and when it was told, UTC."""

    words: str
    at: datetime


def last_told(rentals: Iterable[Rental]) -> dict[int, LastTold]:
    """For each of `rentals` (by id) of which anything was told, what was told last; in one query."""
    by_mail = Case(When(message__state=Message.State.SENT, then=F("message__sent_at")))
    by_decision = Case(When(message__decision=Message.Decision.TOLD, then=F("message__decided_at")))
    told = Reminder.objects.filter(Q(void=False) | Q(why=Reminder.Why.TASK_DONE), rental__in=list(rentals))
    told = told.annotate(told_at=Greatest(by_mail, by_decision, "staff_task__done_at")).exclude(told_at=None)
    latest = told.order_by("rental_id", "-told_at", "-pk").distinct("rental_id")
    return {one.rental_id: LastTold(one.get_kind_display(), one.told_at) for one in latest}
