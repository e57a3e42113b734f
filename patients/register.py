"""Registering and finding patients."""

from datetime import date, datetime

from django.db import transaction
from django.db.models import Q, QuerySet, Value
from django.utils.translation import gettext as _

from config.models import Clinic, User
from config.refusals import Refusal, invalid
from patients.access import record_access
from patients.models import Access, Folded, Patient


def register_patient(
    *,
    clinic: Clinic,
    given_name: str,
    family_name: str,
    date_of_birth: date,
    at: datetime,
    actor: User,
    email: str = "",
    phone: str = "",
    email_reminders: bool = True,
    confirm_new: bool = False,
) -> Patient:
    """Register a person at `clinic`.

    Raises `possible_duplicate` unless `confirm_new`: the same folded name and birth date, or the same
    e-mail address, is already there. Raises `in_the_future` for a birth date that has not come yet.
    """
    refuse_unborn(date_of_birth, clinic, at)
    with transaction.atomic():
        # Two desks registering one person at once must see each other.
        Clinic.objects.select_for_update(no_key=True).get(pk=clinic.pk)
        patient = Patient.objects.create(
            clinic=clinic,
            given_name=given_name,
            family_name=family_name,
            date_of_birth=date_of_birth,
            email=email,
            phone=phone,
            email_reminders=email_reminders,
            created_at=at,
        )
        if not confirm_new:
            patient.refresh_from_db(fields=["folded_name"])
            refuse_duplicate(patient)
        record_access(actor, [patient.pk], Access.Action.CHANGED, at)
    return patient


def correct_patient(
    patient: Patient,
    *,
    given_name: str,
    family_name: str,
    date_of_birth: date,
    email: str,
    phone: str,
    email_reminders: bool,
    at: datetime,
    actor: User,
) -> Patient:
    """Correct what is written of `patient`; the history keeps what stood there.

    Raises `in_the_future` for a birth date that has not come yet.
    """
    refuse_unborn(date_of_birth, patient.clinic, at)
    patient.given_name, patient.family_name, patient.date_of_birth = given_name, family_name, date_of_birth
    patient.email, patient.phone, patient.email_reminders = email, phone, email_reminders
    with transaction.atomic():
        patient.save(update_fields=["given_name", "family_name", "date_of_birth", "email", "phone", "email_reminders"])
        record_access(actor, [patient.pk], Access.Action.CHANGED, at)
    return patient


def refuse_unborn(date_of_birth: date, clinic: Clinic, at: datetime) -> None:
    if date_of_birth > clinic.day_of(at):
        raise Refusal(
            "in_the_future",
            _("This date of birth has not come yet; correct it."),
            status=400,
            field="date_of_birth",
        )


def refuse_duplicate(patient: Patient) -> None:
    """Raise `possible_duplicate` when another patient of the clinic may be the same person."""
    same_person = Q(folded_name=patient.folded_name, date_of_birth=patient.date_of_birth)
    if patient.email:
        same_person |= Q(email__iexact=patient.email)
    others = Patient.objects.filter(same_person, clinic=patient.clinic_id).exclude(pk=patient.pk)
    ids = list(others.order_by("pk").values_list("pk", flat=True)[:5])
    if ids:
        raise Refusal(
            "possible_duplicate",
            _(
                "This person may be registered already: compare with the patients named here, and confirm that this is "
                "another one (confirm_new) before you register them."
            ),
            conflict={"patients": ids},
            alternatives=[{"patient": pk} for pk in ids],
        )


def is_named(patient: Patient, name: str) -> bool:
    """Whether `name` is the patient's own as it is stored, whatever its case, accents and order of words."""
    names = Patient.objects.filter(pk=patient.pk).values_list("folded_name", Folded(Value(name)))
    return any(sorted(own.split()) == sorted(written.split()) for own, written in names)


def search_patients(
    user: User,
    at: datetime,
    *,
    name: str = "",
    date_of_birth: date | None = None,
    phone: str = "",
    clinic: Clinic | None = None,
) -> QuerySet[Patient]:
    """At most 50 patients that `user` may see (of one `clinic`, if given) and that fit everything given; recorded as
    reads (I10).

    Raises `invalid` for a telephone number of fewer than four digits, which would find half the clinic.
    """
    found = fitting_patients(user, name=name, date_of_birth=date_of_birth, phone=phone)
    if clinic:
        found = found.filter(clinic=clinic)
    ids = list(found.values_list("pk", flat=True)[:50])
    record_access(user, ids, Access.Action.SEARCHED, at)
    return Patient.objects.filter(pk__in=ids)


def fitting_patients(
    user: User, *, name: str = "", date_of_birth: date | None = None, phone: str = ""
) -> QuerySet[Patient]:
    """The patients that `search_patients` finds, however many; whoever shows one records it (I10)."""
    if phone and sum(character.isdigit() for character in phone) < 4:
        raise invalid("phone", _("Write at least four digits of the number."))
    found = Patient.objects.visible_to(user).named_like(name)
    if date_of_birth:
        found = found.filter(date_of_birth=date_of_birth)
    return found.with_phone(phone) if phone else found
