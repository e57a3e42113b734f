"""The one way in which Callus says no."""

from collections.abc import Mapping, Sequence
from typing import Any


class Refusal(Exception):
    """A rule forbids what was asked; the message tells the person at the desk what to do next.

    `code` is stable and part of the contract; `status` is the HTTP status that says it (409: the
    state of things is against it, 400: the request itself cannot be right, 403: not this role).
    `conflict` names what is in the way (reference, dates), `alternatives` what would fit, and `field`
    the input to correct. None of them ever holds patient data.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 409,
        field: str | None = None,
        conflict: Mapping[str, Any] | None = None,
        alternatives: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.field = field
        self.conflict = conflict
        self.alternatives = list(alternatives)


def invalid(field: str, message: str, code: str = "invalid") -> Refusal:
    """A 400 about one field of the input."""
    return Refusal(code, message, status=400, field=field)
