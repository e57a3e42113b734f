"""Using the desk as a person does: signed in, page by page, with the hidden fields that a form has."""

import re
from typing import Any

from django.http import HttpResponse
from django.test import Client

from config.models import User

ONCE = re.compile(r'name="once" value="(\w+)"')


class Desk:
    """The pages as one user sees them. `see` and `send` say the status and keep the page in `page`."""

    def __init__(self, user: User) -> None:
        self.client = Client(raise_request_exception=False)
        self.client.force_login(user)

    def see(self, address: str, **query: Any) -> int:
        return self.kept(self.client.get(address, query))

    def send(self, address: str, **entries: Any) -> int:
        """Send a form without having opened it; it may be sent any number of times."""
        return self.kept(self.client.post(address, entries))

    def find(self, **asked: Any) -> int:
        """Search for a patient, and follow to what was found."""
        assert self.send("/patients/", **asked) == 302
        return self.see(self.led_to)

    def fill_in(self, address: str, **entries: Any) -> int:
        """Open the page and send its form, as it was proposed but for `entries`."""
        assert self.see(address) == 200, self.page
        return self.send(address, **{**self.proposed(), **entries})

    def proposed(self) -> dict[str, Any]:
        """What the form of the last page would send if nobody touched it."""
        form = self.answer.context["form"]
        values = {field.html_name: field.value() for field in form}
        once = ONCE.search(self.page)
        given = {name: value for name, value in values.items() if value not in (None, "", False)}
        return {**given, **({"once": once.group(1)} if once else {})}

    def kept(self, answer: Any) -> int:
        self.answer: HttpResponse | Any = answer
        self.page = answer.content.decode(errors="replace")  # a file is none that is read
        return answer.status_code

    @property
    def led_to(self) -> str:
        """Where the last answer sent the browser."""
        return self.answer.headers["Location"]

    def problems(self) -> dict[str, list[str]]:
        """What the last page said about its form, by field (`__all__`: above it)."""
        return {name: list(errors) for name, errors in self.answer.context["form"].errors.items()}
