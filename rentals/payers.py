"""Who pays for a rental where that is not the patient: an insurer, a club, a parent."""

from datetime import datetime

from django.utils.translation import gettext as _

from config.models import User
from config.refusals import invalid
from patients.access import record_access
from patients.models import Access, Payer
from rentals.correction.address import CORRECTED, is_another, mail_again
from rentals.deciding import deciding, lock_rental
from rentals.lifecycle import record
from rentals.models import Rental


def set_payer(
    rental: Rental, *, name: str, at: datetime, actor: User, email: str = "", address: str = "", reference: str = ""
) -> Rental:
    """Have `name` pay for the rental from now on; an empty name: the patient again. In any state of the rental.

    Statements, invoices and receipts made from now on name them; a receipt that did not reach an earlier address of
    the same payer is mailed to this one. Raises `invalid` (400) for an address without a name.
    """
    details = {"name": name.strip(), "email": email.strip(), "address": address.strip(), "reference": reference.strip()}
    if not details["name"] and any(details.values()):
        raise invalid("name", _("Write who pays; leave all of it empty where the patient does."))
    with deciding():
        rental = lock_rental(rental)[0]
        payer = payer_like(rental, details, at) if details["name"] else None
        if payer != rental.payer:
            before, rental.payer = rental.payer, payer
            Rental.objects.filter(pk=rental.pk).update(payer=payer)
            record(rental, "set_payer", old=rental.state, at=at, now=at, actor=actor)
            if before and payer and before.name == payer.name and is_another(payer.email, before.email):
                mail_again(rental.patient, CORRECTED, at=at, actor=actor)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def payer_like(rental: Rental, details: dict[str, str], at: datetime) -> Payer:
    """The patient's payer of exactly these details, written down if there is none yet."""
    known = Payer.objects.filter(patient=rental.patient, **details).first()
    return known or Payer.objects.create(patient=rental.patient, created_at=at, **details)
