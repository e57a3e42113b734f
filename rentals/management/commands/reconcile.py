"""`manage.py reconcile`: everything derived, rebuilt from the raw records."""

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from config.refusals import Refusal
from devices.models import Device
from rentals.reconciliation.recompute import recompute


class Command(BaseCommand):
    help = "Rebuild corrected times, rentals, allowances, days and discrepancies from the raw records."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("serials", nargs="*", metavar="serial")
        parser.add_argument("--all", action="store_true", help="every device of every clinic")
        parser.add_argument(
            "--check", action="store_true", help="change nothing, and end with 1 when anything is not as it was kept"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["serials"]) == options["all"]:
            raise CommandError("Name the serials of the devices, or say --all.")
        devices = Device.objects.all() if options["all"] else Device.objects.filter(serial__in=options["serials"])
        known = dict(devices.values_list("pk", "serial"))
        if unknown := set(options["serials"]) - set(known.values()):
            raise CommandError(f"No device here has the serial {', '.join(sorted(unknown))}.")
        try:
            found = recompute(known, timezone.now(), keep=not options["check"])
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        for what, differed in asdict(found).items():
            self.stdout.write(f"{what:<15}{differed:>9}")
        if options["check"] and found.total:
            raise CommandError(f"{found.total} of what was kept is not what the records tell. Nothing was changed.")
        self.stdout.write(f"{len(known)} devices: {found.total} of what was kept was not what the records tell.")
