"""Answers kept for Idempotency-Key (I4)."""

from django.db import models

from config.models import User


class StoredAnswer(models.Model):
    """The answer once given to a request with a key; scope: user, method, path."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    method = models.CharField(max_length=7)
    path = models.CharField(max_length=240)
    key = models.CharField(max_length=120)
    body_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="stored_answer_age")]
        constraints = [
            models.UniqueConstraint(fields=["user", "method", "path", "key"], name="stored_answer_once"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
