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

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            clinic = open_clinic(options["name"], time_zone=options["time_zone"], at=timezone.now())
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stdout.write(f"{clinic} is open ({clinic.time_zone}).")
        if not User.objects.exists():
            _, password = add_user("manager", role=User.Role.MANAGER)
            self.stdout.write(f"Login: manager {password}  (shown once)")
