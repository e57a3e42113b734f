"""Messages: one mail each, with claim, state and Message-ID of its own, and what is heard of it later (I8).

Rows are the truth, a task is only a poke.
"""

from email.utils import parseaddr
from typing import Self
from uuid import uuid4

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from config.models import Clinic, User
from patients.models import Patient


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
        QUEUED = "queued", _("Waiting to be sent")
        SENDING = "sending", _("Being sent")
        RETRY = "retry", _("Will be tried again")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Could not be sent")
        UNKNOWN = "unknown", _("May not have arrived")
        VOID = "void", _("Not sent")

    class Decision(models.TextChoices):
        """What a person decided about one that did not arrive."""

        TOLD = "told", _("Told by phone instead")
        RESENT = "resent", _("Sent again")
        NOT_NEEDED = "not_needed", _("Not needed any more")

    TO_SEND = (State.QUEUED, State.RETRY)
    TO_DECIDE = (State.FAILED, State.UNKNOWN)

    class Recipient(models.TextChoices):
        PATIENT = "patient", _("Patient")
        CONTACT = "contact", _("Contact person")
        PAYER = "payer", _("Payer")

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="messages")
    recipient = models.CharField(max_length=10, choices=Recipient, default=Recipient.PATIENT)
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
    provider_id = models.CharField(max_length=240, blank=True, help_text="What the mail service calls it.")
    resend_of = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="resent_as",
        help_text="The one that staff had sent again.",
    )
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
            models.Index(fields=["provider_id"], condition=~Q(provider_id=""), name="message_provider_id"),
            models.Index(fields=["lease_until"], condition=Q(state="sending"), name="message_sending"),
            models.Index(
                fields=["id"],
                condition=Q(state__in=["failed", "unknown"], decided_at__isnull=True),
                name="message_to_decide",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(recipient__in=["patient", "contact", "payer"]), name="message_recipient_known"
            ),
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
                    decision__in=["told", "resent", "not_needed"],
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
        """The Message-ID of its mail, the same at every attempt and when staff have it sent again."""
        if self.resend_of:
            return self.resend_of.message_id
        domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
        return f"<{self.pk}.{self.mail_key.hex}@{domain}>"


class MessageReport(models.Model):
    """What was heard of a message after the mail server took it: by a webhook, a mailbox or a command. Once each."""

    class Kind(models.TextChoices):
        DELIVERED = "delivered", _("Delivered")
        DEFERRED = "deferred", _("Put off")
        BOUNCED = "bounced", _("Came back")
        COMPLAINED = "complained", _("Called unwanted")
        UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")

    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="reports")
    kind = models.CharField(max_length=12, choices=Kind)
    permanent = models.BooleanField(default=False, help_text="A bounce that will not get better by trying again.")
    at = models.DateTimeField()
    heard_at = models.DateTimeField()
    source = models.CharField(max_length=40, help_text="The mail service, `mailbox` or `take_bounce`.")
    key = models.CharField(max_length=240, unique=True, help_text="Names the report, so that it counts once.")
    why = models.CharField(max_length=240, blank=True, help_text="Reply codes only; no patient data.")

    class Meta:
        ordering = ("at", "pk")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["delivered", "deferred", "bounced", "complained", "unsubscribed"]),
                name="message_report_kind_known",
            ),
            models.CheckConstraint(condition=Q(permanent=False) | Q(kind="bounced"), name="message_report_permanent"),
        ]
        triggers = [
            pgtrigger.Protect(name="message_report_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.message} {self.kind}"


class MessageTemplate(models.Model):
    """One version of a site's own words for a kind of message in a language; the highest version counts.

    `kind` is a reminder's, or `letter` for what stands around all of them. Empty words: back to the default.
    """

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="message_templates")
    kind = models.CharField(max_length=20)
    language = models.CharField(max_length=8, default="en")
    version = models.PositiveIntegerField()
    subject = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("clinic", "kind", "language", "-version")
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "kind", "language", "version"], name="message_template_version_once"
            ),
            models.CheckConstraint(
                condition=Q(subject="", text="", html="") | (~Q(text="") & ~Q(html="")), name="message_template_whole"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="message_template_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.clinic} {self.kind} {self.language} {self.version}"
