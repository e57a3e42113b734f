"""Reminders: what is to be told, once an occasion, and when a site wants it told (I8).

A reminder belongs to an occasion, not to a night; the message that carries it is one mail.
"""

from datetime import datetime
from typing import Self

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.models import Clinic
from rentals.models.holdings import Holding
from rentals.models.messages import Message
from rentals.models.rental import Rental


class ReminderQuerySet(models.QuerySet["Reminder"]):
    def to_judge(self) -> Self:
        """Those not void, with all that decides whether they may be sent; adds `at_risk`."""
        lost_device = Holding.objects.filter(rental=OuterRef("rental"), live=True, device__isnull=True)
        related = ("rental__patient__contact", "rental__payer", "rental__terms")
        rows = self.filter(void=False).select_related(*related).defer("rental__terms__text")
        return rows.annotate(at_risk=Exists(lost_device)).order_by("due_at", "pk")


@pghistory.track()
class Reminder(models.Model):
    """One thing to tell one recipient about one occasion of a rental, once.

    `occasion` is the day that earned it (the due day and the days overdue, say), so a new due date
    starts a series of its own. While it belongs to a message, the message's state is its state;
    `void` says that it will not be sent, and `why` for what reason.
    """

    class Kind(models.TextChoices):
        AGREEMENT_TO_SIGN = "agreement_to_sign", _("Agreement to sign")
        COLLECT_TOMORROW = "collect_tomorrow", _("Collect tomorrow")
        FIRST_DAYS = "first_days", _("How the first days went")
        DAYS_MISSED = "days_missed", _("Days without treatment")
        TREATMENTS_LOW = "treatments_low", _("Treatments running low")
        GEL_LOW = "gel_low", _("Gel running low")
        IMAGING_DUE = "imaging_due", _("Follow-up imaging due")
        DUE_SOON = "due_soon", _("Due soon")
        DUE_TODAY = "due_today", _("Due today")
        OVERDUE = "overdue", _("Overdue")
        OFFER = "offer", _("Offer from the waiting list")
        HOW_TO_RETURN = "how_to_return", _("Healed: how to return")
        RETURNED_THANKS = "returned_thanks", _("Returned, with thanks")
        BOND_REFUNDED = "bond_refunded", _("Bond refunded")
        RECEIPT = "receipt", _("Receipt")

    class Channel(models.TextChoices):
        EMAIL = "email", _("E-mail")
        PHONE = "phone", _("Phone")

    class Why(models.TextChoices):
        """Why a reminder will not be sent."""

        SUPERSEDED = "superseded", _("A later reminder of the same series replaces it")
        DATE_CHANGED = "date_changed", _("The day it was about has changed")
        TOO_LATE = "too_late", _("Its day has passed")
        COLLECTED = "collected", _("The device was handed over")
        OFFER_OVER = "offer_over", _("The offer was answered or has run out")
        RETURNED = "returned", _("The device came back")
        CANCELLED = "cancelled", _("The booking was given up")
        ENDED = "ended", _("The rental has ended")
        WITHDRAWN = "withdrawn", _("The patient has withdrawn")
        DECEASED = "deceased", _("The patient has died")
        OPTED_OUT = "opted_out", _("The patient wants no reminders by e-mail")
        NO_EMAIL = "no_email", _("There is no usable e-mail address")
        BOUNCED = "bounced", _("Mail to this address came back")
        COMPLAINED = "complained", _("The owner of this address wants no mail from us")
        NO_ADVICE = "no_advice", _("The patient wants only what is about the hire")
        SWITCHED_OFF = "switched_off", _("The clinic does not send this kind")
        SIGNED = "signed", _("The agreement is signed")
        TREATED = "treated", _("The treatments go on")
        RENEWED = "renewed", _("There is enough again")
        IMAGED = "imaged", _("The day of the imaging has changed or passed")
        PAUSED = "paused", _("The treatment is paused")
        TASK_DONE = "task_done", _("Staff have told it by phone")

    rental = models.ForeignKey(Rental, on_delete=models.PROTECT, related_name="reminders")
    kind = models.CharField(max_length=20, choices=Kind)
    occasion = models.CharField(max_length=40)
    recipient = models.CharField(max_length=10, choices=Message.Recipient, default=Message.Recipient.PATIENT)
    channel = models.CharField(max_length=5, choices=Channel, default=Channel.EMAIL)
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
        if self.phoned_at:
            return "sent"
        return self.message.state if self.message else "planned"

    @property
    def phoned_at(self) -> datetime | None:
        """When staff had told it, where it is theirs to tell; a task that nobody did has told nothing."""
        task = getattr(self, "staff_task", None) if self.channel == self.Channel.PHONE and not self.void else None
        return task.done_at if task and task.done_by_id else None

    @property
    def state_label(self) -> str:
        """`state_shown` in words for staff."""
        if self.channel == self.Channel.PHONE and not self.void:
            return gettext("Told by phone") if self.phoned_at else gettext("To be told by phone")
        return gettext("Planned") if self.state_shown == "planned" else str(Message.State(self.state_shown).label)

    @property
    def sent_at(self) -> datetime | None:
        """When its mail was accepted by the mail server, or staff had told it by phone."""
        if self.phoned_at:
            return self.phoned_at
        return self.message.sent_at if self.message and not self.void else None

    @property
    def why_shown(self) -> str:
        """Why it was not, or not yet, sent: in words for staff, without patient data."""
        if self.void:
            return self.get_why_display()
        return self.message.why if self.message else ""


@pghistory.track()
class ReminderRule(models.Model):
    """When a site wants one kind told; without a row the defaults of `rentals.reminders.rules` count.

    `days` are before (negative) or after the day that the kind is about, in calendar or open days. `threshold`:
    unused days in a row for `days_missed`, treatments left for `treatments_low` and `gel_low`.
    """

    class Days(models.TextChoices):
        CALENDAR = "calendar", _("Calendar days")
        OPEN = "open", _("Days the doors are open")

    clinic = models.ForeignKey(Clinic, on_delete=models.CASCADE, related_name="reminder_rules")
    kind = models.CharField(max_length=20, choices=Reminder.Kind)
    enabled = models.BooleanField(default=True)
    days = ArrayField(models.SmallIntegerField(), default=list, blank=True)
    counted_in = models.CharField(max_length=8, choices=Days, default=Days.CALENDAR)
    at = models.TimeField(null=True, blank=True, help_text="Local time; empty: when the sending hours begin.")
    threshold = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        ordering = ("clinic", "kind")
        constraints = [
            models.UniqueConstraint(fields=["clinic", "kind"], name="reminder_rule_once_a_kind"),
            models.CheckConstraint(condition=Q(counted_in__in=["calendar", "open"]), name="reminder_rule_days_known"),
        ]

    def __str__(self) -> str:
        return f"{self.clinic} {self.kind}"
