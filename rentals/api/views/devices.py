"""Clinics, device models, devices, their readings and treatments, and which of them fit."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from devices.models import Device, DeviceModel, DeviceQuerySet
from devices.register import add_device
from rentals.api.endpoint import BaseList, Endpoint, Operation, StrictFilterBackend
from rentals.api.filters import DeviceFilter
from rentals.api.pagination import Pagination
from rentals.api.serializers.devices import (
    AvailabilityOut,
    AvailabilityQuery,
    ClinicOut,
    DeviceModelOut,
    DeviceOut,
    NewDevice,
    NewReading,
    ReadingOut,
)
from rentals.api.serializers.usage import TreatmentOut
from rentals.booking.alternatives import alternatives_for
from rentals.booking.availability import MOST_SHOWN, Need, load_devices
from rentals.booking.capacity import with_availability, with_capacity
from rentals.booking.finding import find_devices
from rentals.booking.offers import poke_offers
from rentals.booking.sentences import with_sentences
from rentals.reconciliation.forecast import forecasts_of
from rentals.reconciliation.readings import take_reading


class Clinics(BaseList):
    """The clinics you work for."""

    operations = {"GET": Operation("clinics_list", "clinics.read", ClinicOut)}

    def rows(self) -> Any:
        return self.actor.visible_clinics()


class DeviceModels(BaseList):
    """The types of device, and what each may deliver."""

    operations = {"GET": Operation("device_models_list", "devices.read", DeviceModelOut)}

    def rows(self) -> Any:
        return DeviceModel.objects.all()


def devices_for(view: Endpoint) -> DeviceQuerySet:
    """The devices the user may see, with counters, capacity and availability."""
    devices = Device.objects.visible_to(view.actor).select_related("model")
    return with_availability(with_capacity(devices), view.now)


def with_forecast(devices: Iterable[Any], at: datetime) -> list[Any]:
    """`devices` with the day `runs_out_on`, in a fixed number of queries."""
    listed = list(devices)
    forecasts = forecasts_of([device.pk for device in listed], at)
    for device in listed:
        device.runs_out_on = forecasts[device.pk].middle if device.pk in forecasts else None
    return listed


class Devices(BaseList):
    """The devices of your clinics; POST adds one."""

    queryset = Device.objects.all()
    filter_backends = (StrictFilterBackend,)
    filterset_class = DeviceFilter
    operations = {
        "GET": Operation("devices_list", "devices.read", DeviceOut),
        "POST": Operation("devices_add", "devices.add", DeviceOut, NewDevice, status=201),
    }

    def rows(self) -> Any:
        return devices_for(self)

    def paginate_queryset(self, queryset: Any) -> Any:
        return with_forecast(super().paginate_queryset(queryset) or [], self.now)

    def act(self) -> Response:
        given = self.read()
        device = add_device(model=given.pop("part_number"), **given, at=self.now, actor=self.actor)
        poke_offers(device.clinic_id)
        return self.answer(*with_forecast([devices_for(self).get(pk=device.pk)], self.now))


class OneDevice(Endpoint):
    """One device, with what is left of it."""

    operations = {"GET": Operation("devices_get", "devices.read", DeviceOut)}

    def get(self, request: Request, pk: int) -> Response:
        return self.answer(*with_forecast([get_object_or_404(devices_for(self), pk=pk)], self.now))


class Treatments(BaseList):
    """What the device logged, by corrected time, and for which rental each session counts."""

    operations = {"GET": Operation("devices_treatments", "usage.read", TreatmentOut)}

    def rows(self, pk: int) -> Any:
        device = get_object_or_404(Device.objects.visible_to(self.actor), pk=pk)
        return device.treatments.select_related("rental").order_by("started_corrected", "pk")

    def patients_on(self, page: Any) -> set[int]:
        return {treatment.rental.patient_id for treatment in page if treatment.rental}


class Readings(Endpoint):
    """A counter value seen on the screen; one that cannot be is kept and flagged."""

    operations = {"POST": Operation("devices_read_counter", "readings.record", ReadingOut, NewReading, status=201)}

    def act(self, pk: int) -> Response:
        device = get_object_or_404(Device.objects.visible_to(self.actor).select_related("model"), pk=pk)
        return self.answer(take_reading(device, **self.read(), at=self.now, actor=self.actor))


class Availability(Endpoint):
    """Devices that fit these days and treatments, best first, and how many do not fit and why.

    Where none fits, what would. Refused is what a booking would be refused for.
    """

    pagination_class = Pagination
    operations = {
        "GET": Operation("availability_find", "devices.read", AvailabilityOut, query=AvailabilityQuery, refuses=True),
    }

    def get(self, request: Request) -> Response:
        asked = self.read_query()
        need = Need(asked["clinic"], asked["starts_on"], asked["due_on"], asked["treatments"], asked_by=self.actor)
        found = find_devices(need, at=self.now, actor=self.actor)
        fitting = list(found.fitting)
        page = self.paginate_queryset(fitting) or []
        after = self.paginator.page.end_index()  # type: ignore[union-attr]
        paged = self.get_paginated_response(self.offered(page, fitting[after : after + 1], need))
        return self.answer(
            {
                **paged.data,
                "unknown_capacity": self.offered(found.unknown[:MOST_SHOWN], [], need),
                "why_not": found.why_not,
                "alternatives": [] if fitting else alternatives_for(need, self.now),
            }
        )

    def offered(self, ids: list[int], following: list[int], need: Need) -> list[dict[str, Any]]:
        """The devices `ids`, each with the reason for which it stands before the next."""
        devices = with_sentences(load_devices([*ids, *following], need, self.now), need, self.now)
        return [
            {"device": device, "free_treatments": device.free_treatments, "reason": reason}
            for device, reason in devices[: len(ids)]
        ]
