"""The system's Chromium, never one downloaded by the tests."""

import os
import shutil
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def how_to_launch() -> dict[str, Any] | None:
    """What playwright must be told to launch it; None where there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium has none for root
    return {"executable_path": path, "args": sandbox} if path else None
