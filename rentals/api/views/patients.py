"""Registering and finding patients."""

from rest_framework.response import Response

from patients.register import register_patient, search_patients
from rentals.api.endpoint import Endpoint, Operation
from rentals.api.serializers.patients import Matches, NewPatient, NewPatientOut, PatientSearch


class Patients(Endpoint):
    """Register a person at a clinic."""

    operations = {
        "POST": Operation("patients_register", "patients.register", NewPatientOut, NewPatient, status=201),
    }

    def act(self) -> Response:
        return self.answer(register_patient(**self.read(), at=self.now, actor=self.actor))


class FindPatients(Endpoint):
    """Find patients by name, date of birth or telephone number; each one shown is recorded as read."""

    operations = {
        "POST": Operation("patients_search", "patients.search", Matches, PatientSearch, repeatable=True),
    }

    def act(self) -> Response:
        return self.answer({"matches": search_patients(self.actor, self.now, **self.read())})
