"""A real browser, and no page that outlives its test."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import how_to_launch

# Playwright keeps an event loop in the test's thread; Django would take that for asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    chromium = how_to_launch()
    if chromium is None and os.environ.get("CALLUS_REQUIRE_BROWSER") == "1":
        pytest.fail("CALLUS_REQUIRE_BROWSER is set, but no Chromium is installed.")
    if chromium is None:
        pytest.skip("no Chromium is installed")
    return {**browser_type_launch_args, **chromium}


@pytest.fixture(autouse=True)
def _no_page_stays_open(browser: Browser) -> Iterator[None]:
    """Pages that nobody looks at any more would go on asking the server and using the processor."""
    yield
    for context in browser.contexts:
        context.close()
