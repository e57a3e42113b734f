"""Sending a message once more because a person says so (I8): the only way in which one is ever sent again."""

from datetime import datetime

from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal
from config.words import in_sentence
from patients.access import record_access
from patients.models import Access
from rentals.deciding import deciding
from rentals.models import Message, Reminder
from rentals.reminders.judge import WHYS_OF_PATIENT, why_not

State = Message.State

POSSIBLE = (State.SENT, *Message.TO_DECIDE)


def resend(message: Message, *, at: datetime, actor: User) -> Message:
    """Queue the message's reminders in a new message, under the same Message-ID; return it.

    Once a message; what it tells is judged again, now and when it leaves. A change of the patient's record (I10).
    Raises `wrong_state` for one that is on its way or was void, `already_decided` for one that somebody has dealt
    with, `nothing_to_tell` when all its reasons have passed.
    """
    with deciding():
        message = Message.objects.select_for_update(no_key=True).get(pk=message.pk)
        refuse_what_is_done(message)
        refuse_what_has_passed(message, at)
        again = Message.objects.create(
            patient_id=message.patient_id,
            recipient=message.recipient,
            channel=message.channel,
            created_at=at,
            next_attempt_at=at,
            resend_of=message,
        )
        Reminder.objects.filter(message=message, void=False).update(message=again)
        Message.objects.filter(pk=message.pk, state__in=Message.TO_DECIDE).update(
            decision=Message.Decision.RESENT, decided_at=at, decided_by=actor
        )
        record_access(actor, [message.patient_id], Access.Action.CHANGED, at)
    return again


def refuse_what_is_done(message: Message) -> None:
    if message.state not in POSSIBLE:
        label = in_sentence(message.get_state_display())
        raise Refusal(
            "wrong_state",
            _("This message cannot be sent again (it is: %(label)s); look at it again.") % {"label": label},
        )
    if message.decided_at or Message.objects.filter(resend_of=message).exists():
        raise Refusal("already_decided", _("Somebody has dealt with this message already; look at it again."))


def refuse_what_has_passed(message: Message, at: datetime) -> None:
    """Raise `nothing_to_tell` when not one of the message's reminders may be sent any more."""
    reasons = reasons_against(message, at)
    if all(reasons):
        words = "; ".join(dict.fromkeys(in_sentence(why.label) for why in reasons if why)) or _("its reason has passed")
        raise Refusal("nothing_to_tell", _("There is nothing left to send: %(why)s.") % {"why": words})


def reasons_against(message: Message, at: datetime) -> list[Reminder.Why | None]:
    """Why each reminder of the message must not be sent now; None for one that may."""
    return [why_not(reminder, at) for reminder in Reminder.objects.to_judge().filter(message=message)]


def why_passed(message: Message, at: datetime) -> list[Reminder.Why]:
    """Why there is nothing left to tell of the message, by mail or by phone; empty while there is something."""
    reasons = reasons_against(message, at)
    passed = [why for why in reasons if why and why not in WHYS_OF_PATIENT]
    return passed if len(passed) == len(reasons) else []
