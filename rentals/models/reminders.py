"""Reminders and the messages that carry them (I8).

A reminder belongs to an occasion, not to a night; a message is one mail with claim, state and
Message-ID of its own. Rows are the truth, a task is only a poke.
"""

from datetime import datetime
from email.utils import parseaddr
from typing import Self
from uuid import uuid4

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q

from config.models import User
from patients.models import Patient
from rentals.models.holdings import Holding
from rentals.models.rental import Rental


class MessageQuerySet(models.QuerySet["Message"]):
    def visible_to(self, user: User) -> Self:
        """Those to patients of the user's clinics."""
        return self.filter(patient__clinic__in=user.visible_clinics())

    def to_decide(self) -> Self:
        """Those that did not arrive, or may not have, and that no person has dealt with yet; oldest first."""
        return self.filter(state__in=Message.TO_DECIDE, decided_at__isnull=True).order_by("pk")


# What a mail says is kept once, not in every version of its row.
@pghistory.track(exclude=["subject", "text", "html"])
class Message(models.Model):
    """One mail to one recipient.

    queued → sending → sent | retry | failed | unknown | void; retry → sending. `unknown`: it was handed
    to the mail server and nobody can tell whether it arrived; never silently sent again. A person decides
    what becomes of a failed or unknown one. `subject`, `text` and `html` are what the last attempt said.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting to be sent"
        SENDING = "sending", "Being sent"
        RETRY = "retry", "Will be tried again"
        SENT = "sent", "Sent"
        FAILED = "failed", "Could not be sent"
        UNKNOWN = "unknown", "May not have arrived"
        VOID = "void", "Not sent"

    class Decision(models.TextChoices):
        """What a person decided about one that did not arrive."""

        TOLD = "told", "Told by phone instead"
        NOT_NEEDED = "not_needed", "Not needed any more"

    TO_SEND = (State.QUEUED, State.RETRY)
    TO_DECIDE = (State.FAILED, State.UNKNOWN)

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="messages")
    channel = models.CharField(max_length=5, default="email")
    state = models.CharField(max_length=7, choices=State, default=State.QUEUED)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often it was claimed.")
    claim = models.UUIDField(null=True, help_text="Names the one attempt that owns the message while sending.")
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=240, blank=True, help_text="Why it was not sent; no patient data.")
    mail_key = models.UUIDField(
        default=uuid4, help_text="Random part of the Message-ID, so that ids used again after a restore do not clash."
    )
    subject = models.TextField(blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    decision = models.CharField(max_length=10, choices=Decision, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(state__in=["queued", "retry"]), name="message_to_send"
            ),
            models.Index(fields=["lease_until"], condition=Q(state="sending"), name="message_sending"),
            models.Index(
                fields=["id"],
                condition=Q(state__in=["failed", "unknown"], decided_at__isnull=True),
                name="message_to_decide",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["queued", "sending", "retry", "sent", "failed", "unknown", "void"]),
                name="message_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state="sending", claim__isnull=False, lease_until__isnull=False)
                | (~Q(state="sending") & Q(claim__isnull=True, lease_until__isnull=True)),
                name="message_sending_is_claimed",
            ),
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False) | (~Q(state="sent") & Q(sent_at__isnull=True)),
                name="message_sent_has_time",
            ),
            models.CheckConstraint(
                condition=Q(decision="", decided_at__isnull=True, decided_by__isnull=True)
                | Q(
                    state__in=["failed", "unknown"],
                    decision__in=["told", "not_needed"],
                    decided_at__isnull=False,
                    decided_by__isnull=False,
                ),
                name="message_decided_has_who",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="message_moves_along_the_table",
                field="state",
                transitions=[
                    ("queued", "sending"),
                    ("retry", "sending"),
                    *(("sending", end) for end in ("sent", "retry", "failed", "unknown", "void")),
                ],
            ),
            pgtrigger.Protect(
                name="message_begins_queued", operation=pgtrigger.Insert, condition=~pgtrigger.Q(new__state="queued")
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"

    @property
    def message_id(self) -> str:
        """The Message-ID of its mail, the same at every attempt."""
        domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
        return f"<{self.pk}.{self.mail_key.hex}@{domain}>"


class ReminderQuerySet(models.QuerySet["Reminder"]):
    def to_judge(self) -> Self:
        """Those not void, with all that decides whether they may be sent; adds `at_risk`."""
        lost_device = Holding.objects.filter(rental=OuterRef("rental"), live=True, device__isnull=True)
        rows = self.filter(void=False).select_related("rental__clinic", "rental__patient")
        return rows.annotate(at_risk=Exists(lost_device)).order_by("due_at", "pk")


@pghistory.track()
class Reminder(models.Model):
    """One thing to tell one recipient about one occasion of a rental, once.

    `occasion` is the day that earned it (the due day and the days overdue, say), so a new due date
    starts a series of its own. While it belongs to a message, the message's state is its state;
    `void` says that it will not be sent, and `why` for what reason.
    """

    class Kind(models.TextChoices):
        COLLECT_TOMORROW = "collect_tomorrow", "Collect tomorrow"
        DUE_SOON = "due_soon", "Due in three days"
        DUE_TODAY = "due_today", "Due today"
        OVERDUE = "overdue", "Overdue"
        OFFER = "offer", "Offer from the waiting list"

    class Why(models.TextChoices):
        """Why a reminder will not be sent."""

        SUPERSEDED = "superseded", "A later reminder of the same series replaces it"
        DATE_CHANGED = "date_changed", "The day it was about has changed"
        TOO_LATE = "too_late", "Its day has passed"
        COLLECTED = "collected", "The device was handed over"
        OFFER_OVER = "offer_over", "The offer was answered or has run out"
        RETURNED = "returned", "The device came back"
        CANCELLED = "cancelled", "The booking was given up"
        ENDED = "ended", "The rental has ended"
        WITHDRAWN = "withdrawn", "The patient has withdrawn"
        DECEASED = "deceased", "The patient has died"
        OPTED_OUT = "opted_out", "The patient wants no reminders by e-mail"
        NO_EMAIL = "no_email", "The patient has no usable e-mail address"

    rental = models.ForeignKey(Rental, on_delete=models.PROTECT, related_name="reminders")
    kind = models.CharField(max_length=20, choices=Kind)
    occasion = models.CharField(max_length=40)
    recipient = models.CharField(max_length=10, default="patient")
    channel = models.CharField(max_length=5, default="email")
    due_at = models.DateTimeField()
    void = models.BooleanField(default=False)
    why = models.CharField(max_length=20, choices=Why, blank=True)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, null=True, related_name="reminders")

    objects = ReminderQuerySet.as_manager()
    at_risk: bool  # added by `to_judge`

    class Meta:
        ordering = ("due_at", "pk")
        indexes = [
            models.Index(
                fields=["rental"], condition=Q(void=False, message__isnull=True), name="reminder_without_message"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["rental", "kind", "occasion", "recipient", "channel"], name="reminder_once"
            ),
            models.CheckConstraint(condition=Q(void=False) | ~Q(why=""), name="reminder_void_has_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.rental_id} {self.kind} {self.occasion}"

    @property
    def state_shown(self) -> str:
        """What staff see: `planned` until a message carries it, then the message's state, or `void`."""
        if self.void:
            return "void"
        return self.message.state if self.message else "planned"

    @property
    def state_label(self) -> str:
        """`state_shown` in words for staff."""
        return "Planned" if self.state_shown == "planned" else Message.State(self.state_shown).label

    @property
    def sent_at(self) -> datetime | None:
        """When its mail was accepted by the mail server."""
        return self.message.sent_at if self.message and not self.void else None

    @property
    def why_shown(self) -> str:
        """Why it was not, or not yet, sent: in words for staff, without patient data."""
        if self.void:
            return self.get_why_display()
        return self.message.why if self.message else ""
