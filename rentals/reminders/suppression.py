"""Addresses to which nothing is sent any more, until a person says that they are right (I8)."""

from datetime import datetime

from django.db.models import CharField, Q
from django.db.models.functions import Lower

from patients.models import Contact, Patient, PatientQuerySet, Payer, SuppressedAddress
from rentals.models import Message


def suppress(address: str, why: SuppressedAddress.Why, *, sent_at: datetime, at: datetime) -> None:
    """Send nothing to `address` from now on; unless staff have said since the mail left at `sent_at` that it is
    right. The caller holds the transaction."""
    known = SuppressedAddress.objects.filter(address=address.lower())
    if not known.filter(lifted_at__gt=sent_at).exists():
        known.get_or_create(address=address.lower(), lifted_at=None, defaults={"why": why, "since": at})


def stop_advice(message: Message) -> None:
    """Send the patient whom `message` is about nothing more that is not strictly about the hire."""
    Patient.objects.filter(pk=message.patient_id, wants_advice=True).update(wants_advice=False)


def owners_of(address: str, patients: PatientQuerySet) -> PatientQuerySet:
    """Those of `patients` whose mail goes to `address` (in lower case): their own, a contact person's, a payer's."""
    mine = patients.filter(email__lower=address)
    contacts = Contact.objects.filter(email__lower=address).values("patient")
    payers = Payer.objects.filter(email__lower=address).values("patient")
    return patients.filter(Q(pk__in=mine.values("pk")) | Q(pk__in=contacts) | Q(pk__in=payers))


CharField.register_lookup(Lower)
