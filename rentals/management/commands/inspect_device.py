"""`manage.py inspect_device`: a device that no returned rental waits for."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from config.models import User
from config.refusals import Refusal
from devices.models import Device
from rentals.custody import inspect_unit


class Command(BaseCommand):
    help = "Inspect a device in quarantine or repair: swapped out, new to the clinic, or back from repair."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("part_number")
        parser.add_argument("serial")
        parser.add_argument("verdict", choices=["passed", "failed"])
        parser.add_argument("--by", required=True, help="the username of the one who inspected it")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = User.objects.filter(username=options["by"], is_active=True).first()
        if actor is None:
            raise CommandError(f"Nobody here is called {options['by']}.")
        units = Device.objects.visible_to(actor).select_related("model")
        device = units.filter(model__part_number=options["part_number"], serial=options["serial"]).first()
        if device is None:
            raise CommandError("No device here has this part number and serial number.")
        try:
            inspection = inspect_unit(
                device, passed=options["verdict"] == "passed", checks={}, at=timezone.now(), actor=actor
            )
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"Device {device.serial} is {inspection.device.get_condition_display().lower()} now.")
