"""Clinics, device models, devices, readings and availability, as they go in and out."""

from typing import Any

from rest_framework import serializers

from config.models import Clinic
from devices.models import Device, DeviceModel, Reading
from devices.readings import LARGEST_COUNTER
from rentals.api.fields import LARGEST_ID, Choice, Day, Input, Moment, PartNumber, Text, VisibleField, Whole
from rentals.booking.availability import MOST_TREATMENTS
from rentals.booking.capacity import AVAILABILITIES


class ClinicOut(serializers.ModelSerializer):
    class Meta:
        model = Clinic
        fields = ("id", "name", "time_zone", "phone", "email", "address")


class DeviceModelOut(serializers.ModelSerializer):
    reuse_permitted = serializers.BooleanField()

    class Meta:
        model = DeviceModel
        fields = (
            "id",
            "name",
            "maker",
            "part_number",
            "gtin",
            "nominal_treatments",
            "minutes_per_treatment",
            "capacity_holder",
            "reuse_permitted",
        )


class ModelOfDevice(serializers.ModelSerializer):
    class Meta:
        model = DeviceModel
        fields = ("id", "name", "part_number", "nominal_treatments")


class DeviceOut(serializers.Serializer):
    """A device with what is left of it; null where its capacity is not known."""

    id = serializers.IntegerField()
    serial = serializers.CharField()
    model = ModelOfDevice()
    clinic = serializers.IntegerField(source="clinic_id")
    condition = serializers.ChoiceField(Device.Condition.choices)
    availability = serializers.ChoiceField(AVAILABILITIES)
    counter = serializers.IntegerField()
    used_treatments = serializers.IntegerField()
    remaining_treatments = serializers.IntegerField(allow_null=True)
    promised_treatments = serializers.IntegerField()
    free_treatments = serializers.IntegerField(allow_null=True)
    last_reading_at = Moment(allow_null=True)


class NewDevice(Input):
    serial = Text(max_length=40)
    part_number = PartNumber()
    clinic = VisibleField(queryset=Clinic.objects.all())
    condition = Choice(Device.Condition.choices)


class NewReading(Input):
    counter = Whole(min_value=0, max_value=LARGEST_COUNTER)
    read_at = Moment()


class ReadingOut(serializers.Serializer):
    """A reading that is trusted, or flagged with why; it is kept in either case."""

    id = serializers.IntegerField()
    counter = serializers.IntegerField()
    read_at = Moment()
    trusted = serializers.BooleanField()
    flag = serializers.SerializerMethodField()
    why = serializers.SerializerMethodField()

    WHY = {
        Reading.Flag.COUNTER_DOWN: "The counter is lower than it was before; look at the screen again.",
        Reading.Flag.COUNTER_JUMP: "The counter is higher than this time allows; look at the screen again.",
    }

    def get_flag(self, reading: Reading) -> str | None:
        return reading.flag or None

    def get_why(self, reading: Reading) -> str | None:
        return self.WHY[Reading.Flag(reading.flag)] if reading.flag else None


class AvailabilityQuery(Input):
    clinic = VisibleField(
        queryset=Clinic.objects.all(), pk_field=serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    )
    starts_on = Day()
    due_on = Day()
    treatments = serializers.IntegerField(min_value=1, max_value=MOST_TREATMENTS)


class OfferedDevice(serializers.Serializer):
    id = serializers.IntegerField()
    serial = serializers.CharField()
    model = ModelOfDevice()
    condition = serializers.ChoiceField(Device.Condition.choices)
    availability = serializers.ChoiceField(AVAILABILITIES)


class FittingDevice(serializers.Serializer):
    device = OfferedDevice(source="*")
    free_treatments = serializers.IntegerField()
    reason = serializers.SerializerMethodField()

    def get_reason(self, device: Any) -> str:
        return self.context["reason_for"](device)


class AvailabilityOut(serializers.Serializer):
    results = FittingDevice(many=True)
    why_not = serializers.DictField(child=serializers.IntegerField())
