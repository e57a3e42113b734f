"""`manage.py set_up_clinic`: an empty clinic with its usual hours, first terms and one manager."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from config.clinic_setup import add_user, open_clinic
from config.models import User


class Command(BaseCommand):
    help = "Open a clinic with the usual hours, the first terms, and a manager if nobody works here yet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", default="My clinic")
        parser.add_argument("--time-zone", default="Australia/Sydney", help="such as Australia/Perth")
        parser.add_argument(
            "--holiday-region",
            help="whose public holidays close the doors, such as AU-ACT; told by the time zone if not given",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            clinic = open_clinic(
                options["name"],
                time_zone=options["time_zone"],
                holiday_region=options["holiday_region"],
                at=timezone.now(),
            )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        holidays = f"public holidays of {clinic.holiday_region}" if clinic.holiday_region else "no public holidays"
        self.stdout.write(f"{clinic} is open ({clinic.time_zone}, {holidays}).")
        if not User.objects.exists():
            _, password = add_user("manager", role=User.Role.MANAGER)
            self.stdout.write(f"Login: manager {password}  (shown once)")
