"""The report on the fleet."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from rentals.api.endpoint import Endpoint, Operation
from rentals.api.schema import AutoSchema
from rentals.api.serializers.fleet import FleetOut, FleetQuery
from rentals.fleet.exports import FORMATS, download
from rentals.fleet.figures import fleet_figures, period


class FilesToo(AutoSchema):
    """Describes the files that may be answered instead of JSON."""

    def get_response_serializers(self) -> Any:
        media_types = (kind.content_type.partition(";")[0] for kind in FORMATS.values())
        files = {(200, media_type): OpenApiTypes.BINARY for media_type in media_types}
        return super().get_response_serializers() | files


class Fleet(Endpoint):
    """What the fleet is, does and earns, as JSON or as a file.

    No figure shows a patient, so nothing is recorded as a read of one.
    """

    schema = FilesToo()
    operations = {"GET": Operation("reports_fleet", "reports.read", FleetOut, query=FleetQuery)}

    def get(self, request: Request) -> HttpResponseBase:
        asked = self.read_query()
        clinics = [asked["clinic"]] if "clinic" in asked else list(self.actor.visible_clinics())
        first, last = period(clinics, asked.get("first"), asked.get("last"), self.now)
        figures = fleet_figures(clinics, first, last, self.now, asked.get("model"))
        return self.answer(figures) if asked["format"] == "json" else download(figures, asked["format"])
