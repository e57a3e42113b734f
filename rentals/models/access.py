"""Keys that open one small thing without a sign-in. Only their hashes are kept."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.models import Clinic, User
from rentals.models.rental import Rental


class CalendarFeed(models.Model):
    """A key to one site's pick-ups and returns, for a calendar program; without patient names. Revocable."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="calendar_feeds")
    name = models.CharField(max_length=80, help_text="Whose calendar or screen reads it.")
    key_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    last_read_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ("name", "pk")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(revoked_at__isnull=True, revoked_by__isnull=True)
                | models.Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="calendar_feed_revoked_has_who",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.clinic} {self.name}"


class PatientLink(models.Model):
    """A key, mailed to a patient, to the pages about one rental, which then ask for the date of birth.

    `wrong_tries` is counted in the row, so that no parallel guesses get past the lock-out. One to an offer lasts
    as long as the offer.
    """

    class Purpose(models.TextChoices):
        OFFER = "offer", _("An offer")
        PORTAL = "portal", _("The patient's page")

    rental = models.ForeignKey(Rental, on_delete=models.PROTECT, related_name="links")
    purpose = models.CharField(max_length=6, choices=Purpose, default=Purpose.OFFER)
    key_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    wrong_tries = models.PositiveSmallIntegerField(default=0)
    locked_until = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.CheckConstraint(condition=models.Q(purpose__in=["offer", "portal"]), name="patient_link_purpose"),
        ]

    def __str__(self) -> str:
        return f"link {self.pk}"


class PortalSession(models.Model):
    """A short stay on the patient's page after the right date of birth; its key lives in a cookie of its own."""

    link = models.ForeignKey(PatientLink, on_delete=models.PROTECT, related_name="sessions")
    key_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"portal session {self.pk}"
