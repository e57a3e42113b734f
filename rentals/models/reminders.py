"""Reminders and the messages that carry them (I8).

A reminder belongs to an occasion, not to a night; a message is one mail with claim, state and
Message-ID of its own. Rows are the truth, a task is only a poke.
"""

import pghistory
from django.db import models
from django.db.models import Q

from patients.models import Patient
from rentals.models.rental import Rental


@pghistory.track()
class Message(models.Model):
    """One mail to one recipient.

    queued → sending → sent | retry | failed | unknown | void; retry → sending. `unknown`: it was handed
    to the mail server and nobody can tell whether it arrived; never silently sent again.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"
        RETRY = "retry"
        SENT = "sent"
        FAILED = "failed"
        UNKNOWN = "unknown"
        VOID = "void"

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="messages")
    channel = models.CharField(max_length=5, default="email")
    state = models.CharField(max_length=7, choices=State, default=State.QUEUED)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.UUIDField(
        null=True, help_text="Names the one attempt that owns the message while sending."
    )
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=240, blank=True, help_text="Why it was not sent; no patient data.")

    class Meta:
        ordering = ("pk",)
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(state__in=["queued", "retry"]), name="message_to_send"
            ),
            models.Index(fields=["lease_until"], condition=Q(state="sending"), name="message_sending"),
            models.Index(
                fields=["state"], condition=Q(state__in=["failed", "unknown"]), name="message_to_decide"
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
                condition=Q(state="sent", sent_at__isnull=False)
                | (~Q(state="sent") & Q(sent_at__isnull=True)),
                name="message_sent_has_time",
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"


@pghistory.track()
class Reminder(models.Model):
    """One thing to tell one recipient about one occasion of a rental, once.

    `occasion` is the day that earned it (the due day and the days overdue, say), so a new due date
    starts a series of its own. While it belongs to a message, the message's state is its state;
    `void` says that it will not be sent, and `why` for what reason.
    """

    class Kind(models.TextChoices):
        COLLECT_TOMORROW = "collect_tomorrow"
        OVERDUE = "overdue"

    rental = models.ForeignKey(Rental, on_delete=models.PROTECT, related_name="reminders")
    kind = models.CharField(max_length=20, choices=Kind)
    occasion = models.CharField(max_length=40)
    recipient = models.CharField(max_length=10, default="patient")
    channel = models.CharField(max_length=5, default="email")
    due_at = models.DateTimeField()
    void = models.BooleanField(default=False)
    why = models.CharField(max_length=240, blank=True)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, null=True, related_name="reminders")

    class Meta:
        ordering = ("due_at", "pk")
        constraints = [
            models.UniqueConstraint(
                fields=["rental", "kind", "occasion", "recipient", "channel"], name="reminder_once"
            ),
            models.CheckConstraint(condition=Q(void=False) | ~Q(why=""), name="reminder_void_has_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.rental} {self.kind} {self.occasion}"
