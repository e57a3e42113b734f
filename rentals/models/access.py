"""Keys that open one small thing without a sign-in. Only their hashes are kept."""

from django.db import models

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
    """A key, mailed to a patient, to a page about one rental, which then asks for the date of birth.

    `wrong_tries` is counted in the row, so that no parallel guesses get past the lock-out.
    """

    rental = models.ForeignKey(Rental, on_delete=models.PROTECT, related_name="links")
    key_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    wrong_tries = models.PositiveSmallIntegerField(default=0)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"link {self.pk}"
