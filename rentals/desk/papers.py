"""The papers of a rental as its page shows them."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from rentals.agreement import needs_signature
from rentals.models import Paper, Rental, Signature
from rentals.models.states import State
from rentals.return_receipt import is_return_signed


@dataclass(frozen=True)
class PapersShown:
    """What was made, newest first, and what is still to be signed: its page and the words on its button."""

    made: list[Paper]
    signed: set[int]
    to_sign: tuple[str, str] | None
    return_to_sign: bool


def papers_shown(rental: Rental) -> PapersShown:
    made = Paper.objects.filter(rental=rental).defer("content", "facts").order_by("-made_at", "-pk")
    signed = Signature.objects.filter(rental=rental, signed_paper__isnull=False).values_list("signed_paper", flat=True)
    is_out = rental.state == State.ACTIVE
    page = ("sign-change", _("Sign the change")) if is_out else ("sign", _("Sign the agreement"))
    return PapersShown(
        made=list(made),
        signed={pk for pk in signed if pk},
        to_sign=page if needs_signature(rental) else None,
        return_to_sign=rental.returned_at is not None and not is_return_signed(rental),
    )
