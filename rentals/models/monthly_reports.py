"""The fleet report that managers get by mail once a month."""

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from config.models import User


@pghistory.track()
class MonthlyReport(models.Model):
    """One mail to one manager about one month; written before it is sent, so that none is lost or sent twice (I8)."""

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting")
        SENDING = "sending", _("On its way")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        UNKNOWN = "unknown", _("Unknown whether it arrived")
        VOID = "void", _("Not needed any more")

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="monthly_reports")
    month = models.DateField(help_text="Its first day.")
    state = models.CharField(max_length=7, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    message_id = models.CharField(max_length=120, blank=True)
    why = models.TextField(blank=True, help_text="Why it was not sent.")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-month", "user")
        indexes = [
            models.Index(
                fields=["not_before"], condition=Q(state__in=["pending", "sending"]), name="monthly_report_to_send"
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["user", "month"], name="monthly_report_once"),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "sending", "sent", "failed", "unknown", "void"]),
                name="monthly_report_state_known",
            ),
            models.CheckConstraint(condition=Q(month__day=1), name="monthly_report_names_first_day"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} to {self.user}"
