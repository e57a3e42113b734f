"""`manage.py api_token USERNAME`: print a new key for the API."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from config.models import ApiToken, User


class Command(BaseCommand):
    help = "Print a new API key of an active user. It is shown once; only its hash is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(f"No active user is called {options['username']}.")
        self.stdout.write(ApiToken.objects.issue(user, timezone.now()))
