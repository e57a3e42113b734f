"""The API's documentation opens under the strict content policy, with nothing from elsewhere."""

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from tests.browser.desk import Watch


@pytest.mark.django_db(transaction=True)
def test_the_documentation_opens_with_nothing_from_elsewhere(page: Page, live_server: LiveServer):
    watch = Watch(page)
    page.goto(f"{live_server.url}/api/v1/docs/")
    page.get_by_role("heading", name="Callus").wait_for()
    assert watch.is_content(), (watch.complaints, watch.hosts)
