"""What is noted with each change that a request makes."""

from typing import Any

from django.http import HttpRequest
from pghistory import middleware

from config.keys import without_keys


class HistoryMiddleware(middleware.HistoryMiddleware):
    """Notes who made a change and at which address, without a key that stands in the address."""

    def get_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().get_context(request), "url": without_keys(request.path)}
