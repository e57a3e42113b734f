"""`manage.py remind`: one pass of the reminders, as the scheduler would make it."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from rentals.reminders.outbox import send_due, sweep
from rentals.reminders.plan import plan_reminders


class Command(BaseCommand):
    help = "Plan and send the reminders that are due, in one pass."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--now", help="The moment to act at, as 2026-11-30T09:00+11:00; embedded mode only.")

    def handle(self, *args: Any, now: str | None, **options: Any) -> None:
        at = moment(now) if now else datetime.now(UTC)
        unknown = sweep(at)
        plan = plan_reminders(at)
        sent = send_due(at)
        counts = {
            "planned": plan.reminders,
            "sent": sent["sent"],
            "retry": sent["retry"],
            "failed": sent["failed"],
            "unknown": unknown + sent["unknown"],
            "void": plan.void + sent["void"],
        }
        self.stdout.write("  ".join(f"{name} {count}" for name, count in counts.items()))


def moment(text: str) -> datetime:
    if not settings.EMBEDDED:
        raise CommandError("--now is for the embedded mode only: real reminders follow the real clock.")
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--now {text} is not a moment; write one like 2026-11-30T09:00+11:00.") from error
    if at.tzinfo is None:
        raise CommandError(f"--now {text} has no offset; write one like 2026-11-30T09:00+11:00.")
    return at.astimezone(UTC)
