"""A real browser: the system's Chromium, never one downloaded by the tests."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Playwright keeps an event loop in the test's thread; Django would take that for asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None and os.environ.get("CALLUS_REQUIRE_BROWSER") == "1":
        pytest.fail("CALLUS_REQUIRE_BROWSER is set, but no Chromium is installed.")
    if path is None:
        pytest.skip("no Chromium is installed")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium has none for root
    return {**browser_type_launch_args, "executable_path": path, "args": sandbox}


@pytest.fixture(autouse=True)
def _no_page_stays_open(browser: Browser) -> Iterator[None]:
    """Pages that nobody looks at any more would go on asking the server and using the processor."""
    yield
    for context in browser.contexts:
        context.close()
