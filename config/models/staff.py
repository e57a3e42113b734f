"""Who works with Callus, and the keys of outside programs."""

from datetime import datetime

import pghistory
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from config.keys import digest_of, new_key
from config.models.clinics import Clinic


@pghistory.track(exclude=["password", "last_login"])
class User(AbstractUser):
    """A member of staff. Without named clinics a user sees every clinic."""

    class Role(models.TextChoices):
        RECEPTION = "reception", _("Reception")
        CLINICIAN = "clinician", _("Clinician")
        MANAGER = "manager", _("Manager")
        AUDITOR = "auditor", _("Auditor")

    role = models.CharField(max_length=12, choices=Role, default=Role.RECEPTION)
    clinics = models.ManyToManyField(Clinic, blank=True, related_name="staff")

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=["reception", "clinician", "manager", "auditor"]), name="user_role_known"
            ),
        ]

    def visible_clinics(self) -> models.QuerySet[Clinic]:
        """The clinics this user works for."""
        named = Clinic.objects.filter(staff=self)
        return named if named.exists() else Clinic.objects.all()


class ApiTokenManager(models.Manager["ApiToken"]):
    def issue(self, user: User, at: datetime) -> str:
        """Make a key for `user` and return it; only its hash is kept, so it cannot be shown again."""
        key = new_key()
        self.create(user=user, digest=digest_of(key), created_at=at)
        return key

    def for_key(self, key: str) -> "ApiToken | None":
        return self.select_related("user").filter(digest=digest_of(key), user__is_active=True).first()


class ApiToken(models.Model):
    """A key for the API; only its hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()

    objects = ApiTokenManager()

    def __str__(self) -> str:
        return f"token of {self.user}"


class Invitation(models.Model):
    """A link by which a member of staff chooses a password: the first one, or a new one. Only its hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="invitations")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return f"invitation of {self.user}"
