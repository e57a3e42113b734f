"""What a manager says who puts right what was recorded wrongly."""

from devices.models import Device
from patients.models import Patient
from rentals.api.fields import VisibleField
from rentals.api.serializers.verbs import Counter, Reason


class CorrectDevice(Reason):
    """The device that went out in truth, and what its screen showed then."""

    device = VisibleField(queryset=Device.objects.all())
    counter_out = Counter()


class CorrectPatient(Reason):
    """The patient who has or had the device in truth."""

    patient = VisibleField(queryset=Patient.objects.all())
