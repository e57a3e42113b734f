"""The API's documentation opens in a browser under the strict content policy, with nothing from elsewhere."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer


@pytest.mark.django_db(transaction=True)
def test_api_documentation_opens_with_nothing_from_elsewhere(page: Page, live_server: LiveServer):
    complaints: list[str] = []
    hosts: set[str | None] = set()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.goto(f"{live_server.url}/api/v1/docs/")
    page.get_by_role("heading", name="Callus").wait_for()
    assert complaints == []
    assert hosts - {None} == {"localhost"}
