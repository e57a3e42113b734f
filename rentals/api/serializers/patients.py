"""Patients, as they go in and out."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from config.models import Clinic
from rentals.api.fields import Day, Input, Text, VisibleField, YesNo


class Email(Text, serializers.EmailField):
    pass


class NewPatient(Input):
    given_name = Text(max_length=120)
    family_name = Text(max_length=120)
    date_of_birth = Day()
    email = Email(max_length=254, allow_blank=True)
    phone = Text(max_length=40, allow_blank=True)
    clinic = VisibleField(queryset=Clinic.objects.all())
    email_reminders = YesNo()
    confirm_new = YesNo(default=False)


class NewPatientOut(serializers.Serializer):
    id = serializers.IntegerField()


class PatientSearch(Input):
    """At least one of the three."""

    name = Text(required=False, min_length=2, max_length=240)
    date_of_birth = Day(required=False)
    phone = Text(required=False, min_length=3, max_length=40)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(_("Give a name, a date of birth or a telephone number."), "required")
        return attrs


class PatientOut(serializers.Serializer):
    id = serializers.IntegerField()
    given_name = serializers.CharField()
    family_name = serializers.CharField()
    date_of_birth = serializers.DateField()
    phone = serializers.CharField(allow_blank=True)
    email = serializers.CharField(allow_blank=True)


class Matches(serializers.Serializer):
    matches = PatientOut(many=True)
