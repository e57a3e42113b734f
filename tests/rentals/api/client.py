"""Asking the API as a program does: with a key, in JSON."""

from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from config.models import ApiToken, User

ROOT = "/api/v1"


class Api:
    """The API for one user; every answer is `(status, body)`."""

    def __init__(self, user: User) -> None:
        self.client = APIClient(raise_request_exception=False)
        self.client.credentials(HTTP_AUTHORIZATION=f"Token {ApiToken.objects.issue(user, timezone.now())}")

    def get(self, path: str, **query: Any) -> tuple[int, Any]:
        return seen(self.client.get(ROOT + path, query))

    def post(self, path: str, body: Any = None, *, key: str | None = None, **how: Any) -> tuple[int, Any]:
        headers = {} if key is None else {"Idempotency-Key": key}
        return seen(self.client.post(ROOT + path, {} if body is None else body, headers=headers, **how))

    def rows(self, path: str, **query: Any) -> list[Any]:
        status, body = self.get(path, **query)
        assert status == 200, body
        return body["results"]


def seen(answer: Any) -> tuple[int, Any]:
    return answer.status_code, answer.json()


def code(answer: tuple[int, Any]) -> tuple[int, str, str | None]:
    """Status, code and field of the first error."""
    status, body = answer
    error = body["errors"][0]
    return status, error["code"], error["attr"]
