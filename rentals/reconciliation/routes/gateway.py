"""An HTTP gateway that hands out read-outs page by page, each page with the cursor of the next.

`GET {USAGE_GATEWAY_URL}/readouts?after=CURSOR` with a bearer token answers `{"readouts": [...], "next": CURSOR}`.
An empty cursor asks from the beginning. A page whose `next` stands still is the last one.
"""

import io
import json
import time
from collections.abc import Iterator
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy

from rentals.models import UsageImport
from rentals.reconciliation.imports import json_lines
from rentals.reconciliation.routes.route import Delivery, Route, RouteFailed

MOST_PAGES = 50  # a run
LARGEST_PAGE = 20 * 2**20  # bytes
CHUNK = 2**16  # bytes
SECONDS_OF_SILENCE, SECONDS_A_PAGE = 10.0, 30.0
LONGEST_CURSOR = 1000  # characters
TOKEN_REFUSED = {401, 403}
CURSOR_REFUSED = {400, 409, 410, 416, 422}


class Gateway(Route):
    name = "gateway"
    title = gettext_lazy("HTTP gateway")
    settings = "USAGE_GATEWAY_URL and USAGE_GATEWAY_TOKEN"
    keeps_its_place = True

    def is_set_up(self) -> bool:
        return bool(settings.USAGE_GATEWAY_URL)

    def deliveries(self, cursor: str, at: datetime) -> Iterator[Delivery]:
        seen = {cursor}
        for number in range(1, MOST_PAGES + 1):
            readouts, after = page(cursor)
            content = json_lines(readouts)
            stands_still = after in seen
            if readouts and not (stands_still and came_last(content)):
                yield Delivery(f"page {number}.jsonl", io.BytesIO(content), after)
            elif not stands_still:
                yield Delivery("", None, after)
            if stands_still:
                return
            seen.add(after)
            cursor = after


def came_last(content: bytes) -> bool:
    """Whether the last import by this route was the same: a gateway may hand out its last page for ever."""
    last = UsageImport.objects.filter(route=Gateway.name).order_by("-pk").first()
    if last is None or last.file.size != len(content):
        return False
    with last.file.open("rb") as file:
        return bool(file.read() == content)


def page(cursor: str) -> tuple[list[dict[str, Any]], str]:
    """The read-outs after `cursor`, and the cursor after them. Raises `RouteFailed` for anything else."""
    try:
        said = json.loads(ask(cursor))
    except (ValueError, RecursionError) as error:
        raise RouteFailed("The gateway’s answer is cut off or is not JSON; nothing of it was taken.") from error
    readouts = said.get("readouts") if isinstance(said, dict) else None
    if not isinstance(readouts, list) or not all(isinstance(readout, dict) for readout in readouts):
        raise RouteFailed("The gateway’s answer holds no list of read-outs; nothing of it was taken.")
    after = said.get("next", False)
    if after in (None, ""):  # many say so that there is no more
        return readouts, cursor
    if not isinstance(after, str) or len(after) > LONGEST_CURSOR or not after.isprintable():
        raise RouteFailed("The gateway’s answer does not say where to go on (`next`); nothing of it was taken.")
    return readouts, after


def ask(cursor: str) -> bytes:
    """The body of the gateway's answer; a fault of the network or of the gateway becomes `RouteFailed`."""
    until = time.monotonic() + SECONDS_A_PAGE
    try:
        connection = connect()
        try:
            connection.request("GET", address(cursor), headers=headers())
            answer = connection.getresponse()
            refuse_status(answer.status, cursor)
            return body(answer, until)
        finally:
            connection.close()
    except TimeoutError as error:
        raise RouteFailed("The gateway did not answer in time.") from error
    except (OSError, HTTPException) as error:
        raise RouteFailed("The gateway could not be reached, or broke off its answer.") from error
    except ValueError as error:
        raise RouteFailed(f"The gateway cannot be asked with these settings; correct {Gateway.settings}.") from error


def connect() -> HTTPConnection:
    """A connection that follows no redirect, so that the token goes nowhere else."""
    url = urlsplit(settings.USAGE_GATEWAY_URL)
    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    return kind(url.hostname or "", url.port, timeout=SECONDS_OF_SILENCE)


def address(cursor: str) -> str:
    return f"{urlsplit(settings.USAGE_GATEWAY_URL).path.rstrip('/')}/readouts?{urlencode({'after': cursor})}"


def headers() -> dict[str, str]:
    return {"Accept": "application/json", "Authorization": f"Bearer {settings.USAGE_GATEWAY_TOKEN}"}


def refuse_status(status: int, cursor: str) -> None:
    if status == 200:
        return
    if status in TOKEN_REFUSED:
        raise RouteFailed(
            "The gateway refuses our token: it may have run out. Get a new one and set USAGE_GATEWAY_TOKEN."
        )
    if status in CURSOR_REFUSED and cursor:
        raise RouteFailed(
            "The gateway does not know up to where it was read. The next try reads it from its beginning; what is "
            "known already is not counted twice.",
            from_the_start=True,
        )
    if 300 <= status < 400 or status == 404:
        raise RouteFailed(f"Nothing is at the gateway’s address (HTTP {status}); correct USAGE_GATEWAY_URL.")
    raise RouteFailed(f"The gateway is in trouble (HTTP {status}).")


def body(answer: HTTPResponse, until: float) -> bytes:
    """What the answer holds, whole, not too much of it, and before the moment `until` of the monotonic clock."""
    chunks, size = [], 0
    while chunk := answer.read1(CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_PAGE:
            raise RouteFailed(f"A page of the gateway is larger than {LARGEST_PAGE >> 20} MB; make its pages smaller.")
        if time.monotonic() > until:
            raise TimeoutError
    return b"".join(chunks)
