"""A person with a browser at a running desk: keeps cookies, follows redirects, sends forms with their hidden fields."""

import re
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from urllib.parse import urlencode

HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


class Person:
    """Asks the desk at `root`; every address that was asked for or led to is kept in `seen`."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.seen: list[str] = []
        self.page = ""
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def see(self, address: str, **entries: str) -> int:
        """Open a page, or with `entries` send a form to it; returns the status of what came in the end."""
        data = urlencode({**self.hidden(), **entries}).encode() if entries else None
        request = urllib.request.Request(self.root + address, data=data, headers={"Referer": self.root + address})
        try:
            answer = self._opener.open(request, timeout=60)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            self.seen += [request.full_url, answer.url]
            self.page = answer.read().decode(errors="replace")
            return int(answer.status)

    def hidden(self) -> dict[str, str]:
        """The hidden fields of the page itself, not of the forms around it (search, language)."""
        return dict(HIDDEN.findall(self.page.partition("<main")[2].partition("</main>")[0]))

    def fill_in(self, address: str, **entries: str) -> int:
        """Open a page and send its form."""
        self.see(address)
        return self.see(address, **entries)

    def sign_in(self, username: str, password: str) -> None:
        status = self.fill_in("/sign-in/", username=username, password=password)
        assert status == 200, f"{username} cannot sign in: {status}"
        assert "Today at" in self.page, f"{username} is led to {self.seen[-1]}"
