"""Who stands on a paper: the clinic, the patient, and a guardian where one signs."""

from datetime import date
from typing import Any

from config.models import Clinic
from patients.models import Contact, Patient
from rentals.papers.words import line, lines

OF_AGE = 18


def clinic_facts(clinic: Clinic) -> dict[str, Any]:
    """The clinic as it lets devices: by its legal name, where it has one, with its ABN and how to reach it."""
    return {
        "name": line(clinic.name),
        "legal_name": line(clinic.legal_name or clinic.name),
        "abn": line(clinic.abn),
        "address": lines(clinic.address),
        "phone": line(clinic.phone),
        "email": line(clinic.email),
    }


def patient_lines(patient: Patient) -> list[str]:
    """The patient by name, day of birth and how to reach them."""
    born = f"born {patient.date_of_birth:%-d %B %Y}"
    return [line(patient.name), born, *filter(None, (line(patient.phone), line(patient.email)))]


def is_minor(patient: Patient, on: date) -> bool:
    """Whether the patient is under 18 on the local day `on`: a guardian signs."""
    born = patient.date_of_birth
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day)) < OF_AGE


def guardian_of(patient: Patient) -> Contact | None:
    """The contact person who may sign for the patient; None where nobody is known."""
    return Contact.objects.filter(patient=patient, is_guardian=True).first()


def guardian_line(patient: Patient) -> str | None:
    guardian = guardian_of(patient)
    return line(", ".join(filter(None, (guardian.name, guardian.relation)))) if guardian else None
