"""Which verb is allowed when (I4), and how far back a moment may lie."""

from datetime import time, timedelta

import pytest

from rentals import agreement, care, custody, ledger, lifecycle, return_receipt
from rentals.booking import change, extension, healing, offers, waiting
from rentals.correction import correct_device, correct_patient_of
from rentals.models import Move, Priority, Rental
from rentals.models.states import MOVES, State
from rentals.patient_requests import choose_return_slot
from tests import make
from tests.refusals import refused_as
from tests.shared import shared

pytestmark = pytest.mark.django_db
LATER = make.NOW + timedelta(days=14, hours=1)


def a_moment(actor):
    return {"at": LATER, "now": LATER, "actor": actor}


def sign_change(rental, actor):
    """As the page does it: only where the device is out; here after an extension, else there is nothing to sign."""
    lifecycle.require(rental, "sign_change")
    extension.extend(rental, due_on=rental.due_on + timedelta(days=7), at=LATER, actor=actor)
    paper = agreement.current_agreement(rental, at=LATER)
    details = {"name": "Ada Example", "method": "typed", "accepted_terms_version": 1}
    return agreement.sign(rental, paper=paper, at=LATER, actor=actor, **details)


def sign_return(rental, actor):
    paper = return_receipt.return_receipt(rental, at=LATER)
    return return_receipt.sign_return(rental, paper=paper, name="Ada Example", method="typed", at=LATER, actor=actor)


VERBS = {
    "sign_change": sign_change,
    "sign_return": sign_return,
    "reserve": lambda rental, actor: waiting.reserve(rental, device=make.device(rental.clinic), at=LATER, actor=actor),
    "sign": lambda rental, actor: agreement.sign(
        rental, name="Ada Example", accepted_terms_version=1, at=LATER, actor=actor
    ),
    "pay": lambda rental, actor: ledger.pay(rental, kind="hire", amount=60, method="cash", at=LATER, actor=actor),
    "hand_over": lambda rental, actor: custody.hand_over(
        make.prepare(rental, actor=actor), counter=0, parts=[], **a_moment(actor)
    ),
    "extend": lambda rental, actor: (
        extension.extend(rental, due_on=rental.due_on + timedelta(days=7), at=LATER, actor=actor).rental
    ),
    "swap": lambda rental, actor: change.swap(
        rental, counter_out=14, device=make.device(rental.clinic), counter_in=0, **a_moment(actor)
    ),
    "change_device": lambda rental, actor: change.change_device(
        rental, device=make.device(rental.clinic), at=LATER, actor=actor
    ),
    "pin": lambda rental, actor: change.pin(rental, pinned=True, at=LATER, actor=actor),
    "confirm_healed": lambda rental, actor: healing.confirm_healed(
        rental, on=rental.clinic.day_of(LATER), imaging="CT", at=LATER, actor=actor
    ),
    "choose_return": lambda rental, actor: choose_return_slot(
        rental, day=rental.due_on, clock=time(9), at=LATER, actor=actor
    ),
    "give_gel": lambda rental, actor: care.give_gel(rental, care.Gel(), at=LATER, actor=actor),
    "plan_imaging": lambda rental, actor: care.plan_imaging(
        rental, on=rental.clinic.day_of(LATER), at=LATER, actor=actor
    ),
    "take_back": lambda rental, actor: custody.take_back(rental, counter=14, parts=[], **a_moment(actor)),
    "inspect": lambda rental, actor: make.inspect(rental, actor=actor, at=LATER),
    "report_lost": lambda rental, actor: custody.report_lost(rental, reason="Lost", at=LATER, actor=actor),
    "report_kept": lambda rental, actor: custody.report_kept(rental, reason="Bought", at=LATER, actor=actor),
    "cancel": lambda rental, actor: change.cancel(rental, reason="Ill", at=LATER, actor=actor),
    "prioritise": lambda rental, actor: waiting.prioritise(rental, priority=Priority.URGENT, at=LATER, actor=actor),
    "offer_again": lambda rental, actor: offers.offer_again(rental, at=LATER, actor=actor),
    "offer_accepted": lambda rental, actor: offers.accept_offer(rental, at=LATER, actor=actor),
    "offer_declined": lambda rental, actor: offers.decline_offer(rental, at=LATER, actor=actor),
    "correct_device": lambda rental, actor: correct_device(
        rental, device=make.device(rental.clinic), counter_out=0, reason="Wrong shelf", at=LATER, actor=actor
    ),
    "correct_patient": lambda rental, actor: correct_patient_of(
        rental, patient=make.patient(rental.clinic), reason="A namesake", at=LATER, actor=actor
    ),
}
# Written out by hand from the design, so that a slip in VERB_STATES shows.
ALLOWED = {
    "enquiry": {
        "reserve": "reserved",
        "prioritise": "enquiry",
        "offer_again": "enquiry",
        "cancel": "cancelled",
        "correct_patient": "enquiry",
    },
    "reserved": {
        "sign": "reserved",
        "pay": "reserved",
        "hand_over": "active",
        "extend": "reserved",
        "change_device": "reserved",
        "pin": "reserved",
        "plan_imaging": "reserved",
        "cancel": "cancelled",
        "correct_patient": "reserved",
    },
    "active": {
        "sign_change": "active",
        "pay": "active",
        "extend": "active",
        "swap": "active",
        "confirm_healed": "active",
        "choose_return": "active",
        "give_gel": "active",
        "plan_imaging": "active",
        "take_back": "returned",
        "report_lost": "lost",
        "report_kept": "kept",
        "correct_device": "active",
        "correct_patient": "active",
    },
    "returned": {
        "sign_return": "returned",
        "pay": "returned",
        "inspect": "closed",
        "correct_device": "returned",
        "correct_patient": "returned",
    },
    "lost": {"pay": "lost", "inspect": "closed"},
    "kept": {"pay": "kept", "inspect": "closed"},
    "closed": {"pay": "closed", "sign_return": "closed"},
    "cancelled": {"pay": "cancelled"},
}
# Who waits has had an offer; the answers to an open one are tested with the offers.
REFUSED_AS = {("enquiry", "offer_accepted"): "offer_expired", ("enquiry", "offer_declined"): "offer_expired"}


def test_every_verb_is_in_the_table():
    assert set(VERBS) == set(lifecycle.VERB_STATES)
    assert set(ALLOWED) == set(State.values) == {state.value for state in MOVES}


@shared
def actor():
    return make.manager()


@shared
def rentals(actor):
    """One in each state, by its name."""
    return {state: make.rental(state, actor=actor) for state in ALLOWED}


@pytest.mark.parametrize(("state", "verb"), [(state, verb) for state in ALLOWED for verb in ALLOWED[state]])
def test_a_verb_moves_a_rental_along_the_table(rentals, actor, state, verb):
    rental = rentals[state]
    assert VERBS[verb](rental, actor).state == ALLOWED[state][verb]
    written = rental.moves.last()
    assert (written.verb, written.old_state, written.new_state) == (verb, state, ALLOWED[state][verb])
    assert (written.actor, written.recorded_at) == (actor, LATER)
    assert Rental.objects.get(pk=rental.pk).state == ALLOWED[state][verb]


@pytest.mark.parametrize("state", ALLOWED)
def test_every_verb_that_the_table_does_not_have_is_refused(rentals, actor, state):
    rental = rentals[state]
    moves_before = rental.moves.count()
    for verb in VERBS.keys() - ALLOWED[state].keys():
        refused_as(REFUSED_AS.get((state, verb), "wrong_state"), VERBS[verb], Rental.objects.get(pk=rental.pk), actor)
        assert Rental.objects.get(pk=rental.pk).state == state, verb
        assert rental.moves.count() == moves_before, verb


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_on_a_stale_copy_sees_the_state_as_it_is_now(rentals, actor, verb):
    """The page was opened before somebody else closed the rental."""
    stale = rentals[next((state for state in ("reserved", "enquiry") if verb in ALLOWED[state]), "active")]
    if verb in {"sign", "hand_over"}:
        make.prepare(stale, actor=actor)
    if verb == "inspect":
        make.take_back(stale, at=LATER)
    seen = Rental.objects.get(pk=stale.pk)
    finish(Rental.objects.get(pk=stale.pk), actor)
    if verb == "pay":
        assert VERBS[verb](seen, actor).state in {"cancelled", "closed"}
    elif verb == "hand_over":
        refused_as("wrong_state", lambda: custody.hand_over(seen, counter=0, parts=[], **a_moment(actor)))
    else:
        refused_as("wrong_state", VERBS[verb], seen, actor)


def finish(rental, actor):
    if rental.state in {"enquiry", "reserved"}:
        change.cancel(rental, reason="Ill", at=LATER, actor=actor)
        return
    if rental.state == "active":
        rental = make.take_back(rental, at=LATER)
    make.inspect(rental, at=LATER)


def test_wrong_state_says_what_to_do_next(rentals, actor):
    rental = rentals["returned"]
    refusal = refused_as("wrong_state", VERBS["extend"], rental, actor)
    assert refusal.status == 409
    assert refusal.conflict == {"reference": rental.reference, "state": "returned"}
    assert "inspect the device" in refusal.message


def test_a_move_loses_against_a_change_it_has_not_seen(rentals):
    rental = rentals["active"]
    make.take_back(Rental.objects.get(pk=rental.pk), at=LATER)
    refused_as(
        "wrong_state",
        lambda: lifecycle.move(rental, "report_lost", to=State.LOST, at=LATER, now=LATER, actor=None, ended_at=LATER),
    )
    assert not Move.objects.filter(rental=rental, verb="report_lost").exists()


@pytest.mark.parametrize(
    ("role", "hours_back", "code"),
    [
        ("reception", 0, None),
        ("reception", 72, None),
        ("reception", 73, "too_far_back"),
        ("clinician", 73, "too_far_back"),
        ("manager", 73, None),
        ("manager", 24 * 365, None),
        ("manager", -1, "in_the_future"),
    ],
)
def test_what_was_written_on_paper_first_may_lie_days_back(role, hours_back, code):
    moment = make.NOW - timedelta(hours=hours_back)
    if code:
        refusal = refused_as(code, lambda: lifecycle.check_moment(moment, now=make.NOW, actor=make.user(role)))
        assert refusal.status == 400
    else:
        lifecycle.check_moment(moment, now=make.NOW, actor=make.user(role))


@pytest.mark.parametrize(("role", "allowed"), [("reception", False), ("manager", True)])
def test_a_return_entered_late_keeps_its_own_time_and_who_wrote_it_when(rentals, role, allowed):
    rental = rentals["active"]
    actor, came_back, entered = make.user(role), make.NOW + timedelta(days=10), make.NOW + timedelta(days=14)

    def entering():
        return custody.take_back(rental, counter=9, parts=[], at=came_back, now=entered, actor=actor)

    if not allowed:
        refused_as("too_far_back", entering)
        return
    assert entering().returned_at == came_back
    written = rental.moves.last()
    assert (written.at, written.recorded_at, written.actor) == (came_back, entered, actor)
