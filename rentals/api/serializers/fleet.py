"""The figures of the fleet, as they are asked for and as they go out."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rest_framework import serializers

from config.models import Clinic
from devices.models import Device
from rentals.api.fields import LARGEST_ID, Day, Input, PartNumber, VisibleField
from rentals.api.serializers.rentals import Amount
from rentals.booking.capacity import AVAILABILITIES
from rentals.fleet.definitions import DEFINITIONS
from rentals.fleet.exports import FORMATS


def may_be_unknown(**details: Any) -> serializers.Field:
    return serializers.FloatField(allow_null=True, **details)


# By unit; what is counted is whole.
FIELDS: dict[str, Callable[..., serializers.Field]] = {
    "AUD": partial(Amount, allow_null=True),
    "%": may_be_unknown,
    "weeks": may_be_unknown,
    "days": may_be_unknown,
    "day": partial(serializers.DateField, allow_null=True),
    "units": partial(serializers.IntegerField, allow_null=True),
    "cards": partial(serializers.IntegerField, allow_null=True),
}


class FleetQuery(Input):
    clinic = VisibleField(
        queryset=Clinic.objects.all(),
        pk_field=serializers.IntegerField(min_value=1, max_value=LARGEST_ID),
        required=False,
        help_text="Left out, all the clinics you work for are counted.",
    )
    model = PartNumber(required=False, help_text="A part number; left out, devices of every model are counted.")
    format = serializers.ChoiceField(["json", *FORMATS], default="json")

    def get_fields(self) -> dict[str, Any]:
        # `from` is no name that Python lets a field have.
        return super().get_fields() | {
            "from": Day(source="first", required=False, help_text="Left out, it is 27 days before `to`."),
            "to": Day(source="last", required=False, help_text="The last day, itself counted; left out, it is today."),
        }


def counts(name: str, of: Iterable[str]) -> type[serializers.Serializer]:
    """How many devices there are of each."""
    return type(name, (serializers.Serializer,), {each: serializers.IntegerField() for each in of})


ByCondition = counts("ByCondition", Device.Condition.values)
ByAvailability = counts("ByAvailability", AVAILABILITIES)


class FiguresOut(serializers.Serializer):
    by_condition = ByCondition(help_text="Every device that the clinic has or had.")
    by_availability = ByAvailability(help_text="The devices of the fleet.")

    def get_fields(self) -> dict[str, Any]:
        figures = {
            definition.name: FIELDS.get(definition.unit, serializers.IntegerField)(help_text=definition.meaning)
            for definition in DEFINITIONS
        }
        return figures | super().get_fields()


class ClinicFigures(FiguresOut):
    """The figures of one clinic."""

    def get_fields(self) -> dict[str, Any]:
        clinic = {"clinic": serializers.IntegerField(source="clinic.pk"), "name": serializers.CharField(source="title")}
        return clinic | super().get_fields()


class FleetOut(FiguresOut):
    """The figures of all clinics counted, and of each; null where there is nothing to reckon with."""

    by_clinic = ClinicFigures(many=True)

    def get_fields(self) -> dict[str, Any]:
        asked = {
            "from": serializers.DateField(source="first"),
            "to": serializers.DateField(source="last"),
            "clinic": serializers.IntegerField(
                source="clinic.pk", allow_null=True, help_text="Null for several together."
            ),
        }
        return asked | super().get_fields()
