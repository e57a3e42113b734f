"""The agreement: made as a paper, signed, and signed anew when what it says has changed."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Max, Q
from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal, invalid
from patients.access import record_access
from patients.models import Access
from rentals.deciding import deciding, lock_rental
from rentals.lifecycle import record, require
from rentals.models import Move, Paper, Rental, Signature
from rentals.models.states import State
from rentals.papers.agreement import agreement_facts, binding_digest
from rentals.papers.keeping import keep, papers_of
from rentals.papers.parties import is_minor
from rentals.papers.typesetting import typeset
from rentals.papers.words import line
from rentals.signatures import (
    LONGEST_NAME,
    Hand,
    Strokes,
    check_hand,
    refuse_own_name,
    signed_content,
    write_signature,
)

AGREEMENT = Signature.Purpose.AGREEMENT
ON_PAPER, PATIENT, GUARDIAN = Signature.Method.ON_PAPER, Signature.Signer.PATIENT, Signature.Signer.GUARDIAN
TEMPLATE = "agreement"
SIGNED = ("sign", "sign_change")
# What makes a signature that names no paper void: the due day, the plan, or who the patient is was changed after it.
CHANGED = ("extend", "correct_patient", "correct_details")


def current_agreement(rental: Rental, *, at: datetime, actor: User | None = None) -> Paper:
    """The agreement as it stands: the paper that was signed while it holds, else the newest one to sign.

    It is made anew, as the next version, when anything that it says has changed. The PDF is made outside any lock.
    """
    rental = as_it_is(rental)
    digest = binding_digest(rental)
    signature = last_signature(rental)
    if signature and signature.paper and signature.paper.digest == digest:
        return signature.paper
    facts = agreement_facts(rental)
    newest = unsigned_papers(rental).first()
    if newest and newest.digest == digest and newest.facts == facts:
        return newest
    # The moment that the PDF bears is the booking's, so that the same facts make the same bytes.
    content = typeset(TEMPLATE, facts, rental.created_at)
    return keep(rental, Paper.Kind.AGREEMENT, facts, content, digest=digest, at=at, actor=actor)


def as_it_is(rental: Rental) -> Rental:
    """The rental as the database has it now, with what its papers name."""
    return Rental.objects.select_related("clinic", "patient", "terms").get(pk=rental.pk)


def last_signature(rental: Rental) -> Signature | None:
    """The newest signature under the agreement; with its paper, without the PDF."""
    signatures = Signature.objects.filter(rental=rental, purpose=AGREEMENT).order_by("-version")
    return signatures.select_related("paper").defer("paper__content", "strokes").first()


def unsigned_papers(rental: Rental) -> Any:
    """What was made to be signed and is not yet, newest first."""
    return papers_of(rental, Paper.Kind.AGREEMENT).filter(signature=None, facts__signature=None)


def sign(
    rental: Rental,
    *,
    name: str,
    accepted_terms_version: int,
    at: datetime,
    actor: User,
    method: str = ON_PAPER,
    strokes: Strokes | None = None,
    signer: str = PATIENT,
    relation: str = "",
    paper: Paper | None = None,
    address: str | None = None,
) -> Rental:
    """Record that the patient signed, witnessed by `actor`.

    Without `paper` it is the clinic's own paper that was signed, under the terms of the booking; for a minor it
    counts as the guardian's, and the minor's own name is refused. With the `paper` of `current_agreement` the signature
    stands under exactly that one, by any method, and a change of an active rental can be signed too. Signing again
    what is signed changes nothing. Raises `wrong_state`, `terms_changed`, `agreement_changed`, `guardian_needed`,
    `invalid` (400).
    """
    if paper is None:
        hand = hand_on_paper(rental, name, at, actor)
    else:
        hand = check_hand(Hand(name, method, strokes, signer, relation, address, actor), rental, at)
    return sign_with(rental, hand, paper=paper, accepted_terms_version=accepted_terms_version, at=at)


def sign_by_link(
    rental: Rental,
    *,
    paper: Paper,
    name: str,
    method: str,
    at: datetime,
    strokes: Strokes | None = None,
    signer: str = PATIENT,
    relation: str = "",
    address: str | None = None,
) -> Rental:
    """Record that the patient, or a guardian, signed `paper` (`current_agreement`) on the page of their link.

    Signing again what is signed changes nothing. Raises `wrong_state`, `agreement_changed`, `guardian_needed`, and
    `invalid` (400) also for a pen, which leaves no mark here.
    """
    if method == ON_PAPER:
        raise invalid("method", _("Draw your signature, or type your name."))
    hand = check_hand(Hand(name, method, strokes, signer, relation, address), rental, at)
    return sign_with(rental, hand, paper=paper, accepted_terms_version=None, at=at)


def hand_on_paper(rental: Rental, name: str, at: datetime, actor: User) -> Hand:
    """Who signed the clinic's own paper. Raises `invalid` (400), and `guardian_needed` for a minor's own name."""
    name = line(name)
    if not name or len(name) > LONGEST_NAME:
        raise invalid(
            "name",
            _("Write the name of the one who signs, in at most %(longest_name)s characters.")
            % {"longest_name": LONGEST_NAME},
        )
    minor = is_minor(rental.patient, rental.clinic.day_of(at))
    if minor:
        refuse_own_name(rental, name)
    return Hand(name, ON_PAPER, signer=GUARDIAN if minor else PATIENT, witness=actor)


def sign_with(
    rental: Rental, hand: Hand, *, paper: Paper | None, accepted_terms_version: int | None, at: datetime
) -> Rental:
    verb = verb_in(rental) if paper else "sign"
    require(rental, verb)
    signed = None
    if paper:
        refuse_changed(as_it_is(rental), paper)
        signed = signed_content(paper, TEMPLATE, hand, at)
    with deciding():
        rental, _ = lock_rental(rental)
        require(rental, verb)
        if accepted_terms_version not in {None, rental.terms.version}:
            raise terms_changed(rental)
        if paper:
            refuse_changed(rental, paper)
        if not is_signed(rental):
            write_signature(rental, AGREEMENT, hand, paper=paper, signed=signed, at=at)
            record(rental, verb, old=rental.state, at=at, now=at, actor=hand.witness)
        if hand.witness:
            record_access(hand.witness, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def verb_in(rental: Rental) -> str:
    """The verb by which a paper is signed in the rental's state: before the hand-over, or what was changed after it."""
    return "sign_change" if rental.state == State.ACTIVE else "sign"


def terms_changed(rental: Rental) -> Refusal:
    return Refusal(
        "terms_changed",
        _("This rental was booked under version %(version)s of the terms; have that one signed.")
        % {"version": rental.terms.version},
        field="accepted_terms_version",
        conflict={"terms_version": rental.terms.version},
    )


def refuse_changed(rental: Rental, paper: Paper) -> None:
    """Raise `agreement_changed` where `paper` is not what the two sides agree on now."""
    is_shown = paper.rental_id == rental.pk and paper.kind == Paper.Kind.AGREEMENT and not paper.facts["signature"]
    if not is_shown or paper.digest != binding_digest(rental):
        raise Refusal(
            "agreement_changed",
            _("The rental was changed since this agreement was made; read it as it stands now, and sign that."),
            conflict={"reference": rental.reference},
        )


def is_signed(rental: Rental) -> bool:
    """Whether what was signed last is what holds now: terms, patient, due day and treatments. A hand-over needs it."""
    return rental.pk not in without_signature([rental])


def needs_signature(rental: Rental) -> bool:
    """Whether somebody has to be asked to sign: a booking before its hand-over, or a hire that was changed."""
    return bool(needing_signature([rental]))


def needing_signature(rentals: Iterable[Rental]) -> set[int]:
    """The ids of those of `rentals` for which somebody has to be asked to sign; two queries for any number."""
    return without_signature(
        [
            rental
            for rental in rentals
            if not rental.recorded_from_history
            and (rental.state == State.ACTIVE or (rental.state == State.RESERVED and not rental.offer_expires_at))
        ]
    )


def without_signature(rentals: Iterable[Rental]) -> set[int]:
    """The ids of those of `rentals` whose newest signature is not for what holds now."""
    asked = {rental.pk: rental for rental in rentals}
    signatures = Signature.objects.filter(rental__in=asked, purpose=AGREEMENT).order_by("rental", "-version")
    newest = signatures.distinct("rental").values_list("rental", "terms", "paper__digest")
    holds = {
        pk
        for pk, terms, digest in newest
        if terms == asked[pk].terms_id and (digest is None or digest == binding_digest(asked[pk]))
    }
    paperless = {pk for pk, _, digest in newest if digest is None}
    return set(asked) - holds | changed_since(paperless)


def changed_since(rentals: Iterable[int]) -> set[int]:
    """The ids of those of `rentals` (ids) that were changed after they were signed."""
    last = Move.objects.filter(rental__in=rentals, verb__in=SIGNED + CHANGED).values("rental")
    last = last.annotate(signed=Max("pk", filter=Q(verb__in=SIGNED)), changed=Max("pk", filter=Q(verb__in=CHANGED)))
    return {one["rental"] for one in last if (one["changed"] or 0) > (one["signed"] or 0)}
