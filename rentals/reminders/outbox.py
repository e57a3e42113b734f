"""Sending messages: claimed once, judged again, handed to the mail server, settled (I8).

Exactly once does not exist in e-mail. Before the mail server is asked, the claim is committed; a
message whose sender dies after that, or whose answer is lost, becomes `unknown` for a person to see
and is never sent again by itself. No row stays locked while the mail server is spoken to.
"""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing, nullcontext
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import Q

from config.mail import Delivery, Outcome, Way, deliver
from config.models import Clinic
from config.refusals import Refusal
from patients.models import SuppressedAddress
from rentals.models import Message, Reminder
from rentals.reminders.addressees import address
from rentals.reminders.judge import sort_out
from rentals.reminders.rate import take_place
from rentals.reminders.recipients import mail_address
from rentals.reminders.reports import stop_mail
from rentals.reminders.return_path import mark
from rentals.reminders.schedule import may_send
from rentals.reminders.sites import site
from rentals.reminders.texts import add_keys, attach_papers, write_mail

logger = logging.getLogger(__name__)

# Longer than a worker's task may last (CELERY_TASK_TIME_LIMIT) and than all waiting for the mail server
# (EMAIL_TIMEOUT a step, about twelve steps): whoever holds a claim past its lease is dead.
LEASE = timedelta(minutes=5)
BACK_OFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
LEASE_RAN_OUT = "the sender stopped before the answer came; it may have been sent"
NO_PAPERS = "its papers could not be made"
MOST_TRIES_OF_PAPERS = 5
NOTHING_LEFT = "nothing was left to tell when it was about to be sent"

# Refusals of a paper that pass: rows locked or changed, and a payment taken back, which nobody is told of next time.
PASSING = frozenset({"busy", "changed_meanwhile", "no_payment"})

State = Message.State
Claimed = tuple[Message, EmailMultiAlternatives | None, list[Reminder]]


def due_messages(at: datetime) -> list[int]:
    """Messages (ids) that wait to be sent and may leave now, by their clinics' sending hours; oldest first."""
    days = Clinic.objects.prefetch_related("opening_hours", "closures")
    clinics = [clinic.pk for clinic in days if may_leave(clinic, at)]
    waiting = Message.objects.filter(to_send(at), patient__clinic__in=clinics)
    return list(waiting.order_by("next_attempt_at", "pk").values_list("pk", flat=True))


def may_leave(clinic: Clinic, at: datetime) -> bool:
    """Whether mail of `clinic` may leave now; none of one whose hours cannot be told, which holds no other up."""
    try:
        return may_send(clinic, at)
    except Exception as error:
        complain("the sending hours of clinic %s cannot be told (%s)", clinic.pk, error)
        return False


def to_send(at: datetime) -> Q:
    """Messages that wait to be sent, and no longer for their next attempt."""
    return Q(state__in=Message.TO_SEND, next_attempt_at__lte=at)


def send_due(at: datetime) -> Counter[str]:
    """Send all that is due; returns how many messages ended in which state."""
    return send_each(due_messages(at), at)


def send_each(messages: Iterable[int], at: datetime, *, seconds: float = math.inf) -> Counter[str]:
    """Send `messages` (ids) one after the other, over one way to the mail server; returns how many ended in which
    state. After so many `seconds` no further one is begun.

    The moment moves on with the time the sending takes, so that the leases of late ones hold.
    """
    counts: Counter[str] = Counter()
    started = time.monotonic()
    with closing(Way()) as way:
        for message_id in messages:
            passed = time.monotonic() - started
            if passed > seconds:
                break
            try:
                state = send(message_id, at + timedelta(seconds=passed), way.deliver)
            except Exception as error:  # whatever is wrong with one, the others leave
                complain("message %s could not be sent (%s)", message_id, error)
                continue
            counts.update([state] if state else [])
    return counts


def send(message_id: int, at: datetime, by: Callable[[EmailMultiAlternatives], Delivery] = deliver) -> str | None:
    """Send one message if it waits to be sent and may leave now, handing its mail over `by` a way to the mail server;
    returns its state, None when it was left alone."""
    claimed = claim(message_id, at)
    if claimed is None:
        return None
    message, mail, reminders = claimed
    return settle(message, hand_over(message, mail, reminders, by), at, to=mail.to[0]) if mail else message.state


def hand_over(
    message: Message,
    mail: EmailMultiAlternatives,
    reminders: list[Reminder],
    by: Callable[[EmailMultiAlternatives], Delivery],
) -> Delivery:
    """Give the mail, with its papers, to the mail server. A paper that cannot be made holds the mail back, not up."""
    try:
        attach_papers(mail, reminders)
    except Exception as error:
        complain("the papers of message %s could not be made (%s)", message.pk, error)
        return without_papers(message, error)
    return by(mail)


def without_papers(message: Message, error: Exception) -> Delivery:
    """What becomes of a mail whose papers could not be made: it is tried again; where that can help nobody, or has not
    helped so often, it fails, for staff to see."""
    if isinstance(error, Refusal):
        is_over, name = error.code not in PASSING, error.code
    else:
        tried_before = message.why.startswith(NO_PAPERS) and message.attempts >= MOST_TRIES_OF_PAPERS
        is_over, name = tried_before, type(error).__name__
    return Delivery(Outcome.REFUSED if is_over else Outcome.TRY_AGAIN, f"{NO_PAPERS} ({name})")


def claim(message_id: int, at: datetime) -> Claimed | None:
    """Make the message ours for one attempt and write its mail; None when it is not to be sent now.

    Its reminders are judged again; with none left the message becomes void and has no mail. One whose mail cannot be
    written has none either and is tried again later. A message that finds the minute full stays as it is.
    """
    message = waiting(message_id, at)
    if message is None or not may_send(message.patient.clinic, at) or not take_place(at):
        return None
    try:
        return take_and_write(message, at)
    except Exception as error:
        complain("message %s could not be written (%s)", message_id, error)
        return put_off(message_id, at, f"it could not be written ({type(error).__name__})")


def waiting(message_id: int, at: datetime) -> Message | None:
    """The message if it waits to be sent, its site known; None for any other."""
    # Asked for by its id alone: with `to_send` PostgreSQL takes the index of all that wait, and looks through it, as
    # long as it has not counted how many were planned a moment ago.
    message = Message.objects.select_related("patient").filter(pk=message_id).first()
    if message is None or message.state not in Message.TO_SEND or message.next_attempt_at > at:
        return None
    message.patient.clinic = site(message.patient.clinic_id)
    return message


def take_and_write(message: Message, at: datetime) -> Claimed | None:
    """Take the message and write its mail, in one transaction: where it cannot be written it was never taken."""
    with transaction.atomic():
        if not take(message, at):
            return None
        reminders = judge_again(message, at)
        mail = write(message, reminders, at) if reminders else None
        if mail is None:
            release(message, state=State.VOID, why=NOTHING_LEFT)
    return message, mail, reminders


def put_off(message_id: int, at: datetime, why: str) -> Claimed | None:
    """Count an attempt that came to nothing, for the reason `why`; None where somebody else has the message by now."""
    message = waiting(message_id, at)
    with transaction.atomic():
        if message is None or not take(message, at):
            return None
        release(message, state=State.RETRY, next_attempt_at=at + back_off(message.attempts), why=why)
    return message, None, []


def write(message: Message, reminders: list[Reminder], at: datetime) -> EmailMultiAlternatives:
    """The mail as it leaves; what it says is kept, without the keys in it."""
    mail = write_mail(message, reminders, at)
    keep(message, mail)
    mark(mail, message)
    add_keys(mail, reminders, at)
    return mail


def complain(words: str, pk: int, error: Exception) -> None:
    """Log what went wrong by its class alone: an error's words and trace may tell of a patient."""
    logger.error(words, pk, type(error).__name__)


def take(message: Message, at: datetime) -> bool:
    """Move the message, seen waiting, to `sending` under a claim of its own; False when somebody else was first."""
    # Each claim counts an attempt, so one with as many as were seen was not claimed since. The conditions stay on
    # columns of this one table: with a join they would move into a subquery, which PostgreSQL does not ask again
    # after waiting for another sender.
    unclaimed = Message.objects.filter(pk=message.pk, attempts=message.attempts, claim=None)
    ours = {"state": State.SENDING, "claim": uuid4(), "lease_until": at + LEASE, "attempts": message.attempts + 1}
    taken = unclaimed.update(**ours)
    vars(message).update(ours if taken else {})
    return bool(taken)


def judge_again(message: Message, at: datetime) -> list[Reminder]:
    """Void what must not be sent any more and return what may be; what has to wait leaves the message, and so does
    what is for another reader since it was bundled: of a rental recorded wrongly, or with another payer by now."""
    carried = list(Reminder.objects.to_judge().filter(message=message))
    theirs = [reminder for reminder in carried if reminder.rental.patient_id == message.patient_id]
    share_what_is_known(message, theirs)
    ready, _ = sort_out(theirs, at)
    reader = mail_address(message).lower()
    kept = [reminder for reminder in ready if address(reminder) == reader]
    left = [reminder.pk for reminder in carried if not reminder.void and reminder not in kept]
    if left:
        Reminder.objects.filter(pk__in=left, void=False).update(message=None)
    return kept


def share_what_is_known(message: Message, reminders: list[Reminder]) -> None:
    """Have message and reminders speak of the same patient, as it is now, and of sites whose hours and words are
    known, where each would look them up for itself."""
    sites = {message.patient.clinic_id: message.patient.clinic}
    for reminder in reminders:
        reminder.message, rental = message, reminder.rental
        rental.clinic = sites.get(rental.clinic_id) or sites.setdefault(rental.clinic_id, site(rental.clinic_id))
    if reminders:
        message.patient = reminders[0].rental.patient
        message.patient.clinic = sites.get(message.patient.clinic_id) or site(message.patient.clinic_id)


def keep(message: Message, mail: EmailMultiAlternatives) -> None:
    """Keep what the mail says with the message, in place of what an earlier attempt said; no key stands in it yet."""
    [(html, _)] = mail.alternatives
    Message.objects.filter(pk=message.pk).update(subject=mail.subject, text=mail.body, html=html)


def settle(message: Message, delivery: Delivery, at: datetime, *, to: str = "") -> str:
    """Write down what became of the attempt that holds the claim; returns the message's state.

    An address that the mail server says does not exist gets no more mail.
    """
    possible: dict[Outcome, dict[str, Any]] = {
        Outcome.ACCEPTED: {"state": State.SENT, "sent_at": at, "provider_id": delivery.provider_id},
        Outcome.TRY_AGAIN: {"state": State.RETRY, "next_attempt_at": at + back_off(message.attempts)},
        Outcome.REFUSED: {"state": State.FAILED},
        Outcome.IN_DOUBT: {"state": State.UNKNOWN},
    }
    changes = possible[delivery.outcome]
    with transaction.atomic() if delivery.no_such_address else nullcontext():
        ours = release(message, why=delivery.why, **changes)
        if ours and delivery.no_such_address:
            stop_mail(message, to, SuppressedAddress.Why.BOUNCED, at)
    if not ours:
        logger.warning("message %s was %s only after its lease", message.pk, delivery.outcome.value)
        return State.UNKNOWN
    if delivery.outcome is not Outcome.ACCEPTED:
        logger.warning("message %s is %s: %s", message.pk, changes["state"], delivery.why)
    return str(changes["state"])


def release(message: Message, **changes: Any) -> bool:
    """End the claim with `changes`; False when the lease ran out and the sweep ended it before."""
    ours = Message.objects.filter(pk=message.pk, claim=message.claim)
    message.state = changes["state"]
    return bool(ours.update(claim=None, lease_until=None, **changes))


def back_off(attempts: int) -> timedelta:
    """How long to wait after so many attempts; without end, for reminders become void by themselves."""
    return BACK_OFF[min(attempts, len(BACK_OFF)) - 1]


def sweep(at: datetime) -> int:
    """Make messages whose sender is gone `unknown`; returns how many."""
    left = Message.objects.filter(state=State.SENDING, lease_until__lte=at)
    unknown = left.update(state=State.UNKNOWN, claim=None, lease_until=None, why=LEASE_RAN_OUT)
    if unknown:
        became, whose = ("messages", "their senders") if unknown > 1 else ("message", "its sender")
        logger.warning("%s %s became unknown: %s stopped", unknown, became, whose)
    return unknown
