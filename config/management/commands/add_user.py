"""`manage.py add_user`: a member of staff with a random password."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError

from config.clinic_setup import add_user
from config.models import Clinic, User


class Command(BaseCommand):
    help = "Add a member of staff; prints the password once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--role", choices=User.Role.values, required=True)
        parser.add_argument("--clinic", action="append", default=[], help="a clinic's name; none: every clinic")

    def handle(self, *args: Any, **options: Any) -> None:
        clinics = list(Clinic.objects.filter(name__in=options["clinic"]))
        unknown = set(options["clinic"]) - {clinic.name for clinic in clinics}
        if unknown:
            raise CommandError(f"No clinic is called {', '.join(sorted(unknown))}.")
        try:
            _, password = add_user(options["username"], role=options["role"], clinics=clinics)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stdout.write(f"Login: {options['username']} {password}  (shown once)")
