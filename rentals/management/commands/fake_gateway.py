"""`manage.py fake_gateway FILE`: a gateway on this machine, to try fetching usage data without a real one."""

import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rentals.demo.gateway import FAULTS, FakeGateway, readouts_of


class Command(BaseCommand):
    help = "Serves the read-outs of a usage file page by page on 127.0.0.1 until Ctrl-C. Faults, one a request:\n" + (
        "\n".join(f"  {name:<13}{meaning}" for name, meaning in FAULTS.items())
    )
    requires_system_checks = []

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        return super().create_parser(*args, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV or JSON lines, as an upload takes it.")
        parser.add_argument("--port", type=int, default=8099)
        parser.add_argument("--page-size", type=int, default=20, help="Read-outs a page.")
        parser.add_argument("--token", default="", help="Refuse who does not send it.")
        parser.add_argument("--fault", default="", help="Faults in their order, one a request: 500,timeout,ok,cut")

    def handle(self, *args: Any, **given: Any) -> None:
        faults = [fault for fault in given["fault"].split(",") if fault]
        if unknown := [fault for fault in faults if fault not in FAULTS]:
            raise CommandError(f"No such fault: {', '.join(unknown)}. There are: {', '.join(FAULTS)}.")
        try:
            readouts = readouts_of(given["file"].read_text("utf-8-sig"))
        except (OSError, ValueError, KeyError) as error:
            raise CommandError(f"{given['file']} cannot be read as a usage file: {error!r}") from error
        gateway = FakeGateway(
            readouts, page_size=given["page_size"], faults=faults, token=given["token"], port=given["port"]
        )
        with gateway:
            self.stdout.write(f"USAGE_GATEWAY_URL={gateway.url}  ({len(readouts)} read-outs). Ctrl-C ends it.")
            wait_for_the_end()


def wait_for_the_end() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return
