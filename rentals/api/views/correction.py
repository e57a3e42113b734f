"""What was recorded wrongly, put right by a manager; each answers with the rental as GET shows it."""

from typing import Any

from rentals.api.serializers import correction as shapes
from rentals.api.views.verbs import BaseVerb, operation
from rentals.correction import correct_device, correct_patient_of
from rentals.models import Rental


class CorrectDevice(BaseVerb):
    """Another device than the one noted went out; one noted for another rental meanwhile is exchanged with it."""

    verb = "correct_device"
    operations = operation("correct_device", shapes.CorrectDevice, "correct")

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        return correct_device(rental, **given, **self.who_and_when())


class CorrectPatient(BaseVerb):
    """The rental is another patient's."""

    verb = "correct_patient"
    operations = operation("correct_patient", shapes.CorrectPatient, "correct")

    def do(self, rental: Rental, given: dict[str, Any]) -> object:
        return correct_patient_of(rental, **given, **self.who_and_when())
