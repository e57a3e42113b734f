#!/usr/bin/env python
"""Callus from the command line; brings the embedded servers up for commands that need them."""

import os
import sys

from config.embedded.commands import servers_for
from config.environment import WrongEnvironment


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["run"]:
        os.environ["CALLUS_LOCAL"] = "1"  # a run from the checkout serves this machine only
    from django.core.management import execute_from_command_line

    try:
        with servers_for(sys.argv[1:]):
            execute_from_command_line(sys.argv)
    except WrongEnvironment as refusal:
        sys.exit(f"Callus: {refusal}")


if __name__ == "__main__":
    main()
