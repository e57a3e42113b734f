"""`manage.py translations`: the catalogues of other languages, in step with what is said."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Bring the catalogues up to date with code and templates, or say with --check what is out of step."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail where something is missing")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        from config import translations  # Babel is there for developers only

        for language in (code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE):
            if not check:
                translations.write(language, translations.updated(language))
            found = translations.faults(language)
            self.stdout.write("\n".join([*found, f"{language}: {len(found)} to see to"]))
            if check and found:
                raise CommandError("The catalogues are out of step: run manage.py translations, then translate.")
