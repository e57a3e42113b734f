"""The printed address opens the API's documentation under the strict content policy, with nothing from elsewhere."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer


@pytest.mark.django_db(transaction=True)
def test_the_printed_address_opens_the_documentation_with_nothing_from_elsewhere(page: Page, live_server: LiveServer):
    complaints: list[str] = []
    hosts: set[str | None] = set()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.goto(live_server.url)
    page.get_by_role("heading", name="Callus").wait_for()
    assert urlsplit(page.url).path == "/api/v1/docs/"
    assert complaints == []
    assert hosts - {None} == {"localhost"}
