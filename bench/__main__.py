"""`make bench`: runs all measurements, or those named, prints a table and writes bench/results.json."""

import importlib
import json
import pkgutil
import sys
from dataclasses import asdict
from pathlib import Path

from django.core import management

import bench
from bench import Measurement
from tests.running import fresh_database

RESULTS = Path(__file__).with_name("results.json")


def main(wanted: list[str]) -> None:
    known = [module.name for module in pkgutil.iter_modules(bench.__path__) if not module.name.startswith("_")]
    if unknown := set(wanted) - set(known):
        sys.exit(f"No such measurement: {', '.join(sorted(unknown))}. There are: {', '.join(known)}.")
    with fresh_database("bench"):
        measured = [found for name in wanted or known for found in _measure(name)]
    RESULTS.write_text(json.dumps([asdict(found) | {"ratio": found.ratio} for found in measured], indent=2) + "\n")
    _print(measured)


def _measure(name: str) -> list[Measurement]:
    print(f"measuring {name} ...", flush=True)
    try:
        return list(importlib.import_module(f"bench.{name}").measure())
    finally:
        management.call_command("flush", interactive=False, verbosity=0)  # the next one begins with nothing


def _print(measured: list[Measurement]) -> None:
    print(f"\n{'what':<50} {'seconds':>10}  {'yardstick':<50} {'seconds':>10} {'ratio':>8}")
    for found in measured:
        print(
            f"{found.what:<50} {found.seconds:>10.4f}  {found.yardstick:<50} "
            f"{found.yardstick_seconds:>10.4f} {found.ratio:>8.2f}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
