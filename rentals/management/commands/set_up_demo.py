"""`manage.py set_up_demo`: the demo clinic and its four logins."""

from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from config.models import Clinic
from rentals.demo import make_demo_clinic


class Command(BaseCommand):
    help = "Make the demo clinic in an empty database; prints its logins."

    def handle(self, *args: Any, **options: Any) -> None:
        if Clinic.objects.exists():
            raise CommandError("There is a clinic already; the demo clinic is for an empty database only.")
        for username, password in make_demo_clinic(timezone.now()).items():
            self.stdout.write(f"Login: {username} {password}  (demo)")
