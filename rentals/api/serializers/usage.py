"""Usage data and recalls, as they go in and out."""

from typing import Any

from rest_framework import serializers

from patients.models import Patient
from rentals.api.fields import Input, Moment, PartNumber, Text
from rentals.api.serializers.rentals import DeviceRef
from rentals.api.serializers.verbs import LONGEST_NOTE
from rentals.models import Treatment, UsageImport
from rentals.recall import contact_of

MOST_SERIALS = 10_000


class TreatmentOut(serializers.Serializer):
    n = serializers.IntegerField()
    started_device = serializers.SerializerMethodField(help_text="What the device's clock showed: local, no zone.")
    started_corrected = Moment()
    offset_seconds = serializers.IntegerField()
    method = serializers.ChoiceField(Treatment.Method.choices)
    seconds = serializers.IntegerField()
    outcome = serializers.ChoiceField(Treatment.Outcome.choices)
    rental = serializers.SerializerMethodField()

    def get_started_device(self, treatment: Treatment) -> str:
        return treatment.started_device.isoformat()

    def get_rental(self, treatment: Treatment) -> str | None:
        return treatment.rental.reference if treatment.rental else None


class DayOut(serializers.Serializer):
    date = serializers.DateField()
    status = serializers.ChoiceField(["done", "short", "none", "unknown", "paused"])
    treatments = serializers.IntegerField()


class UsageFile(Input):
    file = serializers.FileField(help_text="CSV or JSON lines.")


class ReadOuts(Input):
    readouts = serializers.ListField(child=serializers.DictField(), min_length=1)


class ImportQueued(serializers.Serializer):
    id = serializers.IntegerField()


class Rejected(serializers.Serializer):
    line = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField()


class ImportOut(serializers.Serializer):
    """`accepted` and `duplicate` count treatments and pauses; `line` is the file's, its header being 1."""

    id = serializers.IntegerField()
    status = serializers.ChoiceField(UsageImport.Status.choices)
    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    rejected = Rejected(many=True)
    failure = serializers.CharField(allow_blank=True)


class Resolution(Input):
    note = Text(max_length=LONGEST_NOTE)


class NewRecall(Input):
    part_number = PartNumber()
    serials = serializers.ListField(child=Text(max_length=40), min_length=1, max_length=MOST_SERIALS)
    reason = Text(max_length=LONGEST_NOTE)


class RecalledDevice(DeviceRef):
    clinic = serializers.IntegerField(source="clinic_id")
    condition = serializers.CharField()


class ContactOut(serializers.Serializer):
    """How the patient can be told; the address and the number themselves stand with the patient."""

    email = serializers.BooleanField()
    phone = serializers.BooleanField()
    state = serializers.ChoiceField(Patient.State.choices)

    def to_representation(self, instance: Patient) -> Any:
        return super().to_representation(contact_of(instance))


class Holder(serializers.Serializer):
    """Who has or had the device: the rental and the patient's id. `treatments` on this device; null: unknown."""

    rental = serializers.CharField(source="rental.reference")
    patient = serializers.IntegerField(source="rental.patient_id")
    device = DeviceRef()
    out_from = Moment(source="out.lower")
    out_until = Moment(source="out.upper", allow_null=True)
    treatments = serializers.IntegerField(allow_null=True)
    contact = ContactOut(source="rental.patient")


class MovedReservation(serializers.Serializer):
    """A reservation on another device now, by serials; `from_device` is null for one that was at risk before."""

    reference = serializers.CharField()
    from_device = serializers.CharField(allow_null=True)
    to_device = serializers.CharField()


class EndangeredReservation(serializers.Serializer):
    """A reservation without a device from now on; a pinned one is left to people to move."""

    reference = serializers.CharField()
    starts_on = serializers.DateField()
    pinned = serializers.BooleanField()


class RecallOut(serializers.Serializer):
    """`holders_elsewhere`: how many more have or had one of the devices, patients of sites that the caller does not
    see."""

    id = serializers.IntegerField(source="recall.pk")
    devices = RecalledDevice(many=True)
    holders_now = Holder(many=True)
    holders_before = Holder(many=True)
    holders_elsewhere = serializers.IntegerField()
    reservations_moved = MovedReservation(many=True, source="moved")
    reservations_at_risk = EndangeredReservation(many=True, source="at_risk")
    unknown_serials = serializers.ListField(child=serializers.CharField())
