"""A paper kept: the facts, the PDF, and the numbers by which both are known again."""

import hashlib
import json
from datetime import datetime
from typing import Any

from django.db.models import Max, Q, QuerySet
from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal
from rentals.deciding import deciding
from rentals.models import Paper, Rental


def digest_of(said: Any) -> str:
    """SHA-256 of `said` (plain values), whatever the order of its names."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def papers_of(rental: Rental, kind: Paper.Kind) -> QuerySet[Paper]:
    """The papers of one kind, newest first; their PDFs are fetched only when asked for."""
    return Paper.objects.filter(rental=rental, kind=kind).order_by("-version").defer("content")


def papers_of_patient(rental: Rental) -> QuerySet[Paper]:
    """What the patient of the rental may read: nothing that was made while it was recorded for somebody else (I10)."""
    papers = Paper.objects.filter(rental=rental).defer("content")
    corrected = rental.moves.filter(verb="correct_patient").aggregate(last=Max("recorded_at"))["last"]
    if corrected:
        papers = papers.filter(made_at__gte=corrected)
    # Also later, an invoice to somebody else is taken back by a note to them.
    return papers.filter(Q(facts__patient_pk=rental.patient_id) | Q(facts__patient_pk__isnull=True))


def patients_of(paper: Paper) -> set[int]:
    """Whose records `paper` belongs to (ids): whom it was made for, and the patient of the rental now."""
    return {paper.rental.patient_id, paper.facts.get("patient_pk") or paper.rental.patient_id}


def keep(
    rental: Rental,
    kind: Paper.Kind,
    facts: dict[str, Any],
    content: bytes,
    *,
    digest: str,
    at: datetime,
    actor: User | None,
    number: str = "",
) -> Paper:
    """Keep `content` as the next version; where a twin has kept the same just now, the twin's paper.

    `rental` is as it was when `facts` were made. Raises `changed_meanwhile`.
    """
    with deciding():
        lock_of_same_patient(rental)
        newest = papers_of(rental, kind).first()
        if newest and newest.digest == digest and newest.facts == facts:
            return newest
        return append(rental, kind, facts, content, digest=digest, at=at, actor=actor, number=number)


def lock_of_same_patient(rental: Rental) -> None:
    """Lock the rental. Raises `changed_meanwhile` where it was given to another patient since `rental` was read: what
    was made from it says who was recorded wrongly (I10)."""
    locked = Rental.objects.select_for_update(no_key=True).get(pk=rental.pk)
    if locked.patient_id != rental.patient_id:
        raise Refusal(
            "changed_meanwhile",
            _("Rental %(reference)s was changed meanwhile; try again.") % {"reference": rental.reference},
        )


def append(
    rental: Rental,
    kind: Paper.Kind,
    facts: dict[str, Any],
    content: bytes,
    *,
    digest: str,
    at: datetime,
    actor: User | None,
    number: str = "",
) -> Paper:
    """Write the next paper of its kind. The caller holds the transaction and the rental's lock."""
    newest = papers_of(rental, kind).first()
    return Paper.objects.create(
        rental=rental,
        kind=kind,
        version=newest.version + 1 if newest else 1,
        number=number,
        digest=digest,
        facts=facts,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        made_at=at,
        made_by=actor,
    )
