"""Usage data coming in, what disagrees with it, and recalls."""

from typing import Any

from django.core.files.base import ContentFile
from django.shortcuts import get_object_or_404
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from rentals.api.endpoint import BaseList, Endpoint, Operation, StrictFilterBackend
from rentals.api.filters import DiscrepancyFilter
from rentals.api.idempotency import is_form
from rentals.api.parsers import JSONParser
from rentals.api.serializers.rentals import DiscrepancyOut
from rentals.api.serializers.usage import (
    ImportOut,
    ImportQueued,
    NewRecall,
    ReadOuts,
    RecallOut,
    Resolution,
    UsageFile,
)
from rentals.models import Discrepancy, UsageImport
from rentals.recall import start_recall
from rentals.reconciliation.discrepancies import resolve
from rentals.reconciliation.imports import json_lines, queue_import


class Imports(Endpoint):
    """Bring in usage data: a file (CSV or JSON lines), or read-outs as JSON.

    The worker takes it; ask for the result.
    """

    parser_classes = (JSONParser, MultiPartParser)
    operations = {"POST": Operation("usage_import", "usage.import", ImportQueued, ReadOuts, UsageFile, status=202)}

    def act(self) -> Response:
        file, name = self.uploaded() if is_form(self.request) else self.written_out()
        return self.answer(queue_import(file, name=name, at=self.now, actor=self.actor))

    def uploaded(self) -> tuple[Any, str]:
        file = self.checked(UsageFile, self.request.data)["file"]
        return file, file.name

    def written_out(self) -> tuple[Any, str]:
        """The read-outs of the body as the JSON lines that the importer knows."""
        return ContentFile(json_lines(self.read()["readouts"])), "readouts.jsonl"


class OneImport(Endpoint):
    """What became of an import."""

    operations = {"GET": Operation("usage_import_get", "usage.read", ImportOut)}

    def get(self, request: Request, pk: int) -> Response:
        return self.answer(get_object_or_404(UsageImport.objects.visible_to(self.actor), pk=pk))


class Discrepancies(BaseList):
    """Where the devices' own records and the desk disagree, newest first."""

    queryset = Discrepancy.objects.all()
    filter_backends = (StrictFilterBackend,)
    filterset_class = DiscrepancyFilter
    operations = {"GET": Operation("usage_discrepancies", "usage.read", DiscrepancyOut)}

    def rows(self) -> Any:
        return Discrepancy.objects.visible_to(self.actor).select_related("device", "rental")

    def patients_on(self, page: Any) -> set[int]:
        return {discrepancy.rental.patient_id for discrepancy in page if discrepancy.rental}


class Resolve(Endpoint):
    """Close a discrepancy with a note."""

    operations = {"POST": Operation("usage_resolve", "usage.resolve", DiscrepancyOut, Resolution)}

    def act(self, pk: int) -> Response:
        discrepancies = Discrepancy.objects.visible_to(self.actor).select_related("device", "rental")
        discrepancy = get_object_or_404(discrepancies, pk=pk)
        return self.answer(resolve(discrepancy, **self.read(), at=self.now, actor=self.actor))


class Recalls(Endpoint):
    """Take named units out of issue at once, and learn who has them and who had them."""

    operations = {"POST": Operation("recalls_start", "recalls.start", RecallOut, NewRecall, status=201)}

    def act(self) -> Response:
        given = self.read()
        return self.answer(start_recall(model=given.pop("part_number"), **given, at=self.now, actor=self.actor))
