"""A gateway for trying the desk without one: it hands out the read-outs of a usage file page by page over HTTP, and
fails in ways to order."""

import csv
import json
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from operator import itemgetter
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

# One request each, in their order; `ok` is one without a fault.
FAULTS = {
    "ok": "a page as it should be",
    "500": "an error of the gateway",
    "timeout": "no answer",
    "cut": "half of the answer",
    "repeat": "the page before once more",
    "skip": "the page after the one asked for, which comes when asked again",
    "wrong-cursor": "a cursor that the gateway does not know afterwards",
    "expired": "the token is refused",
    "nonsense": "a text that is no JSON",
    "redirect": "another address, which is not to be followed",
}
READ_OUT = ("serial", "part_number", "read_out_at", "device_clock", "counter")
TREATMENT = ("n", "started", "seconds", "outcome", "code")
NUMBERS = {"n", "seconds"}
PAUSE = ("paused_from", "paused_to")


class FakeGateway:
    """Serves `readouts` on a port of loopback while it is entered; `asked` counts the requests."""

    def __init__(
        self,
        readouts: list[dict[str, Any]],
        *,
        page_size: int = 20,
        faults: Iterable[str] = (),
        token: str = "",
        port: int = 0,
    ) -> None:
        self.pages = [readouts[start : start + page_size] for start in range(0, len(readouts), page_size)]
        self.faults, self.token = list(faults), token
        self.asked = 0
        self.elsewhere = "http://127.0.0.1:9"  # where a redirect leads
        self.closing = Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.gateway = self  # type: ignore[attr-defined]
        self._server.daemon_threads = True
        # It looks so often, in seconds, whether it is to stop.
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "FakeGateway":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def next_fault(self) -> str:
        self.asked += 1
        return self.faults.pop(0) if self.faults else "ok"

    def page(self, number: int, *, then: int) -> dict[str, Any]:
        """The page with this number from 0 on (empty beyond the last), and the cursor of page `then`."""
        readouts = self.pages[number] if 0 <= number < len(self.pages) else []
        return {"readouts": readouts, "next": f"page-{min(then, len(self.pages))}"}

    def number_of(self, cursor: str) -> int | None:
        """Which page comes after `cursor`; None for one that was never given out."""
        known = {"": 0, **{f"page-{number}": number for number in range(len(self.pages) + 1)}}
        return known.get(cursor)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        gateway: FakeGateway = self.server.gateway  # type: ignore[attr-defined]
        fault = gateway.next_fault()
        number = gateway.number_of(parse_qs(urlsplit(self.path).query).get("after", [""])[0])
        if urlsplit(self.path).path != "/readouts":
            self.answer(404, b"{}")
        elif fault == "expired" or (gateway.token and self.headers["Authorization"] != f"Bearer {gateway.token}"):
            self.answer(401, b'{"error": "token expired"}')
        elif number is None:
            self.answer(400, b'{"error": "unknown cursor"}')
        else:
            self.answer_page(gateway, fault, number)

    def answer_page(self, gateway: FakeGateway, fault: str, number: int) -> None:
        said = gateway.page(number, then=number + 1)
        if fault == "repeat":
            said = gateway.page(number - 1, then=number)
        elif fault == "skip":
            said = gateway.page(number + 1, then=number)
        elif fault == "wrong-cursor":
            said["next"] = f"nowhere-{time.monotonic_ns()}"
        body = json.dumps(said).encode()
        if fault == "timeout":
            gateway.closing.wait()
        elif fault == "500":
            self.answer(500, b"<h1>Internal Server Error</h1>")
        elif fault == "redirect":
            self.answer(302, b"", Location=f"{gateway.elsewhere}{self.path}")
        elif fault == "nonsense":
            self.answer(200, b"<h1>Welcome to the gateway</h1>")
        else:
            self.answer(200, body, cut=fault == "cut")

    def answer(self, status: int, body: bytes, *, cut: bool = False, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the addresses hold cursors."""


def readouts_of(content: str) -> list[dict[str, Any]]:
    """The read-outs of a good usage file, CSV or JSON lines."""
    if content.lstrip().startswith("{"):
        return [json.loads(line) for line in content.splitlines() if line.strip()]
    rows = csv.DictReader(content.splitlines(), restval="")
    described = itemgetter(*READ_OUT)
    return [readout_of(list(group)) for _, group in groupby(rows, key=described)]


def readout_of(rows: list[dict[str, str]]) -> dict[str, Any]:
    """The rows of one read-out as the object that JSON lines have for it."""
    described = {name: rows[0][name] for name in READ_OUT if rows[0][name]}
    return {
        **described,
        **({"counter": int(rows[0]["counter"])} if rows[0]["counter"] else {}),
        "treatments": [treatment_of(row) for row in rows if row["n"]],
        "pauses": [{name: row[name] for name in PAUSE} for row in rows if row[PAUSE[0]]],
    }


def treatment_of(row: dict[str, str]) -> dict[str, Any]:
    return {name: int(row[name]) if name in NUMBERS and row[name].isdigit() else row[name] for name in TREATMENT}
