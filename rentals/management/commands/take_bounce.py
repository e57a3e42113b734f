"""`manage.py take_bounce < mail`: a report about one of our mails, handed over by the mail server."""

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from rentals.reminders.mailbox import take_reports
from rentals.reminders.report_mails import reports_in


class Command(BaseCommand):
    help = "Take what a mail on the standard input reports about a mail of ours; for a mail server's alias or pipe."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        new = take_reports(reports_in(sys.stdin.buffer.read(), heard_at=now), source="take_bounce", heard_at=now)
        self.stdout.write(f"{new} new report{'' if new == 1 else 's'}.")
