"""Clinics, device models, devices, readings and availability, as they go in and out."""

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from config.limits import LARGEST_NUMBER
from config.models import Clinic
from devices.models import Device, DeviceModel, Reading
from devices.readings import LARGEST_COUNTER
from rentals.api.fields import LARGEST_ID, Choice, Day, Input, Moment, PartNumber, Text, VisibleField, Whole
from rentals.api.pagination import LARGEST_PAGE
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
    runs_out_on = serializers.DateField(
        allow_null=True,
        help_text="Day on which it will probably have no treatment left, at the pace of who has it now; null where "
        "nobody has it, or nobody knows what it may deliver.",
    )
    shelf_until = serializers.DateField(allow_null=True, help_text="Last day of its shelf life.")
    service_due_on = serializers.DateField(allow_null=True, help_text="Day before which it is back, to be serviced.")


class NewDevice(Input):
    serial = Text(max_length=40)
    part_number = PartNumber()
    clinic = VisibleField(queryset=Clinic.objects.all())
    condition = Choice(Device.Condition.choices)
    shelf_until = Day(required=False, allow_null=True)
    service_due_on = Day(required=False, allow_null=True)


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
        Reading.Flag.COUNTER_DOWN: _("The counter is lower than it was before; look at the screen again."),
        Reading.Flag.COUNTER_JUMP: _("The counter is higher than this time allows; look at the screen again."),
        Reading.Flag.WRONG_DEVICE: _("It was read off another unit, as a manager found."),
    }

    def get_flag(self, reading: Reading) -> str | None:
        return reading.flag or None

    def get_why(self, reading: Reading) -> str | None:
        return str(self.WHY[Reading.Flag(reading.flag)]) if reading.flag else None


class AvailabilityQuery(Input):
    clinic = VisibleField(
        queryset=Clinic.objects.all(), pk_field=serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    )
    starts_on = Day()
    due_on = Day()
    treatments = serializers.IntegerField(min_value=1, max_value=LARGEST_NUMBER)
    page = serializers.IntegerField(min_value=1, required=False)
    page_size = serializers.IntegerField(min_value=1, max_value=LARGEST_PAGE, required=False)


class OfferedDevice(serializers.Serializer):
    id = serializers.IntegerField()
    serial = serializers.CharField()
    model = ModelOfDevice()
    condition = serializers.ChoiceField(Device.Condition.choices)
    availability = serializers.ChoiceField(AVAILABILITIES)


class FittingDevice(serializers.Serializer):
    device = OfferedDevice()
    free_treatments = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField(help_text="Why it is offered, and before the next.")


class AvailabilityOut(serializers.Serializer):
    count = serializers.IntegerField(help_text="How many fit.")
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = FittingDevice(many=True, help_text="A page of those that fit, best first.")
    unknown_capacity = FittingDevice(
        many=True, help_text="Would fit too, if it is accepted that nobody knows what they have left."
    )
    why_not = serializers.DictField(child=serializers.IntegerField(), help_text="How many do not fit, by reason.")
    alternatives = serializers.ListField(
        child=serializers.DictField(),
        help_text="Where none fits: a later start, another site, a shorter first period with a planned swap.",
    )
