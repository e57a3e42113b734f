"""`manage.py load_fleet FILE`: bring in a clinic's existing models, devices, patients and past rentals."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.refusals import Refusal
from rentals.history import load_fleet


class Command(BaseCommand):
    help = "Bring in a clinic's existing models, devices, patients and past rentals; can be run twice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="JSON; docs/usage-data.md describes it")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            document = json.loads(file.read_bytes())
            loaded = load_fleet(document, at=datetime.now(UTC))
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        except ValueError:
            raise CommandError(f"{file} is not JSON.") from None
        except Refusal as refusal:
            raise CommandError(refusal.message) from None
        for line in loaded.left_out:
            self.stderr.write(line)
        self.stdout.write(
            f"New: {loaded.models} models, {loaded.devices} devices, {loaded.patients} patients, "
            f"{loaded.rentals} rentals; left out: {len(loaded.left_out)}."
        )
