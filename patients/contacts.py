"""Who is told instead of, or beside, a patient: a carer, a parent, a guardian."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from config.models import User
from config.refusals import invalid
from patients.access import record_access
from patients.models import Access, Contact, Patient
from patients.register import is_named


def name_contact(
    patient: Patient,
    *,
    name: str,
    at: datetime,
    actor: User,
    relation: str = "",
    email: str = "",
    phone: str = "",
    receives: str = Contact.Receives.INSTEAD,
    is_guardian: bool = False,
) -> Contact:
    """Write down the contact person of `patient`; the history keeps who stood there before.

    Raises `invalid` for somebody who is to be told and has neither an e-mail address nor a telephone, and for a
    guardian of the patient's own name.
    """
    if receives != Contact.Receives.NOTHING and not (email or phone):
        raise invalid("email", _("Write an e-mail address or a telephone number, or choose that they receive no mail."))
    if is_guardian and is_named(patient, name):
        raise invalid(
            "name",
            _(
                "This is the patient’s own name. Write the guardian’s; where it is the same, add what tells them "
                "apart: a second name, or senior."
            ),
        )
    written: dict[str, Any] = {
        "name": name,
        "relation": relation,
        "email": email,
        "phone": phone,
        "receives": receives,
        "is_guardian": is_guardian,
    }
    with transaction.atomic():
        contact, _made = Contact.objects.update_or_create(
            patient=patient, defaults=written, create_defaults={**written, "created_at": at}
        )
        record_access(actor, [patient.pk], Access.Action.CHANGED, at)
    return contact


def contact_of(patient: Patient) -> Contact | None:
    """The contact person of `patient`, if one was named."""
    return Contact.objects.filter(patient=patient).first()
