"""The signed agreement that a hand-over needs."""

from datetime import datetime

from config.models import User
from config.refusals import Refusal, invalid
from patients.access import record_access
from patients.models import Access
from rentals.deciding import deciding, lock_rental
from rentals.lifecycle import record, require
from rentals.models import Rental, Signature


def sign(rental: Rental, *, name: str, accepted_terms_version: int, at: datetime, actor: User) -> Rental:
    """Record that the patient signed the terms the rental was booked under, witnessed by `actor`.

    Signing the same version again changes nothing. Raises `wrong_state`, `terms_changed`.
    """
    require(rental, "sign")
    if not name.strip():
        raise invalid("name", "Write the name of the one who signs.")
    with deciding():
        rental, _ = lock_rental(rental)
        require(rental, "sign")
        if accepted_terms_version != rental.terms.version:
            raise Refusal(
                "terms_changed",
                f"This rental was booked under version {rental.terms.version} of the terms; have that one signed.",
                field="accepted_terms_version",
                conflict={"terms_version": rental.terms.version},
            )
        _, first = Signature.objects.get_or_create(
            rental=rental,
            terms=rental.terms,
            defaults={"name": name.strip(), "signed_at": at, "witnessed_by": actor},
        )
        if first:
            record(rental, "sign", old=rental.state, at=at, now=at, actor=actor)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def is_signed(rental: Rental) -> bool:
    """Whether the terms that the rental was booked under have been signed."""
    return Signature.objects.filter(rental=rental, terms=rental.terms_id).exists()
