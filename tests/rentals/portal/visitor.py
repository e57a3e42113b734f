"""A patient with a browser of their own, at the pages about their hire."""

import copy
import re
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.test import Client

from rentals.links import make_portal_link
from rentals.models import Rental
from tests import make

BORN = "1990-05-17"
WRONG = "1990-05-18"
COOKIE = "patient"
# What differs between two answers that say the same: the token, and where the choice of a language leads back to.
OF_ONE_ANSWER = re.compile(r'name="(csrfmiddlewaretoken|next)" value="[^"]*"')
HIDDEN = {name: re.compile(rf'name="{name}" value="(\w+)"') for name in ("key", "paper")}


class Visitor:
    """Follows links and sends forms, with the token that the pages gave; without a script."""

    def __init__(self, rental: Rental | None = None, *, at: datetime = make.NOW, **headers: str) -> None:
        """With a `rental`, somebody who has come in by a link to its pages."""
        self.client = Client(raise_request_exception=False, enforce_csrf_checks=True, headers=headers)
        self.hidden: dict[str, str] = {}
        if rental:
            self.link = f"/p/{make_portal_link(rental, at=at)}/"
            self.see(self.link)
            assert self.send(self.link, date_of_birth=rental.patient.date_of_birth.isoformat()) == 302, self.page

    def __deepcopy__(self, copies: dict[int, Any]) -> "Visitor":
        """The same visit in a browser of its own, for a test whose module shares it."""
        copied = Visitor()
        copied.__dict__ |= {**vars(self), "client": copied.client, "hidden": dict(self.hidden)}
        copied.client.defaults = dict(self.client.defaults)
        copied.client.cookies = copy.deepcopy(self.client.cookies)
        return copied

    def see(self, address: str) -> int:
        return self.kept(self.client.get(address))

    def send(self, address: str, **entries: str) -> int:
        """Send a form with `entries`; its hidden fields are those of the form seen last."""
        token = self.client.cookies["csrftoken"].value if "csrftoken" in self.client.cookies else ""
        return self.kept(self.client.post(address, {"csrfmiddlewaretoken": token, **self.hidden, **entries}))

    def fill_in(self, address: str, **entries: str) -> int:
        """Open a page and send its form."""
        self.see(address)
        return self.send(address, **entries)

    def kept(self, answer: HttpResponse) -> int:
        self.answer = answer
        self.page = OF_ONE_ANSWER.sub("", answer.content.decode(errors="replace"))
        if "<form" in self.page:
            found = {name: hidden.search(self.page) for name, hidden in HIDDEN.items()}
            self.hidden = {name: match[1] for name, match in found.items() if match}
        return answer.status_code

    @property
    def led_to(self) -> str:
        return self.answer.headers["Location"]
