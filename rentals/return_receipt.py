"""The receipt for a return: condition and parts, signed where the patient is there to sign. It blocks nothing."""

from datetime import datetime

from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal
from patients.access import record_access
from patients.models import Access
from rentals.deciding import deciding, lock_rental
from rentals.lifecycle import record, require
from rentals.models import Paper, Rental, Signature
from rentals.papers.keeping import digest_of, keep, papers_of
from rentals.papers.return_receipt import return_facts
from rentals.papers.typesetting import typeset
from rentals.signatures import Hand, Strokes, check_hand, signed_content, write_signature

RETURN = Signature.Purpose.RETURN
TEMPLATE, VERB = "return", "sign_return"


def return_receipt(rental: Rental, *, at: datetime, actor: User | None = None) -> Paper:
    """The receipt as the return stands: made anew when what it says was corrected. Raises `wrong_state`."""
    require(rental, VERB)
    rental = Rental.objects.select_related("clinic", "patient", "terms").get(pk=rental.pk)
    refuse_without_return(rental)
    facts = return_facts(rental)
    digest = digest_of(facts)
    newest = papers_of(rental, Paper.Kind.RETURN).filter(facts__signature=None).first()
    if newest and newest.digest == digest:
        return newest
    content = typeset(TEMPLATE, facts, rental.returned_at or at)
    return keep(rental, Paper.Kind.RETURN, facts, content, digest=digest, at=at, actor=actor)


def refuse_without_return(rental: Rental) -> None:
    """A closed rental whose device was lost or kept has no return to sign for."""
    if rental.returned_at is None:
        raise Refusal(
            "wrong_state",
            _("The device of rental %(reference)s did not come back; nothing is signed.")
            % {"reference": rental.reference},
        )


def sign_return(
    rental: Rental,
    *,
    paper: Paper,
    name: str,
    method: str,
    at: datetime,
    actor: User,
    strokes: Strokes | None = None,
    signer: str = Signature.Signer.PATIENT,
    relation: str = "",
    address: str | None = None,
) -> Rental:
    """Record that the patient, or who brought the device for a minor, signed `paper` (`return_receipt`).

    Signing again what is signed changes nothing. Raises `wrong_state`, `receipt_changed`, `guardian_needed`, and
    `invalid` (400).
    """
    require(rental, VERB)
    hand = check_hand(Hand(name, method, strokes, signer, relation, address, actor), rental, at)
    refuse_changed(rental, paper)
    signed = signed_content(paper, TEMPLATE, hand, at)
    with deciding():
        rental, _ = lock_rental(rental)
        require(rental, VERB)
        refuse_changed(rental, paper)
        if not Signature.objects.filter(paper=paper).exists():
            write_signature(rental, RETURN, hand, paper=paper, signed=signed, at=at)
            record(rental, VERB, old=rental.state, at=at, now=at, actor=actor)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def is_return_signed(rental: Rental) -> bool:
    """Whether somebody signed for the return."""
    return Signature.objects.filter(rental=rental, purpose=RETURN).exists()


def refuse_changed(rental: Rental, paper: Paper) -> None:
    is_shown = paper.rental_id == rental.pk and paper.kind == Paper.Kind.RETURN and not paper.facts["signature"]
    if not is_shown or paper.digest != digest_of(return_facts(rental)):
        raise Refusal(
            "receipt_changed", _("The return was corrected since this receipt was made; read it as it stands now.")
        )
