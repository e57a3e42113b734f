"""What a person decides about a message that could not be sent, or may not have arrived (I8)."""

from datetime import datetime

from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal
from config.words import in_sentence
from patients.access import record_access
from patients.models import Access
from rentals.deciding import deciding
from rentals.models import Message


def decide(message: Message, decision: Message.Decision, *, at: datetime, actor: User) -> Message:
    """Write down that staff phoned the patient instead, or that there is nothing left to tell.

    The message waits for nobody any more; its state stays what became of the mail. A change of the patient's
    record (I10). Raises `already_decided` the second time, `wrong_state` for a message that waits for no decision.
    """
    with deciding():
        waiting = Message.objects.to_decide().filter(pk=message.pk)
        decided = waiting.update(decision=decision, decided_at=at, decided_by=actor)
        message = Message.objects.select_related("decided_by").get(pk=message.pk)
        if not decided and message.decided_by:
            raise Refusal(
                "already_decided",
                _("%(decided_by)s has decided already: %(decision)s. Nothing is left to do.")
                % {"decided_by": message.decided_by, "decision": in_sentence(message.get_decision_display())},
            )
        if not decided:
            label = in_sentence(message.get_state_display())
            raise Refusal(
                "wrong_state",
                _("This message waits for no decision (it is: %(label)s); look at it again.") % {"label": label},
            )
        record_access(actor, [message.patient_id], Access.Action.CHANGED, at)
    return message
