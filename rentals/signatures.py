"""A signature: who gave it, how, and that it was given to exactly this paper."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal, invalid
from config.words import in_english
from patients.register import is_named
from rentals.models import Paper, Rental, Signature
from rentals.papers.keeping import append, digest_of
from rentals.papers.parties import is_minor
from rentals.papers.typesetting import typeset
from rentals.papers.words import line, moment

LONGEST_NAME, LONGEST_RELATION = 240, 80
MOST_LINES, MOST_POINTS, FEWEST_POINTS = 200, 6000, 8
PLACES = 4  # of a point's fraction; finer than any screen
WIDTH, HEIGHT = 600, 200  # of the drawing; the field on the page is three times as wide as high

Strokes = list[list[list[float]]]


@dataclass(frozen=True)
class Hand:
    """Who signs and how: a name that is typed, one that is drawn (`strokes`), or a pen on the printed paper.

    `witness` is the member of staff at whose desk it happens; without one it came by the link, from `address`.
    """

    name: str
    method: str
    strokes: Strokes | None = None
    signer: str = Signature.Signer.PATIENT
    relation: str = ""
    address: str | None = None
    witness: User | None = None


def strokes_from(text: str) -> Strokes | None:
    """The lines of a drawn signature as a page sends them, JSON; None for an empty text.

    Raises `invalid` (400) for anything but lists of points from 0 to 1, for too little to be one, and for too much.
    """
    if not text.strip():
        return None
    try:
        return checked_strokes(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise unreadable() from error


def checked_strokes(given: Any) -> Strokes:
    """`given` with its fractions cut to what is kept."""
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_LINES:
        raise unreadable()
    strokes = [[point_from(point) for point in one] if isinstance(one, list) else [] for one in given]
    drawn = sum(len(one) for one in strokes if len(one) > 1)  # a single point leaves no mark
    if not all(strokes) or drawn < FEWEST_POINTS or sum(map(len, strokes)) > MOST_POINTS:
        raise unreadable()
    return strokes


def point_from(given: Any) -> list[float]:
    is_pair = isinstance(given, list) and len(given) == 2
    if not is_pair or not all(type(one) in {int, float} and 0 <= one <= 1 for one in given):
        raise unreadable()
    return [round(float(one), PLACES) for one in given]


def unreadable() -> Refusal:
    return invalid(
        "strokes", _("The drawing is empty or cannot be read; clear it and draw once more, or type the name.")
    )


def check_hand(hand: Hand, rental: Rental, at: datetime) -> Hand:
    """`hand` as it is kept. Raises `invalid` (400), and `guardian_needed` where the patient is under 18 that day."""
    name, relation = line(hand.name), line(hand.relation)
    if not name or len(name) > LONGEST_NAME:
        raise invalid(
            "name",
            _("Write the name of the one who signs, in at most %(longest_name)s characters.")
            % {"longest_name": LONGEST_NAME},
        )
    if hand.method not in Signature.Method.values or hand.signer not in Signature.Signer.values:
        raise invalid("method", _("Choose how it is signed, and by whom."))
    strokes = checked_strokes(hand.strokes) if hand.method == Signature.Method.DRAWN else None
    is_guardian = hand.signer == Signature.Signer.GUARDIAN
    minor = is_minor(rental.patient, rental.clinic.day_of(at))
    if minor and not is_guardian:
        raise guardian_needed("signer")
    if minor:
        refuse_own_name(rental, name)
    if is_guardian and not 0 < len(relation) <= LONGEST_RELATION:
        raise invalid("relation", _("Write who the guardian is to the patient: mother, father or guardian, say."))
    return Hand(name, hand.method, strokes, hand.signer, relation if is_guardian else "", hand.address, hand.witness)


def refuse_own_name(rental: Rental, name: str) -> None:
    """Raise `guardian_needed` where `name`, under the paper of a minor, is the minor's own."""
    if is_named(rental.patient, name):
        raise guardian_needed(
            "name",
            _(
                "This is the patient’s own name. The patient is under 18, so write the name of the parent or guardian "
                "who signs; where it is the same, add what tells them apart: a second name, or senior."
            ),
        )


def guardian_needed(field: str, words: str = "") -> Refusal:
    words = words or _("The patient is under 18, so a parent or guardian signs; write their name and who they are.")
    return Refusal("guardian_needed", words, field=field)


def drawing_of(strokes: Strokes | None) -> str:
    """The strokes as an SVG made of numbers only; "" where there are none."""
    if not strokes:
        return ""
    path = " ".join("M" + " L".join(f"{x * WIDTH:.1f} {y * HEIGHT:.1f}" for x, y in one) for one in strokes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<path d="{path}" fill="none" stroke="#14213d" stroke-width="4" stroke-linecap="round" '
        'stroke-linejoin="round"/></svg>'
    )


def signature_facts(paper: Paper, hand: Hand, at: datetime) -> dict[str, Any]:
    """What the signed paper says of its signature, with the page that proves it."""
    clinic = paper.rental.clinic
    of_patient = "The patient" if hand.signer == Signature.Signer.PATIENT else f"For the patient: {hand.relation}"
    if hand.witness:
        where = f"At the desk of {line(clinic.name)}, before {line(str(hand.witness))}"
    else:
        where = "By the link that was mailed, after the patient's date of birth was given"
    return {
        "name": hand.name,
        "as_whom": of_patient,
        "when": moment(at, clinic),
        "drawing": drawing_of(hand.strokes),
        "audit": [
            ["Signed by", hand.name],
            ["As", of_patient],
            ["When", moment(at, clinic)],
            ["How", in_english(Signature.Method(hand.method).label)],
            ["Where", where],
            ["Internet address", hand.address or "not recorded"],
            ["Terms", f"version {paper.rental.terms.version}"],
            ["Paper shown", f"version {paper.version}, made {moment(paper.made_at, clinic)}"],
            ["SHA-256 of it", paper.sha256],
        ],
    }


def signed_content(paper: Paper, template: str, hand: Hand, at: datetime) -> tuple[dict[str, Any], bytes] | None:
    """The facts and the PDF of `paper` with the signature; None for one given with a pen. Called outside any lock."""
    if hand.method == Signature.Method.ON_PAPER:
        return None
    facts = {**paper.facts, "signature": signature_facts(paper, hand, at)}
    return facts, typeset(template, facts, at)


def write_signature(
    rental: Rental,
    purpose: Signature.Purpose,
    hand: Hand,
    *,
    paper: Paper | None,
    signed: tuple[dict[str, Any], bytes] | None,
    at: datetime,
) -> Signature:
    """Keep the signature, and the signed paper beside the one that was shown. The caller holds the rental's lock."""
    signed_paper = None
    if paper and signed:
        facts, content = signed
        signed_paper = append(
            rental, Paper.Kind(paper.kind), facts, content, digest=digest_of(facts), at=at, actor=hand.witness
        )
    return Signature.objects.create(
        rental=rental,
        purpose=purpose,
        terms=rental.terms,
        version=Signature.objects.filter(rental=rental, purpose=purpose).count() + 1,
        name=hand.name,
        signer=hand.signer,
        relation=hand.relation,
        method=hand.method,
        strokes=hand.strokes,
        address=hand.address,
        signed_at=at,
        witnessed_by=hand.witness,
        paper=paper,
        signed_paper=signed_paper,
    )
